#include "kernels/half/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tensor/float16.h"

namespace cycloid::kernels {
namespace {

class HalfKernels : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }
};

std::vector<std::uint16_t> all_patterns() {
  std::vector<std::uint16_t> all(1 << 16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  return all;
}

// Random bits, so that every exponent occurs, and the neighbourhoods of the ties between float16 numbers.
std::vector<float> many_floats() {
  std::mt19937 random(3);
  std::vector<float> values;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint32_t bits = random();
    float x = 0;
    std::memcpy(&x, &bits, sizeof(x));
    if (!std::isnan(x) && (std::fpclassify(x) != FP_SUBNORMAL)) values.push_back(x);
  }
  for (std::uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const float a = to_float(Float16{bits}), b = to_float(Float16{static_cast<std::uint16_t>(bits + 1)});
    const float middle = (a + b) / 2;
    for (const float x : {middle, std::nextafter(middle, a), std::nextafter(middle, b), -middle}) values.push_back(x);
  }
  return values;
}

TEST_P(HalfKernels, WidenEveryPattern) {
  const HalfBodies& kernels = half_kernels(GetParam());
  const std::vector<std::uint16_t> x = all_patterns();
  std::vector<float> half(x.size()), brain(x.size());
  kernels.widen_float16(x.data(), half.data(), static_cast<std::int64_t>(x.size()));
  kernels.widen_bfloat16(x.data(), brain.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float a = to_float(Float16{x[i]}), b = to_float(BFloat16{x[i]});
    ASSERT_TRUE(std::isnan(a) ? std::isnan(half[i])
                              : std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(half[i]))
        << i;
    ASSERT_TRUE(std::isnan(b) ? std::isnan(brain[i])
                              : std::bit_cast<std::uint32_t>(b) == std::bit_cast<std::uint32_t>(brain[i]))
        << i;
  }
}

TEST_P(HalfKernels, NarrowAsTheTensorLayerDoes) {
  const HalfBodies& kernels = half_kernels(GetParam());
  const std::vector<float> x = many_floats();
  std::vector<std::uint16_t> half(x.size()), brain(x.size());
  kernels.narrow_float16(x.data(), half.data(), static_cast<std::int64_t>(x.size()));
  kernels.narrow_bfloat16(x.data(), brain.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(half[i], to_float16(x[i]).bits) << x[i];
    ASSERT_EQ(brain[i], to_bfloat16(x[i]).bits) << x[i];
  }
  const float nan[] = {NAN, -NAN};
  std::uint16_t bits[2];
  kernels.narrow_float16(nan, bits, 2);
  EXPECT_TRUE(std::isnan(to_float(Float16{bits[0]})) && std::isnan(to_float(Float16{bits[1]})));
  kernels.narrow_bfloat16(nan, bits, 2);
  EXPECT_TRUE(std::isnan(to_float(BFloat16{bits[0]})) && std::isnan(to_float(BFloat16{bits[1]})));
}

TEST_P(HalfKernels, TailsTouchNothingElse) {
  const HalfBodies& kernels = half_kernels(GetParam());
  for (std::int64_t count = 0; count < 40; ++count) {
    std::vector<std::uint16_t> x(static_cast<std::size_t>(count), 0x3c00), back(static_cast<std::size_t>(count) + 1, 7);
    std::vector<float> y(static_cast<std::size_t>(count) + 1, 7.0f);
    kernels.widen_float16(x.data(), y.data(), count);
    EXPECT_EQ(y.back(), 7.0f);
    kernels.narrow_float16(y.data(), back.data(), count);
    EXPECT_EQ(back.back(), 7);
    for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(back[static_cast<std::size_t>(i)], 0x3c00);
  }
}

INSTANTIATE_TEST_SUITE_P(All, HalfKernels, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace cycloid::kernels
