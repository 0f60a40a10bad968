#include "kernels/pool/plane_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/fold/unfold.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

// A window that lies at least once in the padded image.
FoldAxis random_axis(std::mt19937& random, int64_t& pad_end) {
  FoldAxis a{.kernel = pick(random, 1, 4), .stride = pick(random, 1, 3), .dilation = pick(random, 1, 2)};
  a.pad = pick(random, 0, a.kernel - 1);
  pad_end = pick(random, 0, a.kernel - 1);
  const int64_t extent = (a.kernel - 1) * a.dilation + 1;
  a.image = std::max<int64_t>(extent - a.pad - pad_end, 1) + pick(random, 0, 20);
  a.positions = (a.image + a.pad + pad_end - extent) / a.stride + 1;
  return a;
}

// The taps of a position, in plain loops over the elements of the window.
template <class Params>
std::vector<int64_t> places_of(const Params& p, int64_t position, int64_t& in_padding,
                               const std::array<int64_t, kMaxFoldRank>& pad_end) {
  std::vector<int64_t> places;
  int64_t kernel = 1;
  for (int i = 0; i < p.rank; ++i) kernel *= p.axes[static_cast<size_t>(i)].kernel;
  in_padding = 0;
  for (int64_t element = 0; element < kernel; ++element) {
    int64_t place = 0, step = 1, at = position, e = element;
    bool inside = true, padded = true;
    for (int i = p.rank - 1; i >= 0; --i) {
      const FoldAxis& a = p.axes[static_cast<size_t>(i)];
      const int64_t c = at % a.positions * a.stride + e % a.kernel * a.dilation - a.pad;
      inside = inside && c >= 0 && c < a.image;
      padded = padded && c >= -a.pad && c < a.image + pad_end[static_cast<size_t>(i)];
      place += c * step;
      step *= a.image;
      at /= a.positions;
      e /= a.kernel;
    }
    places.push_back(inside ? place : -1);
    if (padded) ++in_padding;
  }
  return places;
}

double expected_of(const PlanePoolParams& p, const auto* plane, int64_t position) {
  int64_t padded = 0;
  double best = -std::numeric_limits<double>::infinity(), sum = 0, sizes = 0, squares = 0;
  int64_t count = 0;
  for (const int64_t place : places_of(p, position, padded, p.pad_end)) {
    if (place < 0) continue;
    const auto x = static_cast<double>(plane[place]);
    best = std::max(best, x);
    sum += x;
    sizes += std::fabs(x);
    squares += x * x;
    ++count;
  }
  switch (p.kind) {
    case PlanePoolKind::kMax: return best;
    case PlanePoolKind::kAverage: return count == 0 ? 0 : sum / static_cast<double>(count);
    case PlanePoolKind::kAverageCountPadding: return padded == 0 ? 0 : sum / static_cast<double>(padded);
    case PlanePoolKind::kL1: return sizes;
    default: return std::sqrt(squares);
  }
}

class PlanePool : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }
  std::mt19937 random{7};
};
INSTANTIATE_TEST_SUITE_P(All, PlanePool, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

template <class T>
void check(PlanePoolParams p, Isa isa, std::mt19937& random) {
  p.type = std::is_same_v<T, double> ? PlanePoolType::kFloat64 : PlanePoolType::kFloat32;
  const PlanePoolPlan plan = plan_plane_pool(p, isa);
  const int64_t planes = pick(random, 1, 3);
  std::vector<T> x(static_cast<size_t>(planes * plan.image)), y(static_cast<size_t>(planes * plan.output) + 8, T{77});
  for (T& v : x) v = static_cast<T>(std::uniform_real_distribution<double>(-1, 1)(random));
  const int64_t units = plan.units(planes), cut = pick(random, 0, units);
  std::vector<double> scratch(plan.scratch_bytes() / sizeof(double));
  plan.run(x.data(), y.data(), scratch.data(), cut, units);
  plan.run(x.data(), y.data(), scratch.data(), 0, cut);
  // A sum of at most 64 terms up to 1, each rounded once, and what is made of it.
  const double tolerance = p.kind == PlanePoolKind::kMax ? 0 : 64 * 66 * std::numeric_limits<T>::epsilon();
  for (int64_t i = 0; i < planes * plan.output; ++i) {
    const double want = expected_of(p, x.data() + i / plan.output * plan.image, i % plan.output);
    const auto got = static_cast<double>(y[static_cast<size_t>(i)]);
    if (std::isinf(want))
      ASSERT_EQ(got, want) << i;
    else
      ASSERT_NEAR(got, want, tolerance) << i;
  }
  for (size_t i = y.size() - 8; i < y.size(); ++i) ASSERT_EQ(y[i], T{77}) << "behind the result";
}

TEST_P(PlanePool, OfAllKindsAndRanks) {
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    PlanePoolParams p{
        .kind = static_cast<PlanePoolKind>(round % 5), .rank = static_cast<int>(pick(random, 1, 3)), .axes = {}};
    for (int i = 0; i < p.rank; ++i)
      p.axes[static_cast<size_t>(i)] = random_axis(random, p.pad_end[static_cast<size_t>(i)]);
    check<float>(p, GetParam(), random);
    check<double>(p, GetParam(), random);
    if (HasFatalFailure()) return;
  }
}

TEST_P(PlanePool, NaNIsTheGreatest) {
  PlanePoolParams p{.type = PlanePoolType::kFloat64, .rank = 1, .axes = {}};
  p.axes[0] = {.image = 40, .kernel = 2, .positions = 39};
  const PlanePoolPlan plan = plan_plane_pool(p, GetParam());
  std::vector<double> x(40, 1), y(39), scratch(plan.scratch_bytes() / sizeof(double));
  x[7] = std::nan("");
  plan.run(x.data(), y.data(), scratch.data(), 0, plan.units(1));
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i == 6 || i == 7) << i;
}

template <class T>
void check_unfolding(const UnfoldParams& p, std::mt19937& random) {
  const int64_t panel = 16, first = pick(random, 0, p.positions() - 1);
  const int64_t count = std::min(panel, p.positions() - first);
  std::vector<T> x(static_cast<size_t>(p.channels * p.image()));
  for (T& v : x) v = static_cast<T>(pick(random, 1, 1000));
  std::vector<T> to(static_cast<size_t>(p.channels * p.kernel() * panel) + 4, T{77});
  unfold_panel(p, sizeof(T), x.data(), first, count, panel, to.data());
  for (int64_t j = 0; j < panel; ++j) {
    int64_t padded = 0;
    const std::vector<int64_t> places = places_of(p, std::min(first + j, p.positions() - 1), padded, {});
    for (int64_t row = 0; row < p.channels * p.kernel(); ++row) {
      const int64_t place = places[static_cast<size_t>(row % p.kernel())];
      const T want = j >= count || place < 0 ? T{0} : x[static_cast<size_t>(row / p.kernel() * p.image() + place)];
      ASSERT_EQ(to[static_cast<size_t>(row * panel + j)], want) << "row " << row << ", position " << first + j;
    }
  }
  for (size_t i = to.size() - 4; i < to.size(); ++i) ASSERT_EQ(to[i], T{77}) << "behind the panel";
}

TEST(Unfold, CutsOutWindows) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    UnfoldParams p{.rank = static_cast<int>(pick(random, 1, 3)), .axes = {}, .channels = pick(random, 1, 3)};
    int64_t end = 0;
    for (int i = 0; i < p.rank; ++i) p.axes[static_cast<size_t>(i)] = random_axis(random, end);
    check_unfolding<float>(p, random);
    check_unfolding<double>(p, random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cycloid::kernels
