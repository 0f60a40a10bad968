#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// A loop that counts k up from `from` while k < 5, and makes s = tanh(s + x) in each iteration.
std::string counting(const std::string& head, const std::string& condition) {
  return "g (float[4] x" + head +
         "> { k_last, y = Loop(most, begin, from, x) <body = b (int64 i, bool c, int64 k, float[4] s) => (d, k_out, t) "
         "<int64 two "
         "= {2}, int64 five = {5}> { k_out = Add(k, two) " +
         condition + " a = Add(s, x) t = Tanh(a) }> }";
}

std::int64_t trips_of(const Optimized& optimized) {
  for (const NodeId id : optimized.model.graph.nodes()) {
    const Node& node = optimized.model.graph.node(id);
    if (node.op_type != "Loop") continue;
    const Tensor* trips = optimized.model.graph.constant(node.inputs[0]);
    return trips != nullptr ? to_int64s(*trips)[0] : -1;
  }
  return -1;
}

constexpr const char* kConstants =
    ") => (y, k_last) <int64 most = {9223372036854775807}, bool begin = {1}, int64 from = {0}";

TEST(CountLoop, AnExportedWhile) {
  const auto optimized = expect_becomes(kCountLoop, counting(kConstants, "d = Less(k_out, five)"), "Loop");
  EXPECT_EQ(trips_of(optimized), 3);  // k_out is 2, 4, 6
}

TEST(CountLoop, ThroughCastsAndTwoConditions) {
  const auto optimized = expect_becomes(
      kCountLoop,
      counting(kConstants,
               "f = Cast<to = 1>(k_out) g = Cast<to = 1>(five) e = Less(f, g) h = Less(i, two) d = And(e, h)"),
      "Loop");
  EXPECT_EQ(trips_of(optimized), 3);
}

TEST(CountLoop, NoMoreThanTheTripCountAndOneAtLeast) {
  const auto bounded = expect_becomes(
      kCountLoop,
      counting(") => (y, k_last) <int64 most = {2}, bool begin = {1}, int64 from = {0}", "d = Less(k_out, five)"),
      "Loop");
  EXPECT_EQ(trips_of(bounded), 2);
  const auto once = expect_becomes(
      kCountLoop,
      counting(") => (y, k_last) <int64 most = {9}, bool begin = {1}, int64 from = {100}", "d = Less(k_out, five)"),
      "Loop");
  EXPECT_EQ(trips_of(once), 1);
  const auto never = expect_becomes(
      kCountLoop,
      counting(") => (y, k_last) <int64 most = {9}, bool begin = {0}, int64 from = {0}", "d = Less(k_out, five)"),
      "Loop");
  EXPECT_EQ(trips_of(never), 0);
}

TEST(CountLoop, LeavesAConditionOfData) {
  expect_declines(kCountLoop, counting(") => (y, k_last) <int64 most = {9}, bool begin = {1}, int64 from = {0}",
                                       "m = ReduceMax<keepdims = 0>(s) z = Cast<to = 7>(m) d = Less(z, five)"));
}

TEST(CountLoop, LeavesAFirstValueKnownAtRunTimeOnly) {
  expect_declines(kCountLoop, counting(", int64 from) => (y, k_last) <int64 most = {9}, bool begin = {1}",
                                       "d = Less(k_out, five)"));
  expect_declines(kCountLoop, counting(", bool begin) => (y, k_last) <int64 most = {9}, int64 from = {0}",
                                       "d = Less(k_out, five)"));
  expect_declines(kCountLoop, counting(", int64 most) => (y, k_last) <bool begin = {1}, int64 from = {0}",
                                       "d = Less(k_out, five)"));
}

TEST(CountLoop, LeavesALoopThatDoesNotEndSoon) {
  expect_declines(kCountLoop, counting(") => (y, k_last) <int64 most = {5000}, bool begin = {1}, int64 from = {0}",
                                       "n = Sub(five, five) z = Mul(k_out, n) d = Less(z, five)"));
}

TEST(CountLoop, LeavesWhatIsCounted) {
  expect_declines(kCountLoop, counting(") => (y, k_last) <int64 most = {4}, bool begin = {1}, int64 from = {0}",
                                       "d = Identity(c)"));
}

}  // namespace
}  // namespace cycloid::testing
