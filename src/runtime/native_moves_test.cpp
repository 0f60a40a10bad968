// Operators that move or pool elements, of every element size and in both layouts, against the reference evaluation.
#include "runtime/native_cases.h"

namespace cycloid {
namespace {

using namespace native_cases;

// Of a convolution, so that what follows is channels-last.
#define CYCLOID_CONV "c = Conv <kernel_shape=[1,1]> (x, W[24,3,1,1]) "

constexpr Case kCases[] = {
    {"transpose_of_every_size",
     R"(g (uint8[10,80,7] x, float16[5,33,18] h, float[20,50] f, int64[9,4,5] i, bool[40,21] b) => (uint8[?,?,?] p, float16[?,?,?] q, float[?,?] r, int64[?,?,?] s, bool[?,?] t) {
        p = Transpose <perm=[1,2,0]> (x) q = Transpose <perm=[2,0,1]> (h) r = Transpose (f) s = Transpose <perm=[2,0,1]> (i) t = Transpose (b) })",
     250},
    {"slices_with_steps",
     R"(g (uint8[9,40] x, float16[9,40] h, int64[9,40] i) => (uint8[?,?] p, float16[?,?] q, int64[?,?] r) <int64[2] from = {1, 30}, int64[2] to = {9, 2}, int64[2] axes = {0, 1}, int64[2] step = {2, -3}> {
        p = Slice (x, from, to, axes, step) q = Slice (h, from, to, axes, step) r = Slice (i, from, to, axes, step) })",
     250},
    {"depth_to_space_and_back",
     R"(g (float[2,18,5,7] x, uint8[1,8,20,3] u, float16[1,4,4,4] h, int64[1,12,6,4] i) => (float[?,?,?,?] p, float[?,?,?,?] q, uint8[?,?,?,?] r, float16[?,?,?,?] s, int64[?,?,?,?] t, float[?,?,?,?] v) {
        p = DepthToSpace <blocksize=3> (x) q = DepthToSpace <blocksize=3, mode="CRD"> (x) r = DepthToSpace <blocksize=2, mode="CRD"> (u) s = SpaceToDepth <blocksize=2> (h) t = SpaceToDepth <blocksize=2> (i) v = SpaceToDepth <blocksize=3> (p) })",
     250},
    {"depth_to_space_of_channels_last",
     "g (float[2,3,6,8] x) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?,?] v) { " CYCLOID_CONV
     "y = DepthToSpace <blocksize=2> (c) z = DepthToSpace <blocksize=2, mode=\"CRD\"> (c) v = SpaceToDepth "
     "<blocksize=2> (c) }",
     8, 64 * kUlp},
    {"pads_of_every_mode_and_size",
     R"(g (uint8[3,5,6] x, float16[4,70] h, float[2,3,4,5] f, int64[7] i, bool[3,4] b) => (uint8[?,?,?] p, float16[?,?] q, float[?,?,?,?] r, int64[?] s, bool[?,?] t, float[?,?,?,?] u, float[?,?,?,?] v)
        <int64[6] a = {1, 0, 2, 0, 3, 1}, uint8 seven = {7}, int64[4] c = {0, 3, 0, 5}, int64[8] d = {0, 1, 2, 0, 0, 1, 1, 3}, int64[2] e = {3, 4}, int64[4] k = {-1, 2, 1, -2}, int64[2] l = {2, 1}, int64[1] m = {-2}, float half = {0.5}> {
        p = Pad (x, a, seven) q = Pad <mode="reflect"> (h, c) r = Pad <mode="edge"> (f, d) s = Pad <mode="wrap"> (i, e) t = Pad (b, k) u = Pad <mode="constant"> (f, l, half, m) v = Pad <mode="reflect"> (f, d) })",
     250},
    {"pad_of_whole_planes",
     R"(g (float[1,20,40,30] x, uint8[2,3,50,60] u) => (float[?,?,?,?] p, uint8[?,?,?,?] q, uint8[?,?,?,?] r) <int64[8] a = {0, 5, 0, 0, 0, 7, 0, 0}, int64[8] b = {1, 0, 0, 0, 0, 2, 0, 0}> {
        p = Pad (x, a) q = Pad (u, b) r = Pad <mode="edge"> (u, b) })",
     250},
    {"pad_of_channels_last",
     "g (float[2,3,6,8] x) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[8] a = {0, 2, 1, 0, 0, 3, 1, 2}> "
     "{ " CYCLOID_CONV "y = Pad (c, a) z = Pad <mode=\"edge\"> (c, a) }",
     8, 64 * kUlp},
    {"nearest_by_whole_factors",
     R"(g (float[2,3,5,19] x, uint8[1,4,6,40] u, float16[1,2,3,17] h, int64[1,2,3,5] i) => (float[?,?,?,?] p, uint8[?,?,?,?] q, float16[?,?,?,?] r, int64[?,?,?,?] s, float[?,?,?,?] t)
        <float[4] two = {1, 1, 2, 2}, float[4] four = {1, 1, 1, 4}, float[4] three = {1, 1, 3, 3}, float[4] rows = {1, 1, 4, 1}> {
        p = Resize <mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"> (x, , two) q = Resize <mode="nearest"> (u, , two) r = Resize <mode="nearest"> (h, , four)
        s = Resize <mode="nearest"> (i, , three) t = Resize <mode="nearest"> (x, , rows) })",
     250},
    {"nearest_before_a_convolution",
     R"(g (float[2,3,5,19] x) => (float[?,?,?,?] y) <float[4] two = {1, 1, 2, 2}> { r = Resize <mode="nearest"> (x, , two) y = Conv <kernel_shape=[1,1]> (r, W[24,3,1,1]) })",
     8, 64 * kUlp},
    {"pools_of_planes",
     R"(g (float[2,5,23,50] x, float[3,4,37] w) => (float[?,?,?,?] p, float[?,?,?,?] q, float[?,?,?,?] r, float[?,?,?,?] s, float[?,?,?,?] t, float[?,?,?,?] u, float[?,?,?] v) {
        p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (x) q = MaxPool <kernel_shape=[3,3], strides=[2,1], pads=[1,1,1,1]> (x) r = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1> (x)
        s = AveragePool <kernel_shape=[3,2], strides=[1,3], pads=[1,0,0,1], ceil_mode=1> (x) t = GlobalAveragePool (x) u = GlobalMaxPool (x) v = MaxPool <kernel_shape=[3], dilations=[2]> (w) })",
     8, 64 * kUlp},
    {"batch_normalization_of_planes",
     R"(g (float[3,5,6,11] x, float[2,4,30] w, float[2,4,3] s) => (float[?,?,?,?] p, float[?,?,?] q, float[?,?,?] r)
        <float[5] a = {1, 2, 3, 4, 5}, float[5] b = {0.5, 1, 1.5, 2, 2.5}, float[4] c = {1, -2, 3, 0.5}, float[4] d = {0.5, 1, 1.5, 2}> {
        n = BatchNormalization (x, a, b, b, a) p = Relu (n) q = BatchNormalization (w, c, d, d, d) r = BatchNormalization (s, c, d, d, d) })",
     8, 16 * kUlp},
    {"products_of_few_rows",
     R"(g (float[1,70] x, float[33,70] b, float[33] c, float[3,70] z) => (float[?,?] p, float[?,?] q, float[?,?] r) {
        p = Gemm <transB=1> (x, b, c) q = Gemm <transB=1, alpha=0.5> (z, b) s = Gemm <transB=1> (z, b, c) r = Relu (s) })",
     8, 256 * kUlp},
    {"transposed_convolution_of_taps_side_by_side",
     R"(g (float[2,3,5,9] x) => (float[?,?,?,?] p, float[?,?,?,?] q) {
        c = ConvTranspose <kernel_shape=[2,2], strides=[2,2]> (x, W[3,20,2,2], B[20]) p = Relu (c) q = ConvTranspose <kernel_shape=[3,4], strides=[2,4], pads=[1,0,0,0]> (x, W[3,7,3,4]) })",
     8, 64 * kUlp},
    {"top_of_rows",
     R"(g (float[5,300] x, int64[3,200] i, float[40,7] w) => (float[?,?] a, int64[?,?] b, int64[?,?] c, int64[?,?] d, float[?,?] e, int64[?,?] f, float[?,?] k, int64[?,?] l) <int64[1] ten = {10}, int64[1] many = {90}> {
        a, b = TopK (x, ten) c, d = TopK <largest=0> (i, many) e, f = TopK <axis=0> (w, ten) k, l = TopK <largest=0> (x, ten) })",
     20},
    {"double_roots",
     R"(g (double[5,37] x, float[41] w) => (double[?,?] y, float[?] z) { a = Abs (x) y = Sqrt (a) b = Abs (w) z = Sqrt (b) })"},
};

class NativeMoves : public testing::TestWithParam<Case> {};

TEST_P(NativeMoves, AgreesWithTheReferenceEvaluation) { check_case(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Cases, NativeMoves, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cycloid
