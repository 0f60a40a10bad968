#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// n unrolled additions of a[i][i].
std::string unrolled(int n, const std::string& type, const std::string& op = "Add") {
  std::string constants;
  std::string nodes;
  for (int i = 0; i < n; ++i) {
    const std::string k = std::to_string(i);
    constants += (i == 0 ? "int64 k" : ", int64 k") + k + " = {" + k + "}";
    nodes += "r" + k + " = Gather(a, k" + k + ") e" + k + " = Gather(r" + k + ", k" + k + ") ";
    if (i > 0) nodes += "s" + k + " = " + op + "(" + (i == 1 ? "e0" : "s" + std::to_string(i - 1)) + ", e" + k + ") ";
  }
  return "g (" + type + " a) => (y) <" + constants + "> { " + nodes + "y = Identity(s" + std::to_string(n - 1) + ") }";
}

TEST(SumOfPicks, UnrolledTrace) {
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 4]"), "Reshape Slice ReduceSum Identity");
}

TEST(SumOfPicks, OfARectangle) {
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 7]"), "Reshape Slice ReduceSum Identity");
}

TEST(SumOfPicks, MaximaAndProducts) {
  expect_becomes(kSumOfPicks, unrolled(4, "int64[4, 4]", "Max"), "Reshape Slice ReduceMax Identity");
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 4]", "Mul"), "Reshape Slice ReduceProd Identity");
}

TEST(SumOfPicks, ThroughSliceAndSplitWithSomethingElse) {
  expect_becomes(kSumOfPicks,
                 "g (float[4] x, float[1] b) => (y) <int64[1] one = {1}, int64[1] two = {2}> { p, q, r, s = "
                 "Split<num_outputs = 4>(x) m = Slice(x, "
                 "one, two) t = Add(p, m) u = Add(s, q) v = Add(t, b) y = Add(v, u) }",
                 "Reshape Gather ReduceSum Add");
}

// ReduceMax of other runtimes may lose a NaN that Max keeps.
TEST(SumOfPicks, LeavesAMaximumOfFloats) { expect_declines(kSumOfPicks, unrolled(4, "float[4, 4]", "Max")); }

TEST(SumOfPicks, LeavesASumThatIsUsedOnTheWay) {
  expect_declines(kSumOfPicks,
                  "g (float[4] x) => (y, z) <int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = Gather(x, i) b = "
                  "Gather(x, j) c = Gather(x, k) z = "
                  "Add(a, b) y = Add(z, c) }");
}

TEST(SumOfPicks, LeavesAnUnknownSize) { expect_declines(kSumOfPicks, unrolled(4, "float[N, N]")); }

TEST(SumOfPicks, LeavesTwoTensors) {
  expect_declines(kSumOfPicks,
                  "g (float[4] x, float[4] z) => (y) <int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = Gather(x, i) "
                  "b = Gather(z, j) c = Gather(x, k) "
                  "d = Gather(x, j) s = Add(a, b) t = Add(s, c) y = Add(t, d) }");
}

}  // namespace
}  // namespace cycloid::testing
