#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// x.view(x.size(0), -1), as torch.onnx writes it.
TEST(PlainReshape, KeepsTheBatch) {
  expect_rewrites(
      kPlainReshape,
      "g (float[N, 4, 2] x) => (y) <int64 zero = {0}, int64[1] axes = {0}, int64[1] rest = {-1}> { s = Shape(x) n = "
      "Gather(s, zero) u = Unsqueeze(n, axes) c = Concat<axis = 0>(u, rest) y = Reshape(x, c) }",
      "g (float[N, 4, 2] x) => (y) <int64[2] c = {0, 8}> { y = Reshape(x, c) }");
}

TEST(PlainReshape, InfersTheOneUnknownSize) {
  expect_rewrites(
      kPlainReshape,
      "g (float[N, M, 4] x) => (y) <int64 a = {0}, int64 b = {1}, int64[1] axes = {0}, int64[1] four = {4}> { s = "
      "Shape(x) n = Gather(s, a) m = Gather(s, b) p = Mul(n, m) u = Unsqueeze(p, axes) c = Concat<axis = 0>(u, four) "
      "y = Reshape(x, c) }",
      "g (float[N, M, 4] x) => (y) <int64[2] c = {-1, 4}> { y = Reshape(x, c) }");
}

// With [0, -1], a runtime would divide by N = 0.
TEST(PlainReshape, FlattensWhereASizeMayBeZero) {
  expect_rewrites(
      kPlainReshape,
      "g (float[N, 4, M] x) => (y) <int64 a = {0}, int64 b = {2}, int64 four = {4}, int64[1] axes = {0}> { s = "
      "Shape(x) n = Gather(s, a) m = Gather(s, b) p = Mul(m, four) u = Unsqueeze(n, axes) v = Unsqueeze(p, axes) c = "
      "Concat<axis = 0>(u, v) y = Reshape(x, c) }",
      "g (float[N, 4, M] x) => (y) { y = Flatten<axis = 1>(x) }");
}

TEST(PlainReshape, LeavesTwoSizesThatMoved) {
  expect_declines(kPlainReshape,
                  "g (float[N, M, 4] x) => (y) <int64[3] i = {1, 0, 2}> { s = Shape(x) c = Gather(s, i) y = "
                  "Reshape(x, c) }");
}

TEST(PlainReshape, LeavesAShapeThatIsData) {
  expect_declines(kPlainReshape, "g (float[N, 4] x, int64[2] s) => (y) { y = Reshape(x, s) }");
}

}  // namespace
}  // namespace cycloid::testing
