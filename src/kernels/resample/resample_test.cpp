#include "kernels/resample/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Blend : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Blend, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(Blend, AgreesWithTheDefinition) {
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

}  // namespace
}  // namespace cycloid::kernels
