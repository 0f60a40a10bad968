// What tiles of bfloat16 do with numbers that have no parts (bf16x3/bf16x3.h); the sums themselves are tested with those of all
// convolutions (conv_test.cpp).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/bf16x3/bf16x3.h"
#include "kernels/conv/conv.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const ConvKernel& kernel_named(std::string_view name) {
  for (const ConvKernel& kernel : conv_kernels()) {
    if (kernel.name == name) return kernel;
  }
  ADD_FAILURE() << "no kernel " << name;
  return conv_kernels().front();
}

class ConvBf16x3 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bf16x3_bodies() == nullptr) GTEST_SKIP() << "this machine has no tiles of bfloat16";
    params_.batch = 2;
    params_.in_h = params_.in_w = 9;
    params_.in_c = 40;
    params_.out_h = params_.out_w = 9;
    params_.out_c = 70;
    params_.kernel_h = params_.kernel_w = 3;
    params_.pad_top = params_.pad_left = 1;
    std::mt19937 random(7);
    in_.resize(static_cast<size_t>(params_.batch * params_.in_h * params_.in_w * params_.in_c));
    weights_.resize(static_cast<size_t>(params_.out_c * params_.in_c * 9));
    testing::fill_random(in_, random);
    testing::fill_random(weights_, random);
  }

  std::vector<float> run(std::string_view name) const {
    const ConvPlan plan = std::get<ConvPlan>(configure_conv(kernel_named(name), params_));
    Guarded packed(plan.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
    plan.pack(weights_.data(), nullptr, packed.data());
    std::vector<float> out(static_cast<size_t>(params_.batch * params_.out_h * params_.out_w * params_.out_c));
    plan.run({.in = in_.data(), .packed = packed.data(), .out = out.data(), .scratch = scratch.data()}, 0, plan.units);
    return out;
  }

  // Infinities and NaNs where sums of float32 products have them, and elsewhere the same within their errors.
  void expect_as_vectors() const {
    const std::vector<float> expected = run("conv.igemm.avx512"), got = run("conv.bf16x3.avx512");
    float largest = 0;
    for (const float y : expected) {
      if (std::isfinite(y)) largest = std::max(largest, std::fabs(y));
    }
    // Two sums of so many random terms each err by much less than a rounding for each term at the size of the largest sum.
    const int64_t terms = params_.in_c * params_.kernel_h * params_.kernel_w + 2;
    const float bound = 4 * static_cast<float>(terms) * 0x1p-24f * largest;
    int special = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      special += !std::isfinite(expected[i]);
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
      } else if (std::isinf(expected[i])) {
        EXPECT_EQ(got[i], expected[i]) << i;
      } else {
        EXPECT_NEAR(got[i], expected[i], bound) << i;
      }
    }
    EXPECT_EQ(special > 0, special_);
  }

  ConvParams params_;
  std::vector<float> in_, weights_;
  bool special_ = true;
};

TEST_F(ConvBf16x3, AddsUpInfinitiesAsVectorsDo) {
  in_[41] = kInfinity;
  in_[5000] = -kInfinity;
  expect_as_vectors();
}

TEST_F(ConvBf16x3, KeepsNaNs) {
  in_[41] = std::numeric_limits<float>::quiet_NaN();
  in_[42] = kInfinity;
  in_[3000] = kInfinity;
  expect_as_vectors();
}

TEST_F(ConvBf16x3, AddsUpInfiniteWeightsAsVectorsDo) {
  weights_[100] = kInfinity;
  weights_[101] = -kInfinity;
  expect_as_vectors();
}

TEST_F(ConvBf16x3, TakesTheGreatestAndTheLeastFloats) {
  special_ = false;
  for (float& w : weights_) w *= 0x1p-20f;
  in_[41] = std::numeric_limits<float>::max();
  expect_as_vectors();
  for (float& w : weights_) w *= 0x1p20f;
  for (float& x : in_) x *= 0x1p-100f;
  in_[41] = 0;
  expect_as_vectors();
}

TEST_F(ConvBf16x3, OverflowsWhereVectorsDo) {
  for (size_t i = 0; i < 40; ++i) in_[i] = std::numeric_limits<float>::max() / 4;
  for (float& w : weights_) w = std::fabs(w) + 1;
  expect_as_vectors();
}

// Weights that do not stay in L2, and more pixels than a block has then.
TEST_F(ConvBf16x3, TakesLargeWeights) {
  special_ = false;
  const int64_t channels = cpu_info().l2_bytes / 2 / (6 * 256) + 17;
  params_ = {.in_w = 600, .in_c = channels, .out_w = 600, .out_c = 256};
  std::mt19937 random(8);
  in_.resize(static_cast<size_t>(600 * channels));
  weights_.resize(static_cast<size_t>(256 * channels));
  testing::fill_random(in_, random);
  testing::fill_random(weights_, random);
  expect_as_vectors();
}

}  // namespace
}  // namespace cycloid::kernels
