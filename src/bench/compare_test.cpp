#include "bench/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cycloid {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::vector<WorkerOutput> one(std::initializer_list<T> values) {
  return {{"y", Tensor::of<T>({static_cast<std::int64_t>(values.size())}, values)}};
}

TEST(CompareOutputs, ReportsTheLargestErrors) {
  const OutputDifference d = compare_outputs(one<float>({1, -4, 2}), one<float>({1, -4.5F, 2.25F}), {});
  EXPECT_DOUBLE_EQ(d.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(d.max_rel, 0.125);
  EXPECT_THAT(d.reason,
              AllOf(HasSubstr("output 'y' is -4.5 at [1] where the reference has -4"), HasSubstr("2 of 3 elements")));
}

TEST(CompareOutputs, DefaultToleranceIsScaledByEpsilonAndTheLargestElement) {
  // float32: atol = 2^10 * 2^-23 * 8 = 2^-10, rtol adds 2^-13 of the element itself.
  const auto reference = one<float>({8, 0});
  EXPECT_TRUE(compare_outputs(reference, one<float>({8, 0x1p-10F}), {}).agrees());
  EXPECT_FALSE(compare_outputs(reference, one<float>({8, 0x1.1p-10F}), {}).agrees());
  EXPECT_TRUE(compare_outputs(reference, one<float>({8 + 0x1.8p-10F, 0}), {}).agrees());
  const auto wide = one<double>({8, 0});
  EXPECT_TRUE(compare_outputs(wide, one<double>({8, 0x1p-39}), {}).agrees());
  EXPECT_FALSE(compare_outputs(wide, one<double>({8, 0x1.1p-39}), {}).agrees());
}

TEST(CompareOutputs, GivenTolerancesReplaceTheDefaults) {
  EXPECT_TRUE(compare_outputs(one<float>({100, 0}), one<float>({109, 0.01F}), {0.1, 0.011}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({100, 0}), one<float>({109, 0.01F}), {0.05, 0.011}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({1}), one<float>({std::nextafter(1.0F, 2.0F)}), {0.0, 0.0}).agrees());
  EXPECT_TRUE(compare_outputs(one<std::int32_t>({7}), one<std::int32_t>({8}), {0.0, 1.0}).agrees());
}

TEST(CompareOutputs, IntegersBoolsAndTextsMustBeEqual) {
  EXPECT_FALSE(compare_outputs(one<std::int32_t>({7}), one<std::int32_t>({8}), {}).agrees());
  EXPECT_TRUE(compare_outputs(one<std::int32_t>({7}), one<std::int32_t>({7}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<std::int64_t>({(1LL << 53)}), one<std::int64_t>({(1LL << 53) + 1}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<bool>({true}), one<bool>({false}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<std::string>({"a"}), one<std::string>({"b"}), {}).agrees());
  EXPECT_TRUE(compare_outputs(one<std::string>({"a"}), one<std::string>({"a"}), {}).agrees());
}

TEST(CompareOutputs, SpecialValuesAgreeOnlyWithThemselves) {
  EXPECT_TRUE(compare_outputs(one<float>({kNan, kInf, 0.0F}), one<float>({kNan, kInf, -0.0F}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({1.0F}), one<float>({kNan}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({kNan}), one<float>({1.0F}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({kInf}), one<float>({-kInf}), {}).agrees());
  EXPECT_FALSE(compare_outputs(one<float>({1.0F}), one<float>({kInf}), {1.0, 1.0}).agrees());
}

TEST(CompareOutputs, NumberShapeAndDtypeMustBeTheSame) {
  EXPECT_THAT(compare_outputs(one<float>({1}), {}, {}).reason, HasSubstr("0 outputs where the reference gives 1"));
  EXPECT_THAT(compare_outputs(one<float>({1}), one<float>({1, 1}), {}).reason,
              HasSubstr("float32 [2] where the reference gives float32 [1]"));
  EXPECT_THAT(compare_outputs(one<float>({1}), one<double>({1}), {}).reason, HasSubstr("float64 [1]"));
}

TEST(CompareOutputs, NamesThePlaceInManyDimensions) {
  const std::vector<WorkerOutput> x = {{"a", Tensor::of<float>({2, 3}, {0, 0, 0, 0, 0, 1})}};
  const std::vector<WorkerOutput> y = {{"b", Tensor::of<float>({2, 3}, {0, 0, 0, 0, 9, 1})}};
  EXPECT_THAT(compare_outputs(x, y, {}).reason, HasSubstr("output 'b' is 9 at [1, 1]"));
}

}  // namespace
}  // namespace cycloid
