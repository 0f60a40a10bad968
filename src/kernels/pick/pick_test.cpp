#include "kernels/pick/pick.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

// Zeros of both signs, NaN and numbers, of any share.
template <class T>
std::vector<T> draw(std::mt19937& random, int64_t n) {
  const int64_t zeros = pick(random, 0, 4);
  std::vector<T> x(static_cast<size_t>(n));
  for (T& element : x) {
    element = pick(random, 0, 4) < zeros ? T(0) : static_cast<T>(pick(random, 1, 100));
    if constexpr (std::is_floating_point_v<T>) {
      if (pick(random, 0, 9) == 0) element = -T(0);
      if (pick(random, 0, 9) == 0) element = std::numeric_limits<T>::quiet_NaN();
    }
  }
  return x;
}

template <class T>
void check_non_zeros(ZeroTest test, std::mt19937& random) {
  for (int round = 0; round < 40; ++round) {
    std::vector<int64_t> dims(static_cast<size_t>(pick(random, 1, 4)));
    for (int64_t& d : dims) d = pick(random, 1, dims.size() == 1 ? 2000 : 12);
    const int64_t n = std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
    const std::vector<T> x = draw<T>(random, n);
    std::vector<std::vector<int64_t>> want(dims.size());
    for (int64_t i = 0; i < n; ++i) {
      if (x[static_cast<size_t>(i)] == T(0)) continue;
      int64_t rest = i;
      for (size_t d = dims.size(); d-- > 0; rest /= dims[d]) want[d].push_back(rest % dims[d]);
    }
    const int64_t count = count_non_zeros(test, x.data(), n);
    ASSERT_EQ(count, static_cast<int64_t>(want[0].size()));
    std::vector<int64_t> y(dims.size() * want[0].size() + 1, -7);
    find_non_zeros(test, x.data(), dims, count, y.data());
    for (size_t d = 0; d < dims.size(); ++d) {
      ASSERT_TRUE(std::equal(want[d].begin(), want[d].end(), y.begin() + static_cast<int64_t>(d) * count)) << d;
    }
    ASSERT_EQ(y.back(), -7);
  }
}

TEST(Pick, FindsWhatIsNotZero) {
  std::mt19937 random(1);
  check_non_zeros<uint8_t>(ZeroTest::kBits8, random);
  check_non_zeros<int16_t>(ZeroTest::kBits16, random);
  check_non_zeros<int32_t>(ZeroTest::kBits32, random);
  check_non_zeros<int64_t>(ZeroTest::kBits64, random);
  check_non_zeros<float>(ZeroTest::kFloat32, random);
  check_non_zeros<double>(ZeroTest::kFloat64, random);
  const uint16_t halves[] = {0, 0x8000, 0x3c00, 0x8001};  // 0, -0, 1 and the smallest below 0
  EXPECT_EQ(count_non_zeros(ZeroTest::kFloat16, halves, 4), 2);
  EXPECT_EQ(count_non_zeros(ZeroTest::kBits16, halves, 4), 3);
}

template <class T>
void check_picks(std::mt19937& random) {
  for (int round = 0; round < 40; ++round) {
    const int64_t n = pick(random, 1, 1500), run = pick(random, 1, 5);
    const std::vector<T> x = draw<T>(random, n * run);
    const std::vector<uint8_t> flags = draw<uint8_t>(random, n);
    std::vector<T> want, slices;
    for (int64_t i = 0; i < n; ++i) {
      if (flags[static_cast<size_t>(i)] == 0) continue;
      want.push_back(x[static_cast<size_t>(i)]);
      slices.insert(slices.end(), x.begin() + i * run, x.begin() + (i + 1) * run);
    }
    std::vector<T> y(want.size() + 1, T(77)), z(slices.size() + 1, T(77));
    pick_elements(sizeof(T), x.data(), flags.data(), n, y.data());
    const auto bytes = static_cast<int64_t>(sizeof(T));
    const std::byte* end = pick_runs(run * bytes, reinterpret_cast<const std::byte*>(x.data()), flags.data(), n,
                                     reinterpret_cast<std::byte*>(z.data()));
    ASSERT_EQ(end, reinterpret_cast<std::byte*>(z.data() + slices.size()));
    want.push_back(T(77));
    slices.push_back(T(77));
    ASSERT_EQ(y, want);
    ASSERT_EQ(z, slices);
  }
}

