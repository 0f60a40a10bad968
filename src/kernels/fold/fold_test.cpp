#include "kernels/fold/fold.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Fold : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Fold, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

FoldAxis random_axis(std::mt19937& random) {
  FoldAxis a{.kernel = pick(random, 1, 4), .stride = pick(random, 1, 3), .dilation = pick(random, 1, 3)};
  a.pad = pick(random, 0, 3);
  const int64_t end = pick(random, 0, 2), extent = (a.kernel - 1) * a.dilation + 1;
  a.image = std::max<int64_t>(extent - a.pad - end, 1) + pick(random, 0, 40);
  a.positions = (a.image + a.pad + end - extent) / a.stride + 1;
  return a;
}

// y[place] += x, one element after the other, in double.
std::vector<double> folded(const FoldPlan& plan, int64_t planes, const auto* x) {
  std::vector<double> y(static_cast<size_t>(planes * plan.image));
  for (int64_t i = 0; i < planes * plan.kernel * plan.positions; ++i) {
    int64_t position = i % plan.positions, element = i / plan.positions % plan.kernel, place = 0, step = 1;
    bool inside = true;
    for (int axis = plan.rank - 1; axis >= 0; --axis) {
      const FoldAxis& a = plan.axes[static_cast<size_t>(axis)];
      const int64_t at = position % a.positions * a.stride + element % a.kernel * a.dilation - a.pad;
      inside = inside && at >= 0 && at < a.image;
      place += at * step;
      step *= a.image;
      position /= a.positions;
      element /= a.kernel;
    }
    const int64_t plane = i / (plan.positions * plan.kernel);
    if (inside) y[static_cast<size_t>(plane * plan.image + place)] += static_cast<double>(x[i]);
  }
  return y;
}

TEST_P(Fold, SumsColumnsOfFloats) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 200; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const int rank = static_cast<int>(pick(random, 1, 3));
    FoldAxis axes[3];
    for (FoldAxis& axis : axes) axis = random_axis(random);
    FoldPlan plan = plan_fold(axes, rank, FoldType::kFloat32, GetParam());
    // Parts of any size give the same sums.
    if (seed % 2 == 1) {
      plan.rows_each = pick(random, 1, plan.axes[0].image);
      plan.parts = (plan.axes[0].image + plan.rows_each - 1) / plan.rows_each;
    }
    const int64_t planes = pick(random, 1, 3);
    Guarded x(static_cast<size_t>(planes * plan.kernel * plan.positions), static_cast<size_t>(seed % 4)),
        y(static_cast<size_t>(planes * plan.image), static_cast<size_t>(seed % 3));
    testing::fill_random(x, random);
    const int64_t units = plan.units(planes), cut = pick(random, 0, units);
    plan.run(x.data(), y.data(), cut, units);
    plan.run(x.data(), y.data(), 0, cut);
    EXPECT_TRUE(y.intact());
    const std::vector<double> expected = folded(plan, planes, x.data());
    // A sum of at most 64 terms below 1, each addition rounded once.
    constexpr double kTolerance = 64 * 64 * std::numeric_limits<float>::epsilon() / 2;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(static_cast<double>(y[i]), expected[i], kTolerance) << "seed " << seed << ", element " << i;
  }
}

template <class T>
void expect_exact(FoldType type, Isa isa) {
  for (int seed = 0; seed < 40; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const FoldAxis axes[] = {random_axis(random), random_axis(random)};
    const FoldPlan plan = plan_fold(axes, 2, type, isa);
    std::vector<T> x(static_cast<size_t>(2 * plan.kernel * plan.positions)), y(static_cast<size_t>(2 * plan.image), 7);
    for (T& value : x) value = static_cast<T>(pick(random, 0, 120));
    plan.run(x.data(), y.data(), 0, plan.units(2));
    const std::vector<double> expected = folded(plan, 2, x.data());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(y[i], static_cast<T>(static_cast<int64_t>(expected[i]))) << "seed " << seed << ", element " << i;
  }
}

// Whole numbers: no sum is rounded, and those of 8 bits wrap.
TEST_P(Fold, SumsColumnsOfEveryType) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  expect_exact<double>(FoldType::kFloat64, GetParam());
  expect_exact<uint8_t>(FoldType::kInt8, GetParam());
  expect_exact<uint16_t>(FoldType::kInt16, GetParam());
  expect_exact<int32_t>(FoldType::kInt32, GetParam());
  expect_exact<int64_t>(FoldType::kInt64, GetParam());
}

}  // namespace
}  // namespace cycloid::kernels
