#include "kernels/attend/attend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/aligned.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Attend : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Attend, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

struct Case {
  AttendParams params;
  int64_t q_step, k_step, v_step, y_step;
  float scale, softcap;
  bool biased;
  std::vector<AttendRow> rows;
};

Case draw(std::mt19937& random) {
  Case c;
  c.params = {.rows = pick(random, 1, 40),
              .keys = pick(random, 1, 90),
              .size = pick(random, 1, 70),
              .v_size = pick(random, 1, 70)};
  c.q_step = c.params.size + pick(random, 0, 3);
  c.k_step = c.params.size + pick(random, 0, 3);
  c.v_step = c.params.v_size + pick(random, 0, 3);
  c.y_step = c.params.v_size + pick(random, 0, 3);
  c.scale = static_cast<float>(pick(random, 1, 8)) / 8;
  c.softcap = pick(random, 0, 2) == 0 ? 1.5F : 0.0F;
  c.biased = pick(random, 0, 1) == 0;
  for (int64_t r = 0; r < c.params.rows; ++r) {
    AttendRow row;
    row.first = pick(random, 0, 3) == 0 ? pick(random, 0, c.params.keys) : 0;
    row.last = pick(random, 0, 2) == 0 ? pick(random, 0, c.params.keys) : c.params.keys;
    c.rows.push_back(row);
  }
  return c;
}

// Of one query, in double.
std::vector<double> expected(const Case& c, const AttendRow& row, const float* q, const float* k, const float* v) {
  std::vector<double> y(static_cast<size_t>(c.params.v_size), 0.0), scores;
  bool any = false;
  for (int64_t j = row.first; j < row.last; ++j) {
    double score = 0;
    for (int64_t i = 0; i < c.params.size; ++i)
      score += static_cast<double>(q[i]) * static_cast<double>(k[j * c.k_step + i]);
    score *= static_cast<double>(c.scale);
    if (c.softcap != 0) score = static_cast<double>(c.softcap) * std::tanh(score / static_cast<double>(c.softcap));
    if (row.bias != nullptr) score += static_cast<double>(row.bias[j]);
    any = any || row.bias == nullptr || row.bias[j] != -kInfinity;
    scores.push_back(score);
  }
  if (!any) return y;
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const double score : scores) most = std::max(most, score);
  for (double& score : scores) sum += score = std::exp(score - most);
  for (int64_t j = row.first; j < row.last; ++j) {
    for (int64_t i = 0; i < c.params.v_size; ++i)
      y[static_cast<size_t>(i)] +=
          scores[static_cast<size_t>(j - row.first)] / sum * static_cast<double>(v[j * c.v_step + i]);
  }
  return y;
}

TEST_P(Attend, AgreesWithTheDefinition) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 150; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    Case c = draw(random);
    const AttendParams& p = c.params;
    const auto length = [](int64_t rows, int64_t step, int64_t last) {
      return static_cast<size_t>((rows - 1) * step + last);
    };
    Guarded q(length(p.rows, c.q_step, p.size), static_cast<size_t>(seed % 3)), k(length(p.keys, c.k_step, p.size));
    Guarded v(length(p.keys, c.v_step, p.v_size)), y(length(p.rows, c.y_step, p.v_size));
    Guarded bias(static_cast<size_t>(p.rows * p.keys));
    for (Guarded* values : {&q, &k, &v, &bias}) testing::fill_random(*values, random, -2, 2);
    testing::fill_random(y, random);
    const std::vector<float> before(y.begin(), y.end());
    for (int64_t r = 0; c.biased && r < p.rows; ++r) {
      float* row = bias.data() + r * p.keys;
      c.rows[static_cast<size_t>(r)].bias = row;
      for (int64_t j = 0; j < p.keys; ++j) {
        if (pick(random, 0, 3) == 0 || r % 5 == 4) row[j] = -kInfinity;
      }
    }
    const AttendPlan plan = plan_attend(p, GetParam());
    AlignedBuffer<std::byte> scratch(plan.scratch_bytes);
    plan.run({.q = q.data(),
              .q_step = c.q_step,
              .rows = c.rows.data(),
              .row_count = p.rows,
              .k = k.data(),
              .k_step = c.k_step,
              .v = v.data(),
              .v_step = c.v_step,
              .scale = c.scale,
              .softcap = c.softcap,
              .y = y.data(),
              .y_step = c.y_step,
              .scratch = scratch.data()});
    for (int64_t r = 0; r < p.rows; ++r) {
      const std::vector<double> want =
          expected(c, c.rows[static_cast<size_t>(r)], q.data() + r * c.q_step, k.data(), v.data());
      // A score has size products of at most 4, whose error moves a share by as much; shares and values are summed.
      const double error = static_cast<double>(4 * p.size * p.size + 8 * p.keys + 64) * 0x1p-23;
      for (int64_t i = 0; i < p.v_size; ++i)
        ASSERT_NEAR(y[static_cast<size_t>(r * c.y_step + i)], want[static_cast<size_t>(i)], error) << seed << " " << r;
      for (int64_t i = p.v_size; i < c.y_step && r + 1 < p.rows; ++i) {
        const auto at = static_cast<size_t>(r * c.y_step + i);
        ASSERT_EQ(y[at], before[at]);
      }
    }
    ASSERT_TRUE(q.intact() && k.intact() && v.intact() && y.intact() && bias.intact());
  }
}

TEST(AttendBlock, CutsEvenlyAndNeverToNothing) {
  EXPECT_EQ(attend_block(5, 7), 5);
  EXPECT_EQ(attend_block(512, 512), 128);
  EXPECT_EQ(attend_block(130, 100), 65);
  EXPECT_EQ(attend_block(100, 1000000), 15);
}

}  // namespace
}  // namespace cycloid::kernels
