// Convolutions and poolings of any rank and of float64, and operators of types that go through wider ones, against the reference
// evaluation: for each instruction set and one and two threads.
#include "runtime/native_cases.h"

namespace cycloid {
namespace {

using namespace native_cases;

constexpr Case kCases[] = {
    {"convolutions_of_doubles",
     R"(g (double[6,4,3,3] k0, double[6,2,2,3] k1, double[5,3,4] k2, double[3,2,2,3,3] k3, double[4,1,3,2] k4, double[2,4,9,11] x, double[6] b, double[1,3,20] l, double[1,2,4,5,6] v) => (double[?,?,?,?] p, double[?,?,?,?] q, double[?,?,?] r, double[?,?,?,?,?] s, double[?,?,?,?] t) {
        p = Conv <pads=[1,1,1,1]> (x, k0, b) q = Conv <group=2, strides=[2,3], dilations=[2,1]> (x, k1, b) r = Conv <auto_pad="SAME_UPPER", strides=[2]> (l, k2) s = Conv <pads=[0,1,2,1,0,2]> (v, k3) t = Conv <group=4, pads=[1,0,2,1]> (x, k4) })",
     8, 256 * kUlp64},
    {"convolutions_of_volumes",
     R"(g (float[1,4,5,9,11] x, float[2,3,6,7,60] y) => (float[?,?,?,?,?] p, float[?,?,?,?,?] q, float[?,?,?,?,?] r) {
        p = Conv <pads=[1,1,1,1,1,1]> (x, W[70,4,3,3,3], B[70]) q = Conv <strides=[2,1,3], group=2> (x, W[4,2,2,2,3]) c = Conv <pads=[1,1,1,1,1,1], dilations=[1,2,2]> (y, W[5,3,3,2,2]) r = Relu (c) })",
     8, 512 * kUlp},
    {"weights_of_the_run",
     R"(g (float[2,4,9,11] x, float[6,4,3,3] w, float[6] b, float[4,1,2,2] d) => (float[?,?,?,?] p, float[?,?,?,?] q, float[?,?,?,?] r) <int64[3] axes = {0, 2, 3}> {
        v = Neg (w) p = Conv <pads=[1,1,1,1]> (x, v, b) q = Conv <group=4, strides=[2,2]> (x, d) c = ReduceMean <keepdims=0> (x, axes) r = Conv (x, W[4,4,2,2], c) })",
     8, 256 * kUlp},
    {"transposed_convolutions",
     R"(g (double[4,5,3,3] k0, double[5] k1, double[4,1,2,3] k2, double[3,2,4] k3, float[1,4,3,4,5] x, double[2,4,6,7] y, double[1,3,9] z) => (float[?,?,?,?,?] p, float[?,?,?,?,?] q, double[?,?,?,?] r, double[?,?,?,?] s, double[?,?,?] t, float[?,?,?,?,?] u) {
        p = ConvTranspose <strides=[2,2,2]> (x, W[4,3,2,2,2], B[3]) q = ConvTranspose <group=2, strides=[1,2,3], pads=[0,1,1,1,0,1], output_padding=[0,1,2]> (x, W[4,2,3,3,3], B[4]) r = ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> (y, k0, k1)
        s = ConvTranspose <dilations=[2,1], group=4> (y, k2) t = ConvTranspose <auto_pad="SAME_UPPER", strides=[3]> (z, k3) u = ConvTranspose (x, W[4,2,1,2,3]) })",
     8, 512 * kUlp},
    {"poolings_of_doubles",
     R"(g (double[2,3,11,14] x, double[1,2,20] l) => (double[?,?,?,?] p, double[?,?,?,?] q, double[?,?,?,?] r, double[?,?,?] s, double[?,?,?,?] t, double[?,?,?,?] u, double[?,?,?,?] v) {
        p = MaxPool <kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1]> (x) q = AveragePool <kernel_shape=[2,3], pads=[1,1,0,1]> (x) r = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1, strides=[2,3]> (x)
        s = MaxPool <kernel_shape=[4], dilations=[2], ceil_mode=1, strides=[3]> (l) t = LpPool <kernel_shape=[2,2], p=1> (x) u = GlobalAveragePool (x) v = GlobalMaxPool (x) })",
     8, 64 * kUlp64},
    {"poolings_of_volumes",
     R"(g (float[1,3,6,8,40] x) => (float[?,?,?,?,?] p, float[?,?,?,?,?] q, float[?,?,?,?,?] r, float[?,?,?,?,?] s, float[?,?,?,?,?] t) {
        p = MaxPool <kernel_shape=[2,2,2], strides=[2,2,2]> (x) q = AveragePool <kernel_shape=[3,3,3], strides=[2,2,2], pads=[1,1,1,1,1,1]> (x) r = LpPool <kernel_shape=[1,2,3]> (x) s = GlobalAveragePool (x) t = MaxPool <kernel_shape=[3,3,3], pads=[1,0,1,1,1,0]> (x) })",
     8, 64 * kUlp},
    {"norms_of_windows",
     R"(g (float[1,3,9,12] x) => (float[?,?,?,?] p, float[?,?,?,?] q, float[?,?,?,?] r) {
        p = LpPool <kernel_shape=[3,2], strides=[2,2], ceil_mode=1> (x) q = LpPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER", p=1> (x) r = LpPool <kernel_shape=[2,3], dilations=[2,2], auto_pad="VALID"> (x) })",
     8, 64 * kUlp},
    {"normalised_batches",
     R"(g (double[2,3,5] x, float[1,4,3,4,5] y, double[3] s, double[3] b, double[3] m) => (double[?,?,?] p, float[?,?,?,?,?] q) <double[3] v = {0.5, 1, 2}, float[4] w = {0.5, 1, 2, 3}> {
        p = BatchNormalization <epsilon=0.001> (x, s, b, m, v) q = BatchNormalization (y, S[4], B[4], M[4], w) })",
     8, 64 * kUlp},
    {"normalised_rows_of_doubles",
     R"(g (double[6,7] x, double[7] s, double[7] b, double[7] m, double[6,1] a) => (double[?,?] p, double[?,?] q) <double[7] v = {0.5, 1, 2, 3, 4, 5, 6}> {
        p = BatchNormalization (x, s, b, m, v) c = Mul (a, x) q = Add (s, c) })",
     8, 64 * kUlp64},
    {"reductions_of_small_integers",
     R"(g (int64[3,40] a) => (uint8[?,?] p, int8[?,?] q, uint32[?,?] r, bool[?,?] s, uint32[?,?] t, uint64[?,?] u, uint32[?,?] v, uint64[?,?] w, int64[?,?] i, int64[?,?] j, int8[?,?] k, int64[?,?] l, uint16[?,?] m, int64[?,?] n)
        <int64[1] one = {1}, int64[1] five = {5}> {
        c = Cast <to=2> (a) p = ReduceMax (c, one) d = Cast <to=3> (a) q = ReduceMin (d, one) e = Cast <to=12> (a) r = ReduceMax (e, one) f = Cast <to=9> (a) s = ReduceMin (f, one) t = ReduceSum (e, one) h = Cast <to=13> (a) u = ReduceSumSquare (h, one) v = ReduceL1 (e, one) w = ReduceProd (h, one)
        i = ArgMax <axis=1> (c) j = ArgMin <axis=0> (d) k, l = TopK (d, five) o = Cast <to=4> (a) m, n = TopK <largest=0> (o, five) })",
     120},
    {"codes_of_other_types",
     R"(g (float16[3,40] h, float16 e, int64[3,40] a, bfloat16[3,40] b, float16[3] f, float[3] w) => (uint8[?,?] p, int8[?,?] q, int8[?,?] r, float16[?,?] s, float[?,?] t, uint8[?,?] u)
        <uint8 z = {3}, int8[3] y = {1, -1, 0}, float d = {0.05}, int8 n = {0}> {
        g1 = Abs (f) g2 = Exp (g1) g3 = Abs (e) g4 = Exp (g3) g5 = Abs (w) g6 = Exp (g5) p = QuantizeLinear (h, g4, z) q = QuantizeLinear <axis=0> (h, g2, y) c = Cast <to=6> (a) r = QuantizeLinear <axis=0> (c, g6, y) s = DequantizeLinear (c, e) t = DequantizeLinear <axis=0> (c, w) k = Cast <to=16> (d) u = QuantizeLinear (b, k, z) })",
     250, 2 * kUlp},
    {"halves_that_choose",
     R"(g (float16[3,40] h, float16[1,2,5,6] x, float16[1,3,4,2] c) => (float16[?,?] p, int64[?,?] q, float16[?,?] r, float16[?,?,?,?] s) <int64[1] k = {7}> {
        p, q = TopK (h, k) r = Hardmax (h) s = GridSample <mode="nearest"> (x, c) })"},
    {"thresholds_of_doubles",
     R"(g (double[3,40] x) => (double[?,?] p, double[?,?] q) { p = ThresholdedRelu <alpha=0.3> (x) q = Shrink <lambd=0.4, bias=0.25> (x) })"},
};

class NativeWindows : public testing::TestWithParam<Case> {};
TEST_P(NativeWindows, AgreeWithTheReferenceEvaluation) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Cases, NativeWindows, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cycloid
