#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

// Where a pixel of h x w lies.
size_t place(const PoolParams& p, int64_t h, int64_t w, int64_t stride, int64_t n, int64_t y, int64_t x, int64_t c) {
  return static_cast<size_t>(p.planes ? ((n * p.channels + c) * h + y) * w + x : ((n * h + y) * w + x) * stride + c);
}

double reference(const PoolParams& p, const Guarded& in, int64_t n, int64_t oy, int64_t ox, int64_t c) {
  double best = -INFINITY, sum = 0, count = 0;
  for (int64_t i = 0; i < p.kernel_h; ++i) {
    for (int64_t j = 0; j < p.kernel_w; ++j) {
      const int64_t y = oy * p.stride_h - p.pad_top + i * p.dilation_h,
                    x = ox * p.stride_w - p.pad_left + j * p.dilation_w;
      const bool inside = y >= 0 && y < p.in_h && x >= 0 && x < p.in_w;
      const bool padded = y >= -p.pad_top && y < p.in_h + p.pad_bottom && x >= -p.pad_left && x < p.in_w + p.pad_right;
      if (inside || (padded && p.kind == PoolKind::kAverageCountPadding)) ++count;
      if (!inside) continue;
      const double value = in[place(p, p.in_h, p.in_w, p.in_stride, n, y, x, c)];
      best = std::max(best, value);
      sum += value;
    }
  }
  if (p.kind == PoolKind::kMax) return best;
  return count > 0 ? sum / count : 0;
}

PoolParams random_params(std::mt19937& random) {
  PoolParams p;
  p.kind = static_cast<PoolKind>(pick(random, 0, 2));
  p.batch = pick(random, 1, 2);
  p.in_h = pick(random, 1, 12);
  p.in_w = pick(random, 1, 12);
  p.channels = pick(random, 1, 150);
  if (pick(random, 0, 3) == 0) {  // global
    p.kernel_h = p.in_h;
    p.kernel_w = p.in_w;
  } else {
    p.kernel_h = pick(random, 1, 4);
    p.kernel_w = pick(random, 1, 4);
    p.stride_h = pick(random, 1, 3);
    p.stride_w = pick(random, 1, 3);
    p.dilation_h = pick(random, 0, 2) == 0 ? 2 : 1;
    p.dilation_w = pick(random, 0, 2) == 0 ? 2 : 1;
    p.pad_top = pick(random, 0, p.kernel_h);
    p.pad_left = pick(random, 0, p.kernel_w);
    p.pad_bottom = pick(random, 0, p.kernel_h);
    p.pad_right = pick(random, 0, p.kernel_w);
    // One more than floor mode: windows that lie partly or wholly outside, as ceil mode can give.
    const auto out = [&](int64_t in, int64_t pads, int64_t k, int64_t s, int64_t d) {
      return std::max<int64_t>(1, (in + pads - d * (k - 1) - 1) / s + 1 + pick(random, 0, 1));
    };
    p.out_h = out(p.in_h, p.pad_top + p.pad_bottom, p.kernel_h, p.stride_h, p.dilation_h);
    p.out_w = out(p.in_w, p.pad_left + p.pad_right, p.kernel_w, p.stride_w, p.dilation_w);
  }
  p.planes = pick(random, 0, 1) == 0;
  if (p.planes) p.channels = pick(random, 1, 5);
  if (p.planes && p.kernel_w < 5 && pick(random, 0, 1) == 0) {
    p.in_w += 60;  // whole vectors
    p.out_w += 60 / p.stride_w;
  }
  p.in_stride = p.channels + (p.planes ? 0 : pick(random, 0, 5));
  p.out_stride = p.channels + (p.planes ? 0 : pick(random, 0, 5));
  p.threads = static_cast<int>(pick(random, 1, 4));
  return p;
}

