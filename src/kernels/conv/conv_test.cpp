#include "kernels/conv/conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/threads.h"
#include "kernels/bf16x3/bf16x3.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

struct Case {
  ConvParams p;
  int seed = 0;
};

std::string describe(const ConvParams& p) {
  std::string s;
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, int64_t>>{{"n", p.batch},
                                                              {"h", p.in_h},
                                                              {"w", p.in_w},
                                                              {"c", p.in_c},
                                                              {"oh", p.out_h},
                                                              {"ow", p.out_w},
                                                              {"oc", p.out_c},
                                                              {"kh", p.kernel_h},
                                                              {"kw", p.kernel_w},
                                                              {"sh", p.stride_h},
                                                              {"sw", p.stride_w},
                                                              {"dh", p.dilation_h},
                                                              {"dw", p.dilation_w},
                                                              {"pt", p.pad_top},
                                                              {"pl", p.pad_left},
                                                              {"g", p.groups},
                                                              {"is", p.in_stride},
                                                              {"os", p.out_stride},
                                                              {"threads", p.threads},
                                                              {"act", static_cast<int64_t>(p.activation.kind)},
                                                              {"res", p.has_residual + 2 * p.residual_last}}) {
    s += std::string(name) + "=" + std::to_string(value) + " ";
  }
  return s;
}

struct Reference {
  std::vector<double> y;      // before the activation
  std::vector<double> sizes;  // sum of |x w| + |bias|, for the error bound
};

size_t input_at(const ConvParams& p, int64_t n, int64_t y, int64_t x, int64_t c) {
  return static_cast<size_t>(p.channels_first ? ((n * p.in_c + c) * p.in_h + y) * p.in_w + x
                                              : ((n * p.in_h + y) * p.in_w + x) * p.in_stride + c);
}

Reference reference(const ConvParams& p, const Guarded& in, const std::vector<float>& weights,
                    const std::vector<float>& bias) {
  const int64_t ic = p.in_c / p.groups, oc = p.out_c / p.groups;
  Reference r;
  for (int64_t n = 0; n < p.batch; ++n) {
    for (int64_t pixel = 0; pixel < p.out_h * p.out_w; ++pixel) {
      for (int64_t o = 0; o < p.out_c; ++o) {
        double sum = bias[static_cast<size_t>(o)], size = std::fabs(sum);
        for (int64_t i = 0; i < p.kernel_h; ++i) {
          for (int64_t j = 0; j < p.kernel_w; ++j) {
            const int64_t y = pixel / p.out_w * p.stride_h - p.pad_top + i * p.dilation_h;
            const int64_t x = pixel % p.out_w * p.stride_w - p.pad_left + j * p.dilation_w;
            if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
            for (int64_t c = 0; c < ic; ++c) {
              const double product = static_cast<double>(in[input_at(p, n, y, x, o / oc * ic + c)]) *
                                     weights[static_cast<size_t>(((o * ic + c) * p.kernel_h + i) * p.kernel_w + j)];
              sum += product;
              size += std::fabs(product);
            }
          }
        }
        r.y.push_back(sum);
        r.sizes.push_back(size);
      }
    }
  }
  return r;
}

