// Operators on images and sequences beside the common ones, against the reference evaluation.
#include "runtime/native_cases.h"

namespace cycloid {
namespace {

using namespace native_cases;

constexpr Case kCases[] = {
    {"col2im_of_every_type",
     R"(g (float[2,18,30] x, double[1,4,6] d, uint8[1,8,6] u, int32[1,4,6] i, int64[1,4,6] l) => (float[?,?,?,?] y, double[?,?,?,?] z, uint8[?,?,?,?] t, int32[?,?,?,?] v, int64[?,?,?,?] w)
        <int64[2] image = {5, 6}, int64[2] block = {3, 3}, int64[2] small = {4, 6}, int64[2] two = {2, 2}> {
        y = Col2Im <pads=[1,1,1,1]> (x, image, block) z = Col2Im <strides=[2,2]> (d, small, two) t = Col2Im <strides=[2,2]> (u, small, two)
        v = Col2Im <strides=[2,2]> (i, small, two) w = Col2Im <strides=[2,2]> (l, small, two) })",
     200, 8 * kUlp},
    {"col2im_of_other_ranks",
     R"(g (float[1,6,9] x, float[1,8,24] z, float[2,4,20] s) => (float[?,?,?] y, float[?,?,?,?,?] t, float[?,?,?,?] v)
        <int64[1] line = {20}, int64[1] three = {3}, int64[3] cube = {2, 3, 4}, int64[3] twos = {2, 2, 2}, int64[2] image = {6, 9}, int64[2] block = {2, 2}> {
        y = Col2Im <strides=[2]> (x, line, three) t = Col2Im <pads=[0,1,0,1,0,1]> (z, cube, twos) v = Col2Im <dilations=[2,3], strides=[1,2], pads=[0,1,1,1]> (s, image, block) })",
     8, 8 * kUlp},
    {"col2im_of_patches",
     R"(g (float[2,24,15] x, double[1,6,28] d, int64[1,24,8] l) => (float[?,?,?,?] y, double[?,?,?] z, int64[?,?,?,?,?] t)
        <int64[2] image = {12, 10}, int64[2] block = {4, 2}, int64[1] line = {84}, int64[1] three = {3}, int64[3] cube = {4, 4, 6}, int64[3] edges = {2, 2, 3}> {
        y = Col2Im <strides=[4,2]> (x, image, block) z = Col2Im <strides=[3]> (d, line, three) t = Col2Im <strides=[2,2,3]> (l, cube, edges) })",
     200},
    {"largest_of_regions",
     R"(g (float[2,21,9,7] x, float[1,3,5,5] z) => (float[?,?,?,?] p, float[?,?,?,?] q, float[?,?,?,?] s)
        <float[6,5] r = {0, 0, 0, 5, 5, 1, -2, 1, 9, 7, 0, 3, 3, 3, 3, 1, 20, 20, 30, 30, 0, 4, 4, 1, 1, 1.5, 0.5, 1.5, 4.4, 6.6}, float[1,5] one = {0, 0, 0, 90, 90}> {
        p = MaxRoiPool <pooled_shape=[3,2]> (x, r) q = MaxRoiPool <pooled_shape=[4,4], spatial_scale=0.5> (x, r) s = MaxRoiPool <pooled_shape=[1,1], spatial_scale=0.1> (z, one) })"},
    {"unpool_of_what_was_pooled",
     R"(g (float[2,5,8,12] x, double[1,2,6,6] d) => (float[?,?,?,?] y, float[?,?,?,?] z, double[?,?,?,?] t) <int64[4] wide = {2, 5, 9, 15}> {
        p, i = MaxPool <kernel_shape=[2,2], strides=[2,2]> (x) y = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (p, i) z = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (p, i, wide)
        q, j = MaxPool <kernel_shape=[2,2], strides=[2,2]> (d) t = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (q, j) })",
     8, 0, 2},
    {"unpool_into_other_planes",
     R"(g (float[2,3,4,4] x, int64[2,3,4,4] i, float16[2,3,32] h, int64[2,3,32] j) => (float[?,?,?,?] y, float[?,?,?,?] z, float16[?,?,?] t) <int64[4] wide = {2, 3, 9, 8}> {
        y = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (x, i) z = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (x, i, wide) t = MaxUnpool <kernel_shape=[2], strides=[2]> (h, j) })",
     384},
    {"deformed_convolutions",
     R"(g (float[2,6,9,11] x, float[2,18,9,11] o, float[2,9,9,11] m, float[2,16,5,6] p) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?,?] t) {
        y = DeformConv <pads=[1,1,1,1]> (x, W[20,6,3,3], o, B[20], m) z = DeformConv <pads=[1,1,1,1], group=2> (x, W[8,3,3,3], o)
        t = DeformConv <strides=[2,2], pads=[1,0,0,1], offset_group=2> (x, W[5,6,2,2], p, B[5]) })",
     8, 256 * kUlp},
    {"deformed_convolutions_of_groups_that_cross",
     R"(g (float[1,12,7,6] x, float[1,36,7,6] o, float[1,18,7,6] m) => (float[?,?,?,?] y, float[?,?,?,?] z) {
        y = DeformConv <pads=[2,2,2,2], dilations=[2,2], group=3, offset_group=2> (x, W[6,4,3,3], o, , m) z = DeformConv <pads=[1,1,1,1], group=12, offset_group=2> (x, W[12,1,3,3], o) })",
     8, 256 * kUlp},
    // Several blocks of positions, the last of which is short; offsets that lead out of the image.
    {"deformed_convolution_of_many_positions",
     R"(g (float[1,40,23,31] x, float[1,18,23,31] o) => (float[?,?,?,?] y) <float f = {7}> {
        w = Mul (o, f) d = DeformConv <pads=[1,1,1,1]> (x, W[33,40,3,3], w, B[33]) y = Relu (d) })",
     8, 1024 * kUlp},
    {"affine_grids",
     R"(g (float[3,2,3] x, float[2,3,4] z) => (float[?,?,?,?] y, float[?,?,?,?] t, float[?,?,?,?,?] u, float[?,?,?,?,?] v) <int64[4] n = {3, 2, 9, 37}, int64[4] one = {3, 1, 1, 5}, int64[5] m = {2, 1, 3, 5, 18}> {
        y = AffineGrid (x, n) t = AffineGrid <align_corners=1> (x, one) u = AffineGrid (z, m) v = AffineGrid <align_corners=1> (z, m) })",
     8, 8 * kUlp},
    {"lp_pools",
     R"(g (float[2,5,9,12] x, float[1,3,20] z) => (float[?,?,?,?] y, float[?,?,?,?] t, float[?,?,?] u) {
        y = LpPool <kernel_shape=[3,2], strides=[2,2], pads=[1,0,0,1]> (x) t = LpPool <kernel_shape=[2,3], p=1, dilations=[2,1]> (x) u = LpPool <kernel_shape=[4], strides=[3]> (z) })",
     8, 64 * kUlp},
    {"cropped_and_padded",
     R"(g (float[2,9,12] x, uint8[5,6,3] u, int64[4,4] i) => (float[?,?,?] y, uint8[?,?,?] z, int64[?,?] t, float[?,?,?] v) <int64[3] n = {2, 6, 15}, int64[2] m = {9, 4}, int64[2] same = {4, 4}, int64[3] odd = {5, 4, 7}> {
        y = CenterCropPad (x, n) z = CenterCropPad <axes=[0,1]> (u, m) t = CenterCropPad (i, same) v = CenterCropPad (x, odd) })",
     200},
    {"hard_maxima",
     R"(g (float[7,100] x, double[3,40] d, float[4,9,70] w, int64[5,66] i) => (float[?,?] y, double[?,?] z, float[?,?,?] t, float[?,?] v) {
        y = Hardmax (x) z = Hardmax (d) t = Hardmax <axis=1> (w) f = Cast <to=1> (i) v = Hardmax (f) })",
     5},
    {"labels",
     R"(g (int64[5000] i, float[33] f, int32[7,3] s) => (float[?] y, int64[?] z, int64[?,?] t, double[?,?] u) {
        y = ai.onnx.ml.LabelEncoder <keys_int64s=[3,1,4,15,9,2,6,5], values_floats=[0.5,1.5,2.5,3.5,4.5,5.5,6.5,7.5], default_float=-2.5> (i)
        c = Cast <to=7> (f) g = Cast <to=1> (c) z = ai.onnx.ml.LabelEncoder <keys_floats=[0.0,1.0,-1.0], values_int64s=[7,8,9]> (g)
        t = ai.onnx.ml.LabelEncoder <keys_tensor=int32[2] {0, 700000}, values_int64s=[1,2]> (s) u = ai.onnx.ml.LabelEncoder <keys_tensor=int32[2] {0, 1}, values_tensor=double[2] {0.25, 0.75}, default_tensor=double[1] {9.0}> (s) })",
     12},
    {"top_of_a_number_of_the_run",
     R"(g (float[5,300] x, int64[1] n, double[4,9,3] d) => (float[?,?] a, int64[?,?] b, double[?,?,?] c, int64[?,?,?] e) { a, b = TopK <largest=0> (x, n) c, e = TopK <axis=1> (d, n) })",
     10},
    {"reversed_sequences",
     R"(g (float[9,4,5] x, int64[4] n, uint8[4,9] u, float16[9,4,2,3] h, double[4,9,3] d, int32[9,4,16] w) => (float[?,?,?] y, uint8[?,?] z, float16[?,?,?,?] t, double[?,?,?] v, int32[?,?,?] s) {
        y = ReverseSequence (x, n) z = ReverseSequence <batch_axis=0, time_axis=1> (u, n) t = ReverseSequence (h, n) v = ReverseSequence <batch_axis=0, time_axis=1> (d, n) s = ReverseSequence (w, n) })",
     10},
};

