#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// hidden_size 1, input size 1.
constexpr const char* kWeights = "float[1, 4, 1] w = {0.5, -1, 2, 1}, float[1, 4, 1] r = {1, 0.5, -0.5, 2}";

std::string model(const std::string& constants, const std::string& nodes) {
  return "g (float[3, N, 1] x, float[1, N, 1] h) => (y) <" + std::string(kWeights) + constants + "> { " + nodes + " }";
}

TEST(DropZeroState, MadeForTheBatch) {
  expect_rewrites(kDropZeroState,
                  model(", int64[1] one = {1}",
                        "s = Shape<start = 1, end = 2>(x) c = Concat<axis = 0>(one, s, one) z = ConstantOfShape(c) y = "
                        "LSTM<hidden_size = 1>(x, w, r, \"\", \"\", z, z)"),
                  model("", "y = LSTM<hidden_size = 1>(x, w, r)"));
}

TEST(DropZeroState, KeepsTheOtherState) {
  expect_rewrites(kDropZeroState,
                  model(", float zero = {0}",
                        "s = Shape(h) z = Expand(zero, s) y = LSTM<hidden_size = 1>(x, w, r, \"\", \"\", h, z)"),
                  model("", "y = LSTM<hidden_size = 1>(x, w, r, \"\", \"\", h)"));
}

// It is a constant: to drop it saves no node, and runtimes have their fast loops for layers with one.
TEST(DropZeroState, LeavesABiasOfZeros) {
  expect_declines(kDropZeroState,
                  model(", float[1, 8] b = {0, 0, 0, 0, 0, 0, 0, 0}", "y = LSTM<hidden_size = 1>(x, w, r, b)"));
}

TEST(DropZeroState, LeavesOnes) {
  expect_declines(
      kDropZeroState,
      model(", int64[3] one = {1, 2, 1}",
            "z = ConstantOfShape<value = float[1] {1}>(one) y = LSTM<hidden_size = 1>(x, w, r, \"\", \"\", z)"));
}

TEST(DropZeroState, LeavesAStateKnownAtRunTimeOnly) {
  expect_declines(kDropZeroState, model("", "y = LSTM<hidden_size = 1>(x, w, r, \"\", \"\", h)"));
}

}  // namespace
}  // namespace cycloid::testing
