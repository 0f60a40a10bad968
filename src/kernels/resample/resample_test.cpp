#include "kernels/resample/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Resample : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Resample, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(Resample, AgreesWithTheDefinition) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 200; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto taps = static_cast<size_t>(pick(random, 1, 16)), channels = static_cast<size_t>(pick(random, 1, 70));
    std::vector<std::unique_ptr<Guarded>> pixels;
    std::vector<const float*> pointers;
    std::vector<float> weights(taps);
    testing::fill_random(weights, random);
    for (size_t t = 0; t < taps; ++t) {
      pixels.push_back(std::make_unique<Guarded>(channels, t % 3));
      testing::fill_random(*pixels.back(), random);
      pointers.push_back(pixels.back()->data());
    }
    Guarded out(channels, static_cast<size_t>(seed % 4));
    blend_kernel(GetParam())(
        {pointers.data(), weights.data(), static_cast<int64_t>(taps), static_cast<int64_t>(channels), out.data()});
    for (size_t c = 0; c < channels; ++c) {
      double want = 0, size = 0;
      for (size_t t = 0; t < taps; ++t) {
        const double product = static_cast<double>(weights[t]) * static_cast<double>(pointers[t][c]);
        want += product;
        size += std::fabs(product);
      }
      // n roundings of sums and n of products.
      ASSERT_NEAR(out[c], want, 2 * static_cast<double>(taps) * 0x1p-24 * size) << seed << " " << c;
    }
    ASSERT_TRUE(out.intact());
    for (const auto& pixel : pixels) ASSERT_TRUE(pixel->intact());
  }
}

TEST_P(Resample, LargestIsOfTheWeightedPixels) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int seed = 0; seed < 100; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto taps = static_cast<size_t>(pick(random, 1, 16)), channels = static_cast<size_t>(pick(random, 1, 70));
    std::vector<std::vector<float>> pixels(taps, std::vector<float>(channels));
    std::vector<const float*> pointers;
    std::vector<float> weights(taps);
    testing::fill_random(weights, random);
    for (std::vector<float>& pixel : pixels) {
      testing::fill_random(pixel, random);
      if (pick(random, 0, 9) == 0) pixel[0] = nan;
      pointers.push_back(pixel.data());
    }
    Guarded out(channels, static_cast<size_t>(seed % 4));
    largest_kernel(GetParam())(
        {pointers.data(), weights.data(), static_cast<int64_t>(taps), static_cast<int64_t>(channels), out.data()});
    for (size_t c = 0; c < channels; ++c) {
      float want = weights[0] * pixels[0][c];
      for (size_t t = 1; t < taps; ++t) {
        const float value = weights[t] * pixels[t][c];
        if (value > want) want = value;
      }
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(out[c]));
      } else {
        ASSERT_EQ(out[c], want) << seed << " " << c;
      }
    }
    ASSERT_TRUE(out.intact());
  }
}

template <class T>
void check_repeat(Isa isa, std::mt19937& random) {
  const int64_t rows = pick(random, 1, 4), columns = pick(random, 1, 70);
  const int64_t row_factor = pick(random, 1, 4), column_factor = pick(random, 1, 5);
  const auto in_size = static_cast<size_t>(rows * columns);
  const size_t out_size = in_size * static_cast<size_t>(row_factor * column_factor);
  const auto floats = [](size_t count) { return (count * sizeof(T) + sizeof(float) - 1) / sizeof(float); };
  Guarded in_memory(floats(in_size)), out_memory(floats(out_size));
  T* in = reinterpret_cast<T*>(in_memory.end()) - in_size;
  T* out = reinterpret_cast<T*>(out_memory.end()) - out_size;
  for (size_t i = 0; i < in_size; ++i) in[i] = static_cast<T>(random());
  repeat_kernel(isa, sizeof(T))({in, out, rows, columns, row_factor, column_factor});
  const int64_t wide = columns * column_factor;
  for (int64_t y = 0; y < rows * row_factor; ++y) {
    for (int64_t x = 0; x < wide; ++x) {
      ASSERT_EQ(out[y * wide + x], in[y / row_factor * columns + x / column_factor])
          << sizeof(T) << " bytes, " << columns << " columns, factor " << column_factor << " at " << y << ", " << x;
    }
  }
  ASSERT_TRUE(in_memory.intact() && out_memory.intact());
}

TEST_P(Resample, RepeatsEveryElement) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  std::mt19937 random(3);
  for (int round = 0; round < 100 && !HasFailure(); ++round) {
    check_repeat<uint8_t>(GetParam(), random);
    check_repeat<uint16_t>(GetParam(), random);
    check_repeat<uint32_t>(GetParam(), random);
    check_repeat<uint64_t>(GetParam(), random);
  }
}

TEST(RepeatKernel, HasNoneForOtherSizes) { EXPECT_EQ(repeat_kernel(Isa::kScalar, 16), nullptr); }

}  // namespace
}  // namespace cycloid::kernels
