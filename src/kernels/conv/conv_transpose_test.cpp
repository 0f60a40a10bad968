#include "kernels/conv/conv_transpose.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

ConvTransposeParams random_params(std::mt19937& random) {
  ConvTransposeParams p;
  p.batch = pick(random, 1, 2);
  p.in_h = pick(random, 1, 9);
  p.in_w = pick(random, 1, 20);
  p.kernel_h = pick(random, 1, 5);
  p.kernel_w = pick(random, 1, 5);
  p.stride_h = pick(random, 1, 4);
  p.stride_w = pick(random, 1, 4);
  p.dilation_h = pick(random, 1, 2);
  p.dilation_w = pick(random, 1, 2);
  p.pad_top = pick(random, 0, 2);
  p.pad_left = pick(random, 0, 2);
  const auto out = [&](int64_t in, int64_t k, int64_t s, int64_t d, int64_t pad) {
    return std::max<int64_t>(1, (in - 1) * s + d * (k - 1) + 1 - pad - pick(random, 0, 2) + pick(random, 0, s - 1));
  };
  p.out_h = out(p.in_h, p.kernel_h, p.stride_h, p.dilation_h, p.pad_top);
  p.out_w = out(p.in_w, p.kernel_w, p.stride_w, p.dilation_w, p.pad_left);
  if (pick(random, 0, 3) == 0) {  // taps side by side
    p.stride_w = p.kernel_w;
    p.dilation_w = 1;
    p.pad_left = 0;
    p.out_w = p.in_w * p.stride_w;
  }
  p.groups = pick(random, 0, 2) == 0 ? pick(random, 2, 3) : 1;
  p.in_c = p.groups * pick(random, 1, 20);
  p.out_c = p.groups * pick(random, 1, 45);
  if (pick(random, 0, 4) == 0) p.groups = p.out_c = p.in_c = pick(random, 2, 40);  // depthwise
  p.in_stride = p.in_c + pick(random, 0, 3);
  p.out_stride = p.out_c + std::max<int64_t>(0, pick(random, -3, 3));
  return p;
}

// The definition, by scattering.
void reference(const ConvTransposeParams& p, const Guarded& in, const std::vector<float>& weights,
               std::vector<double>& y, std::vector<double>& sizes) {
  const int64_t ic = p.in_c / p.groups, oc = p.out_c / p.groups;
  for (int64_t pixel = 0; pixel < p.batch * p.in_h * p.in_w; ++pixel) {
    const int64_t n = pixel / (p.in_h * p.in_w), iy = pixel / p.in_w % p.in_h, ix = pixel % p.in_w;
    for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
        const int64_t oy = iy * p.stride_h - p.pad_top + ky * p.dilation_h,
                      ox = ix * p.stride_w - p.pad_left + kx * p.dilation_w;
        if (oy < 0 || oy >= p.out_h || ox < 0 || ox >= p.out_w) continue;
        for (int64_t c = 0; c < p.in_c; ++c) {
          for (int64_t o = 0; o < oc; ++o) {
            const double product = static_cast<double>(in[static_cast<size_t>(pixel * p.in_stride + c)]) *
                                   weights[static_cast<size_t>(((c * oc + o) * p.kernel_h + ky) * p.kernel_w + kx)];
            const size_t at = static_cast<size_t>(((n * p.out_h + oy) * p.out_w + ox) * p.out_c + c / ic * oc + o);
            y[at] += product;
            sizes[at] += std::fabs(product);
          }
        }
      }
    }
  }
}

class ConvTranspose : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, ConvTranspose, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(ConvTranspose, AgreesWithTheDefinition) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    ConvTransposeParams p = random_params(random);
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::vector<float> slope(static_cast<size_t>(p.out_c), 0.3f), bias(static_cast<size_t>(p.out_c));
    p.activation =
        testing::make_activation(testing::kAllActivations[seed % std::size(testing::kAllActivations)], slope.data());
    std::vector<float> weights(static_cast<size_t>(p.in_c * (p.out_c / p.groups) * p.kernel_h * p.kernel_w));
    Guarded in(static_cast<size_t>((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.in_c));
    Guarded out(static_cast<size_t>((p.batch * p.out_h * p.out_w - 1) * p.out_stride + p.out_c));
    testing::fill_random(in, random);
    testing::fill_random(weights, random);
    testing::fill_random(bias, random);
    const auto selection = select_conv_transpose(p, GetParam());
    ASSERT_NE(std::get_if<ConvTransposePlan>(&selection), nullptr) << std::get<std::string>(selection);
    const auto& plan = std::get<ConvTransposePlan>(selection);
    Guarded packed(plan.packed_bytes / 4), scratch(plan.scratch_bytes / 4);
    plan.pack(weights.data(), bias.data(), packed.data());
    const ConvArgs args{.in = in.data(), .packed = packed.data(), .out = out.data(), .scratch = scratch.data()};
    for (int64_t begin = 0; begin < plan.units;) {
      const int64_t end = std::min(plan.units, begin + pick(random, 1, plan.units));
      plan.run(args, begin, end);
      begin = end;
    }
    const size_t pixels = static_cast<size_t>(p.batch * p.out_h * p.out_w), channels = static_cast<size_t>(p.out_c);
    std::vector<double> y(pixels * channels), sizes(pixels * channels);
    reference(p, in, weights, y, sizes);
    const double terms = static_cast<double>(p.in_c / p.groups * p.kernel_h * p.kernel_w + 2);
    for (size_t i = 0; i < y.size(); ++i) {
      const double before = y[i] + bias[i % channels];
      const double want = testing::activate_reference(p.activation, before, slope[i % channels]);
      // See conv_test.cpp for the bound.
      const double bound = 2 * terms * 0x1p-24 * (sizes[i] + 1) * testing::kActivationSlope +
                           testing::kActivationError * (1 + std::fabs(before));
      ASSERT_NEAR(out[i / channels * static_cast<size_t>(p.out_stride) + i % channels], want, bound) << i;
    }
    ASSERT_TRUE(in.intact() && out.intact() && packed.intact() && scratch.intact());
  }
}

}  // namespace
}  // namespace cycloid::kernels