// Runs `kernel` on random data and compares with the reference; false if it declines. The units are run in uneven
// ranges, in reverse order.
bool check(const ConvKernel& kernel, Case test) {
  ConvParams& p = test.p;
  std::mt19937 random(static_cast<unsigned>(test.seed));
  if (p.in_stride == 0) p.in_stride = p.in_c;
  if (p.out_stride == 0) p.out_stride = p.out_c;
  if (p.residual_stride == 0) p.residual_stride = p.out_c;
  std::vector<float> slope(static_cast<size_t>(p.out_c), 0.1f);
  for (size_t i = 0; i < slope.size(); ++i) slope[i] += 0.01f * static_cast<float>(i);
  p.activation = testing::make_activation(p.activation.kind, slope.data());

  p.activation.scaled = p.activation.kind != ActivationKind::kNone && test.seed % 3 == 0;
  p.activation.scale = 0.6f;
  p.activation.shift = -0.2f;

  const ConvSelection selection = configure_conv(kernel, p);
  if (std::get_if<std::string>(&selection) != nullptr) return false;
  const ConvPlan plan = std::get<ConvPlan>(selection);
  SCOPED_TRACE(std::string(kernel.name) + ": " + describe(p) + "seed=" + std::to_string(test.seed));

  const auto pixel_floats = [](int64_t pixels, int64_t stride, int64_t channels) {
    return static_cast<size_t>((pixels - 1) * stride + channels);  // the last pixel has no slack behind it
  };
  Guarded in(pixel_floats(p.batch * p.in_h * p.in_w, p.channels_first ? p.in_c : p.in_stride, p.in_c),
             static_cast<size_t>(pick(random, 0, 3)));
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  Guarded out(pixel_floats(out_pixels, p.out_stride, p.out_c), static_cast<size_t>(pick(random, 0, 3)));
  Guarded residual(pixel_floats(out_pixels, p.residual_stride, p.out_c));
  std::vector<float> weights(static_cast<size_t>(p.out_c * (p.in_c / p.groups) * p.kernel_h * p.kernel_w));
  std::vector<float> bias(static_cast<size_t>(p.out_c));
  testing::fill_random(in, random);
  testing::fill_random(residual, random);
  testing::fill_random(weights, random);
  testing::fill_random(bias, random);
  Guarded packed(plan.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
  EXPECT_EQ(plan.packed_bytes % 64, 0u);
  EXPECT_EQ(plan.scratch_bytes % 64, 0u);
  plan.pack(weights.data(), bias.data(), packed.data());

  const ConvArgs args{.in = in.data(),
                      .residual = p.has_residual ? residual.data() : nullptr,
                      .packed = packed.data(),
                      .out = out.data(),
                      .scratch = scratch.data()};
  for (int64_t end = plan.units; end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - pick(random, 1, plan.units));
    plan.run(args, begin, end);
    end = begin;
  }

  const Reference expected = reference(p, in, weights, bias);
  const bool winograd = kernel.name.find("winograd") != std::string_view::npos;
  double largest = 0;
  for (const double y : expected.y) largest = std::max(largest, std::fabs(y));
  const double terms = static_cast<double>(p.in_c / p.groups * p.kernel_h * p.kernel_w + 2);
  for (int64_t pixel = 0; pixel < out_pixels; ++pixel) {
    for (int64_t o = 0; o < p.out_stride && pixel * p.out_stride + o < static_cast<int64_t>(out.size()); ++o) {
      const float got = out[static_cast<size_t>(pixel * p.out_stride + o)];
      if (o >= p.out_c) {
        EXPECT_EQ(got, Guarded::kMark) << "wrote between pixels";
        continue;
      }
      const size_t at = static_cast<size_t>(pixel * p.out_c + o);
      const double r = p.has_residual ? residual[static_cast<size_t>(pixel * p.residual_stride + o)] : 0;
      const double before = expected.y[at] + (p.residual_last ? 0 : r);
      const double want =
          testing::activate_reference(p.activation, before, slope[static_cast<size_t>(o)]) + (p.residual_last ? r : 0);
      // A sum of n products in any order errs by at most n * 2^-24 * sum |products| (to first order; 2 n where the
      // products are rounded too). Winograd: the bound that the project sets per layer, 1e-5 of the largest output.
      double bound = 2 * terms * 0x1p-24 * (expected.sizes[at] + std::fabs(r));
      if (winograd) bound += 1e-5 * largest;
      bound = bound * testing::kActivationSlope + testing::kActivationError * (1 + std::fabs(before) + std::fabs(r));
      if (!(std::fabs(got - want) <= bound)) {
        ADD_FAILURE() << "pixel " << pixel << " channel " << o << ": " << got << " instead of " << want << " +- "
                      << bound;
        return true;
      }
    }
  }
  EXPECT_TRUE(in.intact() && out.intact() && packed.intact() && scratch.intact());
  return true;
}