class NativeVision : public testing::TestWithParam<Case> {};

TEST_P(NativeVision, AgreesWithTheReferenceEvaluation) { check_case(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Cases, NativeVision, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// Runs the model, whose input `i` is these indices; the other input is drawn. Every kernel must say what is wrong.
void expect_error(const Case& c, const std::vector<std::int64_t>& indices, const std::string& message) {
  const Model model = model_of(c);
  std::mt19937 random(1);
  std::vector<Tensor> inputs;
  std::vector<TensorView> views;
  for (const ValueInfo& info : model.inputs())
    inputs.push_back(info.name == "i" ? Tensor::of<std::int64_t>(info.shape, indices)
                                      : random_tensor(info.dtype, info.shape, c.below, random));
  for (const Tensor& tensor : inputs)
    views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
  for (const int threads : {1, 2}) {
    const Result<Session> session = Session::create(model, {.threads = threads});
    ASSERT_TRUE(session.ok()) << session.error().message();
    EXPECT_EQ(session->plan().value().reference_steps, 0);
    const auto values = session->run(views);
    ASSERT_FALSE(values.ok());
    EXPECT_NE(values.error().message().find(message), std::string::npos) << values.error().message();
  }
}

TEST(NativeVisionErrors, UnpoolsOnlyIntoTheResult) {
  const Case c{"unpool",
               "g (float[1,2,1,2] x, int64[1,2,1,2] i) => (float[?,?,?,?] y) { y = MaxUnpool <kernel_shape=[2,2], "
               "strides=[2,2]> (x, i) }"};
  expect_error(c, {0, 3, 8, 16}, "index 16");
  expect_error(c, {0, 3, -1, 9}, "index -1");
}

TEST(NativeVisionErrors, FindsNoMoreThanThereAre) {
  const Case c{"top", "g (float[3,7] x, int64[1] i) => (float[?,?] a, int64[?,?] b) { a, b = TopK (x, i) }"};
  expect_error(c, {8}, "8 elements");
  expect_error(c, {-1}, "-1 elements");
}

TEST(NativeVisionErrors, ReversesNoMoreThanThereIs) {
  const Case c{"reverse", "g (float[3,2,4] x, int64[2] i) => (float[?,?,?] y) { y = ReverseSequence (x, i) }"};
  expect_error(c, {3, 4}, "length 4");
  expect_error(c, {-1, 2}, "length -1");
}

}  // namespace
}  // namespace cycloid