class Pool : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Pool, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(Pool, AgreesWithTheDefinition) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const PoolParams p = random_params(random);
    SCOPED_TRACE("seed " + std::to_string(seed));
    Guarded in(static_cast<size_t>((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.channels), seed % 3);
    Guarded out(static_cast<size_t>((p.batch * p.out_h * p.out_w - 1) * p.out_stride + p.channels), seed % 4);
    testing::fill_random(in, random);
    const PoolSelection selection = select_pool(p, GetParam());
    ASSERT_NE(std::get_if<PoolPlan>(&selection), nullptr) << std::get<std::string>(selection);
    const PoolPlan& plan = std::get<PoolPlan>(selection);
    Guarded scratch(plan.scratch_bytes / sizeof(float));
    for (int64_t begin = 0; begin < plan.units;) {
      const int64_t end = std::min(plan.units, begin + pick(random, 1, plan.units));
      plan.run(in.data(), out.data(), scratch.data(), begin, end);
      begin = end;
    }
    const double terms = static_cast<double>(p.kernel_h * p.kernel_w + 2);
    for (int64_t n = 0; n < p.batch; ++n) {
      for (int64_t y = 0; y < p.out_h; ++y) {
        for (int64_t x = 0; x < p.out_w; ++x) {
          for (int64_t c = 0; c < p.channels; ++c) {
            const double want = reference(p, in, n, y, x, c);
            const float got = out[place(p, p.out_h, p.out_w, p.out_stride, n, y, x, c)];
            if (std::isinf(want)) {
              ASSERT_EQ(got, want);
            } else {
              ASSERT_NEAR(got, want, terms * 0x1p-24) << n << " " << y << " " << x << " " << c;
            }
          }
        }
      }
    }
    ASSERT_TRUE(in.intact() && out.intact() && scratch.intact());
  }
}

TEST_P(Pool, MaxReturnsNanFromAnyTap) {
  if (!isa_available(GetParam())) GTEST_SKIP();
  for (size_t at = 0; at < 4; ++at) {
    float in[4] = {1, 2, 3, 4}, out = 0;
    in[at] = NAN;
    for (const bool planes : {false, true}) {
      const auto plan = std::get<PoolPlan>(
          select_pool({.in_h = 2, .in_w = 2, .kernel_h = 2, .kernel_w = 2, .planes = planes}, GetParam()));
      std::vector<float> scratch(plan.scratch_bytes / sizeof(float));
      plan.run(in, &out, scratch.data(), 0, plan.units);
      EXPECT_TRUE(std::isnan(out)) << at;
    }
  }
}

// NaN and infinities here and there: what is NaN is NaN and nothing else is, in every channel and at every edge.
TEST_P(Pool, MaxKeepsNanWhereItIs) {
  if (!isa_available(GetParam())) GTEST_SKIP();
  for (int seed = 0; seed < 100; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    PoolParams p = random_params(random);
    p.kind = PoolKind::kMax;
    p.planes = false;
    Guarded in(static_cast<size_t>((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.channels));
    Guarded out(static_cast<size_t>((p.batch * p.out_h * p.out_w - 1) * p.out_stride + p.channels));
    testing::fill_random(in, random);
    const float special[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 5; ++i)
      in[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(in.size()) - 1))] = special[i % 3];
    const auto plan = std::get<PoolPlan>(select_pool(p, GetParam()));
    plan.run(in.data(), out.data(), nullptr, 0, plan.units);
    for (int64_t at = 0; at < p.batch * p.out_h * p.out_w * p.channels; ++at) {
      const int64_t c = at % p.channels, pixel = at / p.channels, x = pixel % p.out_w, y = pixel / p.out_w % p.out_h;
      float want = -INFINITY;
      for (int64_t tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
        const int64_t in_y = y * p.stride_h - p.pad_top + tap / p.kernel_w * p.dilation_h;
        const int64_t in_x = x * p.stride_w - p.pad_left + tap % p.kernel_w * p.dilation_w;
        if (in_y < 0 || in_y >= p.in_h || in_x < 0 || in_x >= p.in_w) continue;
        const int64_t image = pixel / (p.out_w * p.out_h);
        const float value = in[static_cast<size_t>(((image * p.in_h + in_y) * p.in_w + in_x) * p.in_stride + c)];
        want = std::isnan(want) || std::isnan(value) ? NAN : std::max(want, value);
      }
      const float got = out[static_cast<size_t>(pixel * p.out_stride + c)];
      ASSERT_TRUE(std::isnan(want) ? std::isnan(got) : got == want) << at << ": " << got << " instead of " << want;
    }
  }
}

TEST(SelectPool, SaysWhyItDeclines) {
  EXPECT_EQ(std::get<std::string>(select_pool({.pad_top = -1}, Isa::kScalar)), "negative padding");
  EXPECT_EQ(std::get<std::string>(select_pool({.channels = 3, .in_stride = 2}, Isa::kScalar)),
            "a pixel stride is smaller than the channels");
}

}  // namespace
}  // namespace cycloid::kernels
