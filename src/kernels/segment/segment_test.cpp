#include "kernels/segment/segment.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Segment : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Segment, Segment, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

double join(SegmentKind kind, double a, double b) {
  switch (kind) {
    case SegmentKind::kSum: return a + b;
    case SegmentKind::kProduct: return a * b;
    case SegmentKind::kMax: return std::max(a, b);
    case SegmentKind::kMin: break;
  }
  return std::min(a, b);
}

// Ids in and around the segments, at the far ends, and those that differ from a segment in their upper half only.
template <class Id>
std::vector<Id> draw_ids(std::mt19937& random, size_t count, int64_t first, int64_t segments) {
  std::vector<Id> ids(count);
  for (Id& id : ids) {
    const int64_t near = first + pick(random, -2, segments + 1);
    switch (pick(random, 0, 9)) {
      case 0: id = std::numeric_limits<Id>::min(); break;
      case 1: id = std::numeric_limits<Id>::max(); break;
      case 2: id = static_cast<Id>(sizeof(Id) == 8 ? near + (int64_t{1} << 32) : near); break;
      default: id = static_cast<Id>(near);
    }
  }
  return ids;
}

template <class Id>
void check(Isa isa, SegmentKind kind) {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    const int64_t segments = pick(random, 1, 20), first = pick(random, -3, 3);
    const auto count = static_cast<size_t>(pick(random, 0, 100));
    const std::vector<Id> ids = draw_ids<Id>(random, count, first, segments);
    Guarded x(count, static_cast<size_t>(pick(random, 0, 3))), y(static_cast<size_t>(segments));
    testing::fill_random(x, random, 0.5f, 1.5f);
    segment_kernel(kind, sizeof(Id) == 4, segments,
                   isa)({x.data(), ids.data(), static_cast<int64_t>(count), first, segments, y.data()});
    for (int64_t k = 0; k < segments; ++k) {
      double want = segment_start(kind);
      for (size_t i = 0; i < count; ++i) {
        if (static_cast<int64_t>(ids[i]) == first + k) want = join(kind, want, x[i]);
      }
      // Each of at most 100 roundings is at most half a unit of a partial result; all x are positive, so none of a sum is
      // larger than the whole. Partial products are within 1.5^100, and errors of factors add up relatively.
      const double bound = 100 * 0x1p-24 * std::fabs(want) * 1.01;
      if (want == y[static_cast<size_t>(k)]) continue;  // infinities too
      ASSERT_NEAR(y[static_cast<size_t>(k)], want, bound) << segments << " segments, " << count << " elements, " << k;
    }
    ASSERT_TRUE(x.intact() && y.intact());
  }
}

TEST_P(Segment, AgreesWithANaiveLoop) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (const SegmentKind kind : {SegmentKind::kSum, SegmentKind::kProduct, SegmentKind::kMax, SegmentKind::kMin}) {
    check<int64_t>(GetParam(), kind);
    check<int32_t>(GetParam(), kind);
  }
}

TEST_P(Segment, NanStaysInItsSegment) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (const SegmentKind kind : {SegmentKind::kSum, SegmentKind::kProduct, SegmentKind::kMax, SegmentKind::kMin}) {
    for (const int64_t segments : {3, 20}) {
      std::vector<float> x(40, 1), y(static_cast<size_t>(segments));
      std::vector<int64_t> ids(40);
      for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i % 3);
      for (const size_t nan : {size_t{1}, size_t{37}}) {
        std::fill(x.begin(), x.end(), 1.0f);
        x[nan] = NAN;
        segment_kernel(kind, false, segments, GetParam())({x.data(), ids.data(), 40, 0, segments, y.data()});
        for (size_t k = 0; k < 3; ++k) EXPECT_EQ(std::isnan(y[k]), k == nan % 3) << segments << " " << nan << " " << k;
      }
    }
  }
}

TEST(SegmentJoin, JoinsParts) {
  const float x[] = {1, 5, NAN, 2};
  float y[] = {3, 2, 1, NAN};
  join_segments(SegmentKind::kMax, x, y, 4);
  EXPECT_EQ(y[0], 3);
  EXPECT_EQ(y[1], 5);
  EXPECT_TRUE(std::isnan(y[2]) && std::isnan(y[3]));
}

}  // namespace
}  // namespace cycloid::kernels