Case random_case(int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  ConvParams p;
  p.batch = pick(random, 1, 3);
  p.in_h = pick(random, 1, 17);
  p.in_w = pick(random, 1, 17);
  p.kernel_h = pick(random, 1, 4);
  p.kernel_w = pick(random, 1, 4);
  if (pick(random, 0, 1) == 0) p.kernel_w = p.kernel_h = pick(random, 0, 2) * 2 + 1;
  const bool plain = pick(random, 0, 1) == 0;
  p.stride_h = plain ? 1 : pick(random, 1, 3);
  p.stride_w = plain ? 1 : pick(random, 1, 3);
  p.dilation_h = plain ? 1 : pick(random, 1, 3);
  p.dilation_w = plain ? 1 : pick(random, 1, 3);
  p.pad_top = pick(random, 0, p.kernel_h);
  p.pad_left = pick(random, 0, p.kernel_w);
  const int64_t pad_end_h = pick(random, 0, p.kernel_h), pad_end_w = pick(random, 0, p.kernel_w);
  const auto out_size = [](int64_t in, int64_t pads, int64_t k, int64_t s, int64_t d) {
    return std::max<int64_t>(1, (in + pads - (d * (k - 1) + 1)) / s + 1);
  };
  p.out_h = out_size(p.in_h, p.pad_top + pad_end_h, p.kernel_h, p.stride_h, p.dilation_h);
  p.out_w = out_size(p.in_w, p.pad_left + pad_end_w, p.kernel_w, p.stride_w, p.dilation_w);
  switch (pick(random, 0, 4)) {
    case 0:  // grouped
      p.groups = pick(random, 2, 4);
      p.in_c = p.groups * pick(random, 1, 9);
      p.out_c = p.groups * pick(random, 1, 40);
      break;
    case 1:  // depthwise, some with a multiplier
      p.groups = p.in_c = pick(random, 1, 70);
      p.out_c = p.groups * (pick(random, 0, 3) == 0 ? 2 : 1);
      break;
    case 2:  // few input channels
      p.in_c = pick(random, 1, 4);
      p.out_c = pick(random, 1, 80);
      break;
    default: p.in_c = pick(random, 1, 50); p.out_c = pick(random, 1, 150);
  }
  if (pick(random, 0, 1) == 0) p.in_stride = p.in_c + pick(random, 0, 9);
  if (pick(random, 0, 1) == 0) p.out_stride = p.out_c + pick(random, 0, 9);
  if (pick(random, 0, 9) == 0) p.in_stride = 1024;  // pixels that share a set of L1
  p.has_residual = pick(random, 0, 2) == 0;
  if (p.has_residual) {
    p.residual_last = pick(random, 0, 1) == 0;
    p.residual_stride = p.out_c + pick(random, 0, 5);
  }
  const int64_t kinds = static_cast<int64_t>(std::size(testing::kAllActivations));
  p.activation.kind =
      testing::kAllActivations[pick(random, 0, 1) == 0 ? pick(random, 0, 1) : pick(random, 0, kinds - 1)];
  p.threads = static_cast<int>(pick(random, 1, 4));
  return {p, seed};
}

// Square kernels and strides without dilation or groups, on maps that tiles cut unevenly: what Winograd takes.
Case square_case(int seed) {
  Case test = random_case(seed);
  std::mt19937 random(static_cast<unsigned>(seed) + 10000);
  ConvParams& p = test.p;
  p.dilation_h = p.dilation_w = p.groups = 1;
  p.kernel_h = p.kernel_w = pick(random, 2, 8);
  p.stride_h = p.stride_w = p.kernel_h > 4 || pick(random, 0, 2) == 0 ? 2 : 1;
  p.in_h = pick(random, p.kernel_h, 24);
  p.in_w = pick(random, p.kernel_w, 24);
  p.pad_top = pick(random, 0, p.kernel_h - 1);
  p.pad_left = pick(random, 0, p.kernel_w - 1);
  p.out_h = (p.in_h + p.pad_top + pick(random, 0, 2) - p.kernel_h) / p.stride_h + 1;
  p.out_w = (p.in_w + p.pad_left + pick(random, 0, 2) - p.kernel_w) / p.stride_w + 1;
  p.in_c = pick(random, 0, 1) == 0 ? pick(random, 1, 9) : pick(random, 10, 40);
  p.in_stride = p.in_c + (pick(random, 0, 2) == 0 ? 3 : 0);
  p.out_c = pick(random, 1, 100);
  p.out_stride = p.out_c + pick(random, 0, 3);
  p.residual_stride = p.out_c;
  return test;
}

