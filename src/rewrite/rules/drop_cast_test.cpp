#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DropCast, Fires) {
  expect_rewrites(kDropCast, "g (float[N] x) => (y) { t = Cast<to = 1>(x) y = Relu(t) }",
                  "g (float[N] x) => (y) { y = Relu(x) }");
}

TEST(DropCast, FiresLikeItsOwnType) {
  expect_rewrites(kDropCast, "g (float[N] x, float[2] like) => (y) { t = CastLike(x, like) y = Relu(t) }",
                  "g (float[N] x, float[2] like) => (y) { y = Relu(x) }");
}

TEST(DropCast, LeavesAConversion) {
  expect_declines(kDropCast, "g (float[N] x) => (y) { t = Cast<to = 11>(x) y = Relu(t) }");
}

}  // namespace
}  // namespace cycloid::testing
