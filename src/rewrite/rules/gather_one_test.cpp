#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(GatherOne, Squeezed) {
  expect_rewrites(kGatherOne,
                  "g (float[N, 3, 4] x) => (y) <int64[1] i = {2}, int64[1] a = {1}> { t = Gather<axis = 1>(x, i) y = "
                  "Squeeze(t, a) }",
                  "g (float[N, 3, 4] x) => (y) <int64 i = {2}> { y = Gather<axis = 1>(x, i) }");
}

TEST(GatherOne, Unsqueezed) {
  expect_rewrites(
      kGatherOne,
      "g (float[N, 3, 4] x) => (y) <int64 i = {-1}, int64[1] a = {1}> { t = Gather<axis = 1>(x, i) y = Unsqueeze(t, a) "
      "}",
      "g (float[N, 3, 4] x) => (y) <int64[1] i = {-1}> { y = Gather<axis = 1>(x, i) }");
}

TEST(GatherOne, LeavesAnotherAxis) {
  expect_declines(kGatherOne,
                  "g (float[N, 3, 4] x) => (y) <int64 i = {1}, int64[1] a = {0}> { t = Gather<axis = 1>(x, i) y = "
                  "Unsqueeze(t, a) }");
}

TEST(GatherOne, LeavesIndicesKnownAtRunTimeOnly) {
  expect_declines(
      kGatherOne,
      "g (float[N, 3, 4] x, int64[1] i) => (y) <int64[1] a = {1}> { t = Gather<axis = 1>(x, i) y = Squeeze(t, a) }");
}

}  // namespace
}  // namespace cycloid::testing