TEST(Pick, TakesWhatIsFlagged) {
  std::mt19937 random(2);
  check_picks<uint8_t>(random);
  check_picks<int16_t>(random);
  check_picks<int32_t>(random);
  check_picks<int64_t>(random);
}

struct Box {
  double y0, x0, y1, x1;
};

// The definition, in double; no overlap of these boxes is near the bound.
std::vector<int64_t> suppress_by_definition(const std::vector<Box>& boxes, const std::vector<float>& scores,
                                            const SuppressParams& params) {
  std::vector<int64_t> order(boxes.size()), kept;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) {
    const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
    return !std::isnan(x) && (std::isnan(y) || x > y);
  });
  for (const int64_t i : order) {
    const Box& a = boxes[static_cast<size_t>(i)];
    if (static_cast<int64_t>(kept.size()) >= params.most) break;
    if (params.has_score && !(scores[static_cast<size_t>(i)] > params.score)) continue;
    const bool hidden = std::ranges::any_of(kept, [&](int64_t k) {
      const Box& b = boxes[static_cast<size_t>(k)];
      const double w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0), h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
      if (w <= 0 || h <= 0) return false;
      const double all = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - w * h;
      return w * h / all > static_cast<double>(params.overlap);
    });
    if (!hidden) kept.push_back(i);
  }
  return kept;
}

TEST(Pick, SuppressesBoxesThatOverlap) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const int64_t n = pick(random, 1, 400);
    // Corners on whole numbers: areas are exact, and no quotient of them is 0.37 or within 1e-6 of it.
    SuppressParams params{.by_center = round % 2 == 1,
                          .overlap = 0.37f + 1e-6f,
                          .has_score = round % 3 == 0,
                          .score = 0.5f,
                          .most = pick(random, 0, 60)};
    std::vector<Box> boxes(static_cast<size_t>(n));
    std::vector<float> given, scores(static_cast<size_t>(n));
    for (Box& box : boxes) {
      const auto x = static_cast<double>(pick(random, -20, 60)), y = static_cast<double>(pick(random, -20, 60));
      const auto w = static_cast<double>(2 * pick(random, 0, 12)), h = static_cast<double>(2 * pick(random, 1, 12));
      box = {y, x, y + h, x + w};
      const bool turned = pick(random, 0, 1) == 1;  // the corners in the other order
      const std::vector<double> four = params.by_center ? std::vector<double>{x + w / 2, y + h / 2, w, h}
                                       : turned         ? std::vector<double>{y + h, x, y, x + w}
                                                        : std::vector<double>{y, x, y + h, x + w};
      given.insert(given.end(), four.begin(), four.end());
    }
    for (float& score : scores) score = static_cast<float>(pick(random, 0, 40)) / 40;
    if (round % 5 == 0) scores[0] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<int64_t> want = suppress_by_definition(boxes, scores, params);
    std::vector<std::byte> scratch(SuppressParams::scratch_bytes(n, params.most));
    std::vector<int64_t> kept(static_cast<size_t>(std::min(params.most, n)) + 1, -7);
    const int64_t count = suppress(params, given.data(), scores.data(), n, scratch.data(), kept.data());
    ASSERT_EQ(std::vector<int64_t>(kept.begin(), kept.begin() + count), want) << round;
    ASSERT_EQ(kept.back(), -7);
  }
}

}  // namespace
}  // namespace cycloid::kernels
