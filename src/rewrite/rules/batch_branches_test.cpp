#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// Four branches; "#" is the branch's number.
std::string branches(const std::string& inputs, const std::string& constants, const std::string& body, int count = 4,
                     int axis = 0) {
  std::string nodes;
  std::string results;
  std::string numbers;
  for (int k = 0; k < count; ++k) {
    const std::string n = std::to_string(k);
    std::string text = body;
    for (std::size_t at = text.find('#'); at != std::string::npos; at = text.find('#')) text.replace(at, 1, n);
    numbers += ", int64 k" + n + " = {" + n + "}";
    nodes += text + " u" + n + " = Unsqueeze(r" + n + ", axis) ";
    results += (k == 0 ? "u" : ", u") + n;
  }
  return "g (" + inputs + ") => (y) <int64[1] axis = {" + std::to_string(axis) + "}" + numbers + constants + "> { " +
         nodes + "y = Concat<axis = " + std::to_string(axis) + ">(" + results + ") }";
}

TEST(BatchBranches, SameOperatorsOnPieces) {
  expect_becomes(
      kBatchBranches,
      branches("float[4, 8, 8] x, float[8, 8] w", "", "a# = Gather(x, k#) h# = MatMul(a#, w) r# = Softmax(h#)"),
      "MatMul Softmax");
}

TEST(BatchBranches, APartOfATensorAlongAnotherAxis) {
  expect_becomes(kBatchBranches,
                 branches("float[8, 9, 8] x, float[8, 8] w", "",
                          "a# = Gather<axis = 1>(x, k#) h# = MatMul(a#, w) r# = Relu(h#)", 4, 1),
                 "Slice Transpose MatMul Relu Transpose");
}

TEST(BatchBranches, WeightsOfTheirOwn) {
  expect_becomes(
      kBatchBranches,
      branches("float[N, 2] x",
               ", float[2, 1] w0 = {1, 2}, float[2, 1] w1 = {3, 4}, float[2, 1] w2 = {5, 6}, float[2, 1] w3 = {7, 8}",
               "h# = MatMul(x, w#) e# = Exp(h#) t# = Tanh(e#) r# = Neg(t#)"),
      "Unsqueeze Unsqueeze Unsqueeze Unsqueeze Concat MatMul Exp Tanh Neg");
}

TEST(BatchBranches, PiecesOfASplitThatKeepTheirAxis) {
  expect_becomes(kBatchBranches,
                 "g (float[N, 3, 4] x) => (y) { a, b, c = Split<axis = 1, num_outputs = 3>(x) d = Exp(a) e = Exp(b) f "
                 "= Exp(c) p = Softmax<axis = 0>(d) q = "
                 "Softmax<axis = 0>(e) r = Softmax<axis = 0>(f) y = Concat<axis = 1>(p, q, r) }",
                 "Transpose Unsqueeze Exp Softmax Transpose Squeeze");
}

TEST(BatchBranches, LeavesOtherOperators) {
  expect_declines(kBatchBranches,
                  "g (float[3, 4] x) => (y) <int64[1] axis = {0}, int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = "
                  "Gather(x, i) b = Gather(x, j) c = "
                  "Gather(x, k) d = Exp(a) e = Exp(b) f = Neg(c) p = Unsqueeze(d, axis) q = Unsqueeze(e, axis) r = "
                  "Unsqueeze(f, axis) y = Concat<axis = "
                  "0>(p, q, r) }");
}

TEST(BatchBranches, LeavesOtherAttributes) {
  expect_declines(kBatchBranches,
                  "g (float[3, 4] x) => (y) <int64[1] axis = {0}, int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = "
                  "Gather(x, i) b = Gather(x, j) c = "
                  "Gather(x, k) d = Elu<alpha = 1.0>(a) e = Elu<alpha = 1.0>(b) f = Elu<alpha = 2.0>(c) p = "
                  "Unsqueeze(d, axis) q = Unsqueeze(e, axis) r = "
                  "Unsqueeze(f, axis) y = Concat<axis = 0>(p, q, r) }");
}

TEST(BatchBranches, LeavesRandomness) {
  expect_declines(
      kBatchBranches,
      branches("float[4, 8] x", "", "a# = Gather(x, k#) n# = RandomNormalLike(a#) h# = Add(a#, n#) r# = Exp(h#)"));
}

}  // namespace
}  // namespace cycloid::testing
