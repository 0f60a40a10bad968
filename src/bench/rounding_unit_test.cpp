#include "bench/rounding_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bench/compare.h"
#include "graph/text.h"

namespace cycloid {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

std::vector<double> units_of(std::string_view text) { return rounding_units(parse_graph(text).value()); }

TEST(RoundingUnits, FollowSigmoidsThroughWhatMovesAndChooses) {
  EXPECT_THAT(units_of("g (float[2,3] x) => (float[3,2] y, float[2,3] z) {\n"
                       "  s = Sigmoid(x)\n  y = Transpose<perm=[1,0]>(s)\n  z = Relu(x)\n}"),
              ElementsAre(1, 0));
  EXPECT_THAT(units_of("g (float[2] x) => (float[4] y) {\n  s = HardSigmoid(x)\n  y = Concat<axis=0>(x, s)\n}"),
              ElementsAre(1));
}

TEST(RoundingUnits, ScaleAndAddUpWithTheirValues) {
  EXPECT_THAT(units_of("g (float[2] x) => (float[2] y) <float[1] c = {-8}> {\n  s = Sigmoid(x)\n  y = Mul(s, c)\n}"),
              ElementsAre(8));
  EXPECT_THAT(units_of("g (float[2] x, float[2] z) => (float[2] y) {\n"
                       "  a = Sigmoid(x)\n  b = Sigmoid(z)\n  p = Mul(a, b)\n  y = Sub(p, a)\n}"),
              ElementsAre(DoubleEq(3)));
}

TEST(RoundingUnits, AreUnknownBehindOtherFunctionsAndUnknownFactors) {
  EXPECT_THAT(units_of("g (float[2] x) => (float[2] y, float[2] z) {\n"
                       "  s = Sigmoid(x)\n  y = Mul(s, x)\n  z = Exp(s)\n}"),
              ElementsAre(0, 0));
}

// Two ways to write the same sigmoid in float, as runtimes have it.
float by_exp(float x) { return 1 / (1 + std::exp(-x)); }
float by_tanh(float x) { return 0.5F + 0.5F * std::tanh(x / 2); }

std::vector<WorkerOutput> sigmoids(float (*function)(float), float from, float to) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(function(from + (to - from) * static_cast<float>(i) / 1000));
  return {{"y", Tensor::of<float>({1000}, values)}};
}

TEST(RoundingUnits, LetTheFormulasOfSigmoidAgreeAndNothingElse) {
  const Tolerance with{.units = {1}};
  const auto far = sigmoids(by_exp, -40, -12);  // at most 6e-6
  EXPECT_TRUE(compare_outputs(far, sigmoids(by_tanh, -40, -12), with).agrees());
  EXPECT_FALSE(compare_outputs(far, sigmoids(by_tanh, -40, -12), {}).agrees());
  // A twentieth of one percent of the range is no rounding.
  const auto wrong = [](float x) { return by_exp(x) + (x > -20 && x < -19.9F ? 5e-4F : 0); };
  EXPECT_FALSE(compare_outputs(far, sigmoids(wrong, -40, -12), with).agrees());
}

TEST(RoundingUnits, OneElementWrongByAThousandthIsStillSeen) {
  const Tolerance with{.units = {1}};
  const auto reference = sigmoids(by_exp, -8, 8);
  EXPECT_TRUE(compare_outputs(reference, sigmoids(by_tanh, -8, 8), with).agrees());
  std::vector<float> values(reference[0].tensor.data<float>().begin(), reference[0].tensor.data<float>().end());
  values[700] *= 1.001F;
  EXPECT_FALSE(compare_outputs(reference, {{"y", Tensor::of<float>({1000}, values)}}, with).agrees());
}

}  // namespace
}  // namespace cycloid
