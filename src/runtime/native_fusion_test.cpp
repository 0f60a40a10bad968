// What becomes one step: the values, and how many steps a plan has beside conversions.
#include "runtime/native_testing.h"

namespace cycloid::native {
namespace {

struct FusedCase {
  Case test;
  std::int64_t steps;
};

inline void PrintTo(const FusedCase& c, std::ostream* out) { *out << c.test.name; }

const FusedCase kCases[] = {
    {{"hard_swish_in_pieces",
      R"(g (float[1,5,6,6] x, float[7,5,1,1] w, float[7,1,3,3] v) => (float[?,?,?,?] y) <float three = {3}, float six = {6}, float zero = {0}, float[1] s = {0.75}, float[1] t = {-0.125}> {
         c = Conv (x, w) a = Add (c, three) b = Clip (a, zero, six) d = Mul (c, b) e = Div (d, six) f = Mul (s, e) h = Add (f, t)
         i = Conv <group=7, pads=[1,1,1,1]> (h, v) j = Add (three, i) k = Clip (j, zero, six) l = Div (k, six) m = Mul (l, i) y = Mul (m, s) })",
      14},
     2},
    {{"hard_swish_of_another_number",
      R"(g (float[1,5,6,6] x, float[7,5,1,1] w) => (float[?,?,?,?] y) <float three = {3}, float five = {5}, float six = {6}, float zero = {0}> {
         c = Conv (x, w) a = Add (c, three) b = Clip (a, zero, six) d = Mul (c, b) y = Div (d, five) })",
      5},
     4},
    {{"scaled_activations",
      R"(g (float[1,9,7,7] x, float[9,9,3,3] w, float[9,9,1,1] v, float[9,1,1] p) => (float[?,?,?,?] y) <float[1] s = {0.75}, float[1] t = {0.5}> {
         a = Conv <pads=[1,1,1,1]> (x, w) b = PRelu (a, p) c = Mul (b, s) d = Add (c, t) e = Conv (d, v) f = Sigmoid (e) h = Add (t, f) i = Add (h, d) y = Relu (i) })",
      90},
     3},
    {{"conv_transpose_scale",
      R"(g (float[2,6,5,4] x, float[6,1,2,2] w, float[1] b, float[6,4,2,2] v, float[8,1,1] s) => (float[?,?,?,?] y, float[?,?,?,?] z) {
         c = ConvTranspose <strides=[2,2]> (x, w) a = Add (c, b) y = Sigmoid (a) d = ConvTranspose <group=2, strides=[2,2]> (x, v) z = Mul (d, s) })",
      8},
     2},
    {{"composed_convolutions",
      R"(g (float[1,4,7,7] x, float[6,4,3,3] w, float[6] b, float[9,6,1,1] v, float[9] c, float[12,9,1,1] u) => (float[?,?,?,?] y) {
         a = Conv <pads=[1,1,1,1], strides=[2,2]> (x, w, b) d = Relu (a) e = Conv (d, v, c) y = Conv (e, u) })",
      60},
     2},
    {{"composed_with_a_window",
      R"(g (float[1,4,7,7] x, float[9,4,3,2] w, float[9] b, float[2,9,1,1] v) => (float[?,?,?,?] y) { a = Conv <pads=[1,1,1,0]> (x, w, b) y = Conv (a, v) })",
      240},
     1},
    {{"bottleneck_stays",
      R"(g (float[1,9,7,7] x, float[2,9,1,1] w, float[9,2,1,1] v) => (float[?,?,?,?] y) { a = Conv (x, w) y = Conv (a, v) })",
      20},
     2},
    {{"padding_of_a_bias_stays",
      R"(g (float[1,4,7,7] x, float[9,4,1,1] w, float[9] b, float[9,9,1,1] v) => (float[?,?,?,?] y) { a = Conv (x, w, b) y = Conv <pads=[1,1,1,1]> (a, v) })",
      20},
     2},
    {{"gate_with_a_shortcut",
      R"(g (float[2,6,7,7] x, float[6,6,1,1] w, float[6,6,1,1] v) => (float[?,?,?,?] y) {
         c = Conv (x, w) p = GlobalAveragePool (c) q = Conv (p, v) s = Sigmoid (q) m = Mul (s, c) y = Add (c, m) })",
      20},
     4},
    {{"residual",
      R"(g (float[1,8,6,6] x, float[8,8,3,3] w, float[8,8,1,1] v) => (float[?,?,?,?] y) {
         a = Conv <pads=[1,1,1,1]> (x, w) b = Conv (x, v) s = Add (a, b) y = Relu (s) })",
      72},
     2},
    {{"padded_residual",
      R"(g (float[1,6,7,7] x, float[6,6,1,1] w, float[6,1,3,3] v, float[9,6,1,1] u) => (float[?,?,?,?] y) <int64[8] p = {0, 0, 0, 0, 0, 3, 0, 0}> {
         a = Conv (x, w) b = Conv <group=6, pads=[1,1,1,1]> (a, v) c = Conv (b, u) q = Pad (a, p) d = Add (c, q) y = Relu (d) })",
      20},
     4},
    // Some of the indices are outside.
    {{"one_hot_product",
      R"(g (float[2,300,1] x, float[7,16] w, float[1,16] b) => (float[?,?,?] y) <int64[1,1,7] n = {0, 1, 2, 3, 4, 5, 6}, float k = {10}> {
         f = Mul (x, k) i = Cast <to=7> (f) e = Equal (i, n) c = Cast <to=1> (e) m = MatMul (c, w) s = Add (m, b) y = Gelu (s) })",
      8},
     5},
    {{"product_of_other_equals",
      R"(g (float[2,300,1] x, float[7,16] w, float[1,16] b) => (float[?,?,?] y) <int64[1,1,7] n = {0, 1, 2, 4, 3, 5, 6}, float k = {10}> {
         f = Mul (x, k) i = Cast <to=7> (f) e = Equal (i, n) c = Cast <to=1> (e) m = MatMul (c, w) s = Add (m, b) y = Gelu (s) })",
      8},
     5},
    // More than L2 holds.
    {{"separable",
      R"(g (float[1,24,160,163] x, float[24,1,3,3] w, float[24] b, float[24,24,1,1] v, float[24] c) => (float[?,?,?,?] y) {
         d = Conv <group=24, pads=[1,1,1,1]> (x, w, b) r = Relu (d) e = Conv (r, v, c) s = Add (e, x) y = Relu (s) })",
      34},
     1},
};

class NativeFusion : public testing::TestWithParam<FusedCase> {};

TEST_P(NativeFusion, AgreesWithTheReferenceEvaluation) { expect_agreement(GetParam().test); }

TEST_P(NativeFusion, TakesFewSteps) {
  std::mt19937 random(7);
  Result<ModelIr> ir = model_of(GetParam().test, true, random);
  ASSERT_TRUE(ir.ok()) << ir.error().message();
  const Session session =
      Session::create(Model(std::make_shared<const ModelIr>(*std::move(ir))), {.threads = 1}).value();
  const PlanInfo plan = session.plan().value();
  EXPECT_EQ(static_cast<std::int64_t>(plan.steps.size()) - plan.conversions, GetParam().steps) << plan.to_text();
}

INSTANTIATE_TEST_SUITE_P(Cases, NativeFusion, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.test.name); });

}  // namespace
}  // namespace cycloid::native