// Kernels of one row or column, on maps that tiles cut unevenly.
Case line_case(int seed) {
  Case test = square_case(seed);
  std::mt19937 random(static_cast<unsigned>(seed) + 50000);
  ConvParams& p = test.p;
  p.stride_h = p.stride_w = 1;
  const bool row = pick(random, 0, 1) == 0;
  p.kernel_h = row ? 1 : pick(random, 2, 8);
  p.kernel_w = row ? pick(random, 2, 8) : 1;
  p.pad_top = pick(random, 0, p.kernel_h);
  p.pad_left = pick(random, 0, p.kernel_w);
  p.in_h = pick(random, p.kernel_h, row ? 5 : 40);
  p.in_w = pick(random, p.kernel_w, row ? 40 : 5);
  p.out_h = p.in_h + p.pad_top + pick(random, 0, 2) - p.kernel_h + 1;
  p.out_w = p.in_w + p.pad_left + pick(random, 0, 2) - p.kernel_w + 1;
  return test;
}

class ConvKernels : public ::testing::TestWithParam<const ConvKernel*> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam()->isa)) GTEST_SKIP() << to_string(GetParam()->isa) << " is not available here";
    const bool tiles = GetParam()->name.find("bf16x3") != std::string_view::npos;
    if (tiles && bf16x3_bodies() == nullptr) GTEST_SKIP() << "this machine has no tiles of bfloat16";
  }
};

TEST_P(ConvKernels, AgreesWithTheDefinition) {
  int computed = 0;
  for (int seed = 0; seed < 400; ++seed) {
    computed += check(*GetParam(), random_case(seed));
    if (HasFailure()) return;
  }
  EXPECT_GT(computed, 10);
}

TEST_P(ConvKernels, AgreesOnSquareKernels) {
  for (int seed = 0; seed < 300; ++seed) {
    check(*GetParam(), square_case(seed));
    if (HasFailure()) return;
  }
}

TEST_P(ConvKernels, AgreesOnKernelsOfOneRowOrColumn) {
  int computed = 0;
  for (int seed = 0; seed < 300; ++seed) {
    computed += check(*GetParam(), line_case(seed));
    if (HasFailure()) return;
  }
  if (GetParam()->name.find("winograd_n8") != std::string_view::npos) EXPECT_GT(computed, 200);
}

