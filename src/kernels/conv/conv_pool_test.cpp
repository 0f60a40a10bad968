#include "kernels/conv/conv_pool.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

struct Case {
  ConvParams conv;
  PoolParams pool;
};

Case random_case(std::mt19937& random) {
  Case test;
  ConvParams& c = test.conv;
  c.batch = pick(random, 1, 3);
  c.in_h = pick(random, 3, 20);
  c.in_w = pick(random, 3, 20);
  c.in_c = pick(random, 1, 5);
  c.out_c = pick(random, 1, 70);
  c.kernel_h = c.kernel_w = pick(random, 2, 3);
  c.stride_h = c.stride_w = pick(random, 1, 2);
  c.pad_top = c.pad_left = pick(random, 0, 1);
  c.out_h = (c.in_h + 2 * c.pad_top - c.kernel_h) / c.stride_h + 1;
  c.out_w = (c.in_w + 2 * c.pad_left - c.kernel_w) / c.stride_w + 1;
  c.channels_first = pick(random, 0, 1) == 0;
  c.activation = relu();
  PoolParams& p = test.pool;
  p.kind = static_cast<PoolKind>(pick(random, 0, 2));
  p.batch = c.batch;
  p.in_h = c.out_h;
  p.in_w = c.out_w;
  p.channels = c.out_c;
  p.kernel_h = p.kernel_w = pick(random, 1, 3);
  p.stride_h = p.stride_w = pick(random, 1, 4);
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = pick(random, 0, p.kernel_h - 1);
  // One more than floor mode, as ceil mode can give.
  p.out_h = std::max<int64_t>(1, (p.in_h + 2 * p.pad_top - p.kernel_h) / p.stride_h + 1 + pick(random, 0, 1));
  p.out_w = std::max<int64_t>(1, (p.in_w + 2 * p.pad_left - p.kernel_w) / p.stride_w + 1 + pick(random, 0, 1));
  p.out_stride = p.channels + pick(random, 0, 5);
  return test;
}

class ConvPool : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, ConvPool, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

const ConvKernel& named(std::string_view family, Isa isa) {
  for (const ConvKernel& kernel : conv_kernels()) {
    if (kernel.isa == isa && kernel.name.starts_with(family) && kernel.run_rows != nullptr) return kernel;
  }
  std::abort();
}

// The convolution and the pooling one after the other, which are tested by themselves: the same bits, whatever the ranges.
TEST_P(ConvPool, IsTheConvolutionAndThenThePooling) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    Case test = random_case(random);
    const bool depthwise = seed % 2 == 0;
    if (depthwise) {
      test.conv.groups = test.conv.in_c = test.conv.out_c;
      test.conv.channels_first = false;
    }
    const ConvKernel& kernel = named(depthwise ? "conv.depthwise" : "conv.stem", GetParam());
    const auto conv = std::get<ConvPlan>(configure_conv(kernel, test.conv));
    const ConvPoolSelection selection = configure_conv_pool(conv, test.pool);
    ASSERT_NE(std::get_if<ConvPoolPlan>(&selection), nullptr) << std::get<std::string>(selection);
    const ConvPoolPlan& plan = std::get<ConvPoolPlan>(selection);
    const ConvParams& c = conv.params;
    const PoolParams& p = plan.pool.params;
    Guarded in(static_cast<size_t>(c.batch * c.in_h * c.in_w * c.in_c));
    Guarded between(static_cast<size_t>(c.batch * c.out_h * c.out_w * c.out_c));
    const auto out_size = static_cast<size_t>((p.batch * p.out_h * p.out_w - 1) * p.out_stride + p.channels);
    Guarded out(out_size, static_cast<size_t>(pick(random, 0, 3))), want(out_size);
    std::vector<float> weights(static_cast<size_t>(c.out_c * (c.in_c / c.groups) * c.kernel_h * c.kernel_w));
    std::vector<float> bias(static_cast<size_t>(c.out_c));
    testing::fill_random(in, random);
    testing::fill_random(weights, random);
    testing::fill_random(bias, random);
    Guarded packed(conv.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
    conv.pack(weights.data(), bias.data(), packed.data());
    ConvArgs args{.in = in.data(), .packed = packed.data(), .out = between.data(), .scratch = scratch.data()};
    conv.run(args, 0, conv.units);
    plan.pool.run(between.data(), want.data(), nullptr, 0, plan.pool.units);
    args.out = out.data();
    for (int64_t end = plan.units; end > 0;) {
      const int64_t begin = std::max<int64_t>(0, end - pick(random, 1, plan.units));
      plan.run(args, begin, end);
      end = begin;
    }
    for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], want[i]) << i;
    ASSERT_TRUE(in.intact() && out.intact() && scratch.intact());
  }
}

TEST(ConvPoolSelection, SaysWhyItDeclines) {
  const ConvParams c{.in_h = 9, .in_w = 9, .in_c = 3, .out_h = 8, .out_w = 8, .out_c = 4, .kernel_h = 2, .kernel_w = 2};
  const auto conv = std::get<ConvPlan>(configure_conv(named("conv.stem", Isa::kScalar), c));
  PoolParams p{.in_h = 8, .in_w = 8, .channels = 5, .out_h = 4, .out_w = 4, .kernel_h = 2, .kernel_w = 2};
  EXPECT_EQ(std::get<std::string>(configure_conv_pool(conv, p)), "the pooling is of something else");
  p.channels = 4;
  p.dilation_h = 2;
  EXPECT_EQ(std::get<std::string>(configure_conv_pool(conv, p)), "the pooling is dilated");
}

}  // namespace
}  // namespace cycloid::kernels
