#include "kernels/conv/conv_separable.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

struct Case {
  ConvParams depthwise, pointwise;
};

Case random_case(std::mt19937& random) {
  Case test;
  ConvParams& d = test.depthwise;
  d.batch = pick(random, 1, 2);
  d.kernel_h = d.kernel_w = pick(random, 1, 3) * 2 - 1;
  d.stride_h = d.stride_w = pick(random, 1, 2);
  d.in_h = pick(random, d.kernel_h, 40);
  d.in_w = pick(random, d.kernel_w, 90);
  d.groups = d.in_c = d.out_c = pick(random, 0, 9) == 0 ? 512 : pick(random, 1, 70);
  d.in_stride = d.in_c + pick(random, 0, 1) * 3;
  d.pad_top = d.pad_left = d.kernel_h / 2;
  d.out_h = (d.in_h + 2 * d.pad_top - d.kernel_h) / d.stride_h + 1;
  d.out_w = (d.in_w + 2 * d.pad_left - d.kernel_w) / d.stride_w + 1;
  if (pick(random, 0, 1) == 0) d.activation = relu();
  ConvParams& p = test.pointwise;
  p.batch = d.batch;
  p.in_h = p.out_h = d.out_h;
  p.in_w = p.out_w = d.out_w;
  p.in_c = d.out_c;
  p.out_c = pick(random, 0, 1) == 0 ? pick(random, 1, 9) : pick(random, 10, 90);
  p.out_stride = p.out_c + pick(random, 0, 5);
  p.has_residual = pick(random, 0, 1) == 0;
  p.residual_last = pick(random, 0, 1) == 0;
  p.residual_stride = p.out_c + pick(random, 0, 3);
  const ActivationKind kinds[] = {ActivationKind::kNone, ActivationKind::kClip, ActivationKind::kSilu};
  p.activation = testing::make_activation(kinds[pick(random, 0, 2)], nullptr);
  return test;
}

struct Memory {
  std::vector<float> weights, bias;
  Memory(const ConvParams& p, std::mt19937& random)
      : weights(static_cast<size_t>(p.out_c * (p.in_c / p.groups) * p.kernel_h * p.kernel_w)),
        bias(static_cast<size_t>(p.out_c)) {
    testing::fill_random(weights, random);
    testing::fill_random(bias, random);
  }
};

void run_alone(const ConvParams& params, Isa isa, const Memory& constants, ConvArgs args) {
  // What rows at a time are computed with.
  ConvPlan plan;
  for (const ConvCandidate& candidate : conv_candidates(params, isa)) {
    const auto* found = std::get_if<ConvPlan>(&candidate.selection);
    if (plan.kernel == nullptr && found != nullptr && found->parts == 0) plan = *found;
  }
  Guarded packed(plan.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
  plan.pack(constants.weights.data(), constants.bias.data(), packed.data());
  args.packed = packed.data();
  args.scratch = scratch.data();
  plan.run(args, 0, plan.units);
}

class ConvSeparable : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, ConvSeparable, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// One after the other, which are tested by themselves: the same bits, whatever the ranges.
TEST_P(ConvSeparable, IsTheDepthwiseAndThenThePointwiseConvolution) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 200; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case test = random_case(random);
    const ConvSeparableSelection selection = configure_conv_separable(test.depthwise, test.pointwise, GetParam());
    ASSERT_NE(std::get_if<ConvSeparablePlan>(&selection), nullptr) << std::get<std::string>(selection);
    const ConvSeparablePlan& plan = std::get<ConvSeparablePlan>(selection);
    const ConvParams& d = test.depthwise;
    const ConvParams& p = test.pointwise;
    const int64_t in_pixels = d.batch * d.in_h * d.in_w, out_pixels = d.batch * d.out_h * d.out_w;
    Guarded in(static_cast<size_t>((in_pixels - 1) * d.in_stride + d.in_c));
    Guarded between(static_cast<size_t>(out_pixels * d.out_c));
    const auto out_size = static_cast<size_t>((out_pixels - 1) * p.out_stride + p.out_c);
    Guarded out(out_size, static_cast<size_t>(pick(random, 0, 3))), want(out_size);
    Guarded residual(static_cast<size_t>((out_pixels - 1) * p.residual_stride + p.out_c));
    const Memory first(d, random), second(p, random);
    testing::fill_random(in, random);
    testing::fill_random(residual, random);
    const float* added = p.has_residual ? residual.data() : nullptr;
    run_alone(d, GetParam(), first, {.in = in.data(), .out = between.data()});
    run_alone(p, GetParam(), second, {.in = between.data(), .residual = added, .out = want.data()});

    Guarded packed(plan.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
    plan.pack(first.weights.data(), first.bias.data(), second.weights.data(), second.bias.data(), packed.data());
    const ConvArgs args{
        .in = in.data(), .residual = added, .packed = packed.data(), .out = out.data(), .scratch = scratch.data()};
    for (int64_t end = plan.units; end > 0;) {
      const int64_t begin = std::max<int64_t>(0, end - pick(random, 1, plan.units));
      plan.run(args, begin, end);
      end = begin;
    }
    for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], want[i]) << i;
    ASSERT_TRUE(in.intact() && out.intact() && packed.intact() && scratch.intact());
  }
}

TEST(ConvSeparableSelection, SaysWhyItDeclines) {
  const ConvParams d{
      .in_h = 9, .in_w = 9, .in_c = 4, .out_h = 7, .out_w = 7, .out_c = 4, .kernel_h = 3, .kernel_w = 3, .groups = 4};
  ConvParams p{.in_h = 7, .in_w = 7, .in_c = 4, .out_h = 7, .out_w = 7, .out_c = 5, .threads = 1};
  const auto reason = [&](const ConvParams& first) {
    return std::get<std::string>(configure_conv_separable(first, p, Isa::kScalar));
  };
  ConvParams dense = d;
  dense.groups = 1;
  EXPECT_EQ(reason(dense), "the first convolution is not depthwise");
  ConvParams threads = d;
  threads.threads = 8;
  EXPECT_EQ(reason(threads), "too few rows");
  p.in_c = 8;
  EXPECT_EQ(reason(d), "the second convolution is of something else");
  p.kernel_h = 2;
  EXPECT_EQ(reason(d), "the second convolution is not pointwise");
}

}  // namespace
}  // namespace cycloid::kernels