TEST_P(ConvKernels, AgreesWithEveryWidthOfTheRegisterTile) {
  for (int seed = 0; seed < 120; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    test.p.panel_vectors = seed / 2 % kIgemmMaxVectors + 1;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// Few channels, in both layouts.
TEST_P(ConvKernels, AgreesOnFewChannels) {
  for (int seed = 0; seed < 200; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 30000);
    ConvParams& p = test.p;
    p.groups = 1;
    p.in_c = pick(random, 1, 8);
    p.channels_first = pick(random, 0, 1) == 0;
    p.in_stride = p.in_c + (pick(random, 0, 2) == 0 ? 3 : 0);
    p.out_c = pick(random, 1, 100);
    p.out_stride = p.out_c + pick(random, 0, 3);
    p.residual_stride = p.out_c;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// Rows so long that a kernel may take them in parts.
TEST_P(ConvKernels, AgreesOnWideImages) {
  for (int seed = 0; seed < 40; ++seed) {
    Case test = square_case(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 60000);
    ConvParams& p = test.p;
    p.in_h = pick(random, p.kernel_h, 12);
    p.in_w = pick(random, 70, 180);
    p.out_h = (p.in_h + p.pad_top - p.kernel_h) / p.stride_h + 1;
    p.out_w = (p.in_w + p.pad_left + pick(random, 0, 2) - p.kernel_w) / p.stride_w + 1;
    p.in_c = pick(random, 1, 5);
    p.channels_first = pick(random, 0, 1) == 0;
    p.in_stride = p.in_c;
    p.out_c = pick(random, 1, 70);
    p.out_stride = p.residual_stride = p.out_c;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// So few outputs that a vector holds several channels of each.
TEST_P(ConvKernels, AgreesOnFewOutputs) {
  for (int seed = 0; seed < 200; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 40000);
    ConvParams& p = test.p;
    p.groups = pick(random, 0, 3) == 0 ? 2 : 1;
    p.in_c = p.groups * pick(random, 1, 40);
    p.in_stride = p.in_c + (pick(random, 0, 2) == 0 ? 3 : 0);
    p.out_c = p.groups * pick(random, 1, 8);
    p.out_stride = p.out_c + pick(random, 0, 3);
    p.residual_stride = p.out_c;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// More images than a register tile has rows, and maps on whose positions few taps are inside.
TEST_P(ConvKernels, AgreesOnBatchesOfSmallMaps) {
  for (int seed = 0; seed < 60; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 20000);
    ConvParams& p = test.p;
    p.batch = pick(random, 4, 33);
    p.in_h = pick(random, 1, 4);
    p.in_w = pick(random, 1, 4);
    p.out_h = pick(random, 1, 4);
    p.out_w = pick(random, 1, 4);
    p.weights_far = seed % 3 == 0;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// Weights of several panels that come from beyond L2: tiles fetch those of the next panel.
TEST_P(ConvKernels, AgreesWhereWeightsAreFar) {
  for (int seed = 0; seed < 100; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    test.p.weights_far = true;
    test.p.groups = 1;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// Few pixels and many weights: threads share the panels of weights instead of the pixels.
TEST_P(ConvKernels, AgreesWhereThreadsShareTheWeights) {
  for (int seed = 0; seed < 60; ++seed) {
    Case test = seed % 2 == 0 ? random_case(seed) : square_case(seed);
    std::mt19937 random(static_cast<unsigned>(seed) + 50000);
    ConvParams& p = test.p;
    p.weights_far = true;
    p.threads = static_cast<int>(pick(random, 2, 4));
    p.groups = pick(random, 0, 3) == 0 ? 2 : 1;
    p.in_c = p.groups * pick(random, 1, 40);
    p.in_stride = p.in_c;
    p.out_c = p.groups * pick(random, 60, 300);
    p.out_stride = p.residual_stride = p.out_c;
    check(*GetParam(), test);
    if (HasFailure()) return;
  }
}

// Larger than L2, where the depthwise bodies fetch ahead.
TEST_P(ConvKernels, AgreesOnLargeDepthwiseMaps) {
  ConvParams p{
      .in_h = 41, .in_w = 45, .in_c = 200, .out_h = 41, .out_w = 45, .out_c = 200, .kernel_h = 3, .kernel_w = 3};
  p.pad_top = p.pad_left = 1;
  p.groups = p.in_c;
  p.in_stride = 203;
  check(*GetParam(), {p, 1});
}

std::string test_name(const ::testing::TestParamInfo<const ConvKernel*>& info) {
  std::string name(info.param->name);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

std::vector<const ConvKernel*> all_kernels() {
  std::vector<const ConvKernel*> kernels;
  for (const ConvKernel& kernel : conv_kernels()) kernels.push_back(&kernel);
  return kernels;
}

INSTANTIATE_TEST_SUITE_P(All, ConvKernels, ::testing::ValuesIn(all_kernels()), test_name);

TEST(SelectConv, TakesEveryValidConvolution) {
  for (const Isa isa : kAllIsas) {
    for (int seed = 0; seed < 100; ++seed) {
      ConvParams p = random_case(seed).p;
      const float slope[200] = {};
      p.activation.slope = slope;
      const ConvSelection selection = select_conv(p, isa);
      EXPECT_NE(std::get_if<ConvPlan>(&selection), nullptr) << std::get<std::string>(selection);
    }
  }
}

// conv_arithmetic() beside counting the points of F(4,3): 36 products for 16 outputs where all tiles are large, and where 4 does not
// divide the map, tiles of 5 points; direct convolution has 9 for each output.
TEST(ConvArithmetic, CountsWhatTheAlgorithmNeeds) {
  ConvParams p{.in_h = 8,
               .in_w = 8,
               .in_c = 5,
               .out_h = 8,
               .out_w = 8,
               .out_c = 7,
               .kernel_h = 3,
               .kernel_w = 3,
               .pad_top = 1,
               .pad_left = 1};
  const auto arithmetic = [&](std::string_view name) {
    for (const ConvKernel& kernel : conv_kernels()) {
      if (kernel.name == name) return conv_arithmetic(std::get<ConvPlan>(configure_conv(kernel, p)));
    }
    return 0.0;
  };
  EXPECT_EQ(arithmetic("conv.igemm.scalar"), 2.0 * 64 * 9 * 5 * 7);
  EXPECT_EQ(arithmetic("conv.winograd_n6.scalar"), 2.0 * 4 * 36 * 5 * 7);
  EXPECT_EQ(arithmetic("conv.winograd_n4.scalar"), 2.0 * 16 * 16 * 5 * 7);
  p.in_h = p.in_w = p.out_h = p.out_w = 7;  // 4 + 3 outputs: 6 and 5 points
  EXPECT_EQ(arithmetic("conv.winograd_n6.scalar"), 2.0 * (36 + 2 * 30 + 25) * 5 * 7);
}

// 4 pixels and 512 KiB of weights that are not in L2: two threads that shared the pixels would fetch all weights each.
TEST(SelectConv, ThreadsShareManyWeightsAndFewPixels) {
  ConvParams p{.in_h = 2, .in_w = 2, .in_c = 128, .out_h = 2, .out_w = 2, .out_c = 1024, .threads = 2};
  p.weights_far = true;
  const auto named = [](const ConvKernel& kernel) { return kernel.name == "conv.igemm.scalar"; };
  const auto plan = [&] { return std::get<ConvPlan>(configure_conv(*std::ranges::find_if(conv_kernels(), named), p)); };
  EXPECT_EQ(plan().unit_tiles, plan().tiles);
  EXPECT_EQ(plan().units % 2, 0);
  p.in_h = p.in_w = p.out_h = p.out_w = 60;  // 1.8 MB of pixels
  EXPECT_EQ(plan().unit_tiles, 1);
  p.in_h = p.in_w = p.out_h = p.out_w = 2;
  p.weights_far = false;
  EXPECT_EQ(plan().unit_tiles, 1);
}

// 192 columns would be 3 panels of 4 vectors of AVX-512, and a thread of two would have twice the other's.
TEST(SelectConv, WinogradsUnitsDivideAmongTheThreads) {
  ConvParams p{.batch = 5,
               .in_h = 7,
               .in_w = 7,
               .in_c = 48,
               .out_h = 7,
               .out_w = 7,
               .out_c = 192,
               .kernel_h = 3,
               .kernel_w = 3,
               .pad_top = 1,
               .pad_left = 1};
  for (const ConvKernel& kernel : conv_kernels()) {
    if (kernel.name != "conv.winograd_n6.avx512") continue;
    for (p.threads = 2; p.threads <= 4; p.threads += 2)
      EXPECT_EQ(std::get<ConvPlan>(configure_conv(kernel, p)).units % p.threads, 0) << p.threads;
    p.panel_vectors = 4;
    EXPECT_EQ(std::get<ConvPlan>(configure_conv(kernel, p)).vectors, 4);
  }
}

TEST(SelectConv, SaysWhyItDeclines) {
  const ConvSelection groups = select_conv({.in_c = 3, .out_c = 4, .groups = 2}, Isa::kScalar);
  EXPECT_EQ(std::get<std::string>(groups), "groups do not divide the channels");
  const ConvSelection stride = select_conv({.in_c = 3, .out_c = 4, .in_stride = 2}, Isa::kScalar);
  EXPECT_EQ(std::get<std::string>(stride), "a pixel stride is smaller than the channels");
}

TEST(SelectConv, SameBitsForAnyNumberOfThreadsThatRunThePlan) {
  const ConvParams p{.batch = 2,
                     .in_h = 9,
                     .in_w = 9,
                     .in_c = 19,
                     .out_h = 9,
                     .out_w = 9,
                     .out_c = 45,
                     .kernel_h = 3,
                     .kernel_w = 3,
                     .pad_top = 1,
                     .pad_left = 1,
                     .threads = 3};
  const ConvPlan plan = std::get<ConvPlan>(select_conv(p, cpu_info().best_isa));
  std::mt19937 random(1);
  std::vector<float> in(2 * 81 * 19), weights(45 * 19 * 9), one(2 * 81 * 45), many(one.size());
  testing::fill_random(in, random);
  testing::fill_random(weights, random);
  Guarded packed(plan.packed_bytes / 4), scratch(plan.scratch_bytes / 4 * 3);
  plan.pack(weights.data(), nullptr, packed.data());
  plan.run({.in = in.data(), .packed = packed.data(), .out = one.data(), .scratch = scratch.data()}, 0, plan.units);
  auto team = ThreadTeam::create({.threads = 3});
  ASSERT_TRUE(team);
  (*team)->run([&](int thread) {
    const UnitRange range = split_units(plan.units, thread, 3);
    plan.run({.in = in.data(),
              .packed = packed.data(),
              .out = many.data(),
              .scratch = scratch.data() + plan.scratch_bytes / 4 * static_cast<size_t>(thread)},
             range.begin, range.end);
  });
  EXPECT_EQ(one, many);
}

}  // namespace
}  // namespace cycloid::kernels
