#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DropTranspose, Fires) {
  expect_rewrites(kDropTranspose, "g (float[A, B] x) => (y) { t = Transpose<perm = [0, 1]>(x) y = Relu(t) }",
                  "g (float[A, B] x) => (y) { y = Relu(x) }");
}

TEST(DropTranspose, OfAVector) {
  expect_rewrites(kDropTranspose, "g (float[A] x) => (y) { t = Transpose(x) y = Relu(t) }",
                  "g (float[A] x) => (y) { y = Relu(x) }");
}

// The axes only look as if they stayed: sizes are equal, places are not.
TEST(DropTranspose, LeavesASquareTranspose) {
  expect_declines(kDropTranspose, "g (float[3, 3] x) => (y) { t = Transpose<perm = [1, 0]>(x) y = Relu(t) }");
}

}  // namespace
}  // namespace cycloid::testing
