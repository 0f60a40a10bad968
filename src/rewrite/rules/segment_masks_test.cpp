#include <limits>

#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// One masked reduction for each of these segments, stacked.
std::string masks(const std::string& inputs, const std::vector<int>& segments, const std::string& body,
                  const std::string& constants = "") {
  std::string constants_text;
  std::string nodes;
  std::string outputs;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string n = std::to_string(i);
    constants_text += ", int64 k" + n + " = {" + std::to_string(segments[i]) + "}";
    nodes += "m" + n + " = Equal(ids, k" + n + ") ";
    std::string text = body;
    for (std::size_t at = text.find('#'); at != std::string::npos; at = text.find('#')) text.replace(at, 1, n);
    nodes += text + " ";
    outputs += (i == 0 ? "r" : ", r") + n;
  }
  return "g (" + inputs + ") => (y) <float zero = {0}" + constants_text + constants + "> { " + nodes +
         "y = Concat<axis = 0>(" + outputs + ") }";
}

constexpr const char* kInputs = "float[N] x, int64[N] ids";

void expect_masks(const std::string& text, std::string_view ops, const std::vector<float>& x = {1, 2, 4, 8, 16, 32}) {
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(kSegmentMasks, model, 2);
  EXPECT_EQ(operators(optimized.model), ops) << print(optimized.model);
  const auto ids = Tensor::of<std::int64_t>({6}, {2, 0, -1, 7, 2, 0});  // 1 is empty; -1 and 7 are in no segment
  expect_same(model, optimized.model, {Tensor::of<float>({6}, x), ids}, false);
}

constexpr const char* kThree = "Clip ConstantOfShape ScatterElements Slice Slice Slice Slice Concat";

TEST(SegmentMasks, Where) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Where(m#, x, zero) r# = ReduceSum(w#)"), kThree);
}

TEST(SegmentMasks, Compress) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Compress(x, m#) r# = ReduceSum(w#)"), kThree);
}

TEST(SegmentMasks, BooleanIndexing) {
  expect_masks(masks(kInputs, {0, 1, 2}, "n# = NonZero(m#) t# = Transpose(n#) w# = GatherND(x, t#) r# = ReduceSum(w#)"),
               kThree);
}

TEST(SegmentMasks, OtherOrderAndOffset) {
  expect_masks(masks(kInputs, {7, 5, 2}, "w# = Where(m#, x, zero) r# = ReduceSum(w#)"),
               "Sub Clip ConstantOfShape ScatterElements Slice Slice Slice Slice Concat");
}

TEST(SegmentMasks, KeepsNaNInItsSegment) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Where(m#, x, zero) r# = ReduceSum(w#)"), kThree,
               {1, std::numeric_limits<float>::quiet_NaN(), 4, std::numeric_limits<float>::infinity(), 16, 32});
}

TEST(SegmentMasks, MeanOfAnEmptySegmentIsNaN) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Compress(x, m#) r# = ReduceMean(w#)"),
               "Clip ConstantOfShape ScatterElements Slice Shape Expand ConstantOfShape ScatterElements Slice Div "
               "Slice Slice Slice Concat");
}

TEST(SegmentMasks, ExtremaOfAnEmptySegmentAreInfinite) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Compress(x, m#) r# = ReduceMax(w#)"), kThree,
               {-1, -2, -4, -8, -16, -32});
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Compress(x, m#) r# = ReduceMin(w#)"), kThree);
}

TEST(SegmentMasks, Counts) {
  expect_masks(masks(kInputs, {0, 1, 2}, "w# = Cast<to = 1>(m#) r# = ReduceSum(w#)"),
               "Shape Expand Clip ConstantOfShape ScatterElements Slice Slice Slice Slice Concat");
}

TEST(SegmentMasks, Rows) {
  expect_becomes(kSegmentMasks,
                 masks("float[N, 3] x, int64[N] ids", {0, 1, 2, 3},
                       "w# = Compress<axis = 0>(x, m#) r# = ReduceSum(w#, first)", ", int64[1] first = {0}"),
                 "Clip ConstantOfShape Unsqueeze ScatterND Slice Slice Slice Slice Slice Concat");
}

TEST(SegmentMasks, LeavesAProductWithTheMask) {
  expect_declines(kSegmentMasks,
                  masks(kInputs, {0, 1, 2, 3, 4, 5, 6}, "f# = Cast<to = 1>(m#) w# = Mul(x, f#) r# = ReduceSum(w#)"));
}

TEST(SegmentMasks, LeavesOneMask) {
  expect_declines(kSegmentMasks, masks(kInputs, {1}, "w# = Where(m#, x, zero) r# = ReduceSum(w#)"));
}

TEST(SegmentMasks, LeavesSegmentsFarApart) {
  expect_declines(kSegmentMasks, masks(kInputs, {0, 1000}, "w# = Where(m#, x, zero) r# = ReduceSum(w#)"));
}

TEST(SegmentMasks, LeavesAFillingThatCounts) {
  expect_declines(kSegmentMasks, masks(kInputs, {0, 1, 2}, "w# = Where(m#, x, zero) r# = ReduceMax(w#)"));
}

TEST(SegmentMasks, LeavesAnIdOfEachElementAlone) {
  expect_declines(kSegmentMasks,
                  "g (float[N] x, int64[N] ids, int64[N] other) => (y) <float zero = {0}> { m = Equal(ids, other) w = "
                  "Where(m, x, zero) a = ReduceSum(w) "
                  "n = Equal(other, ids) v = Where(n, x, zero) b = ReduceSum(v) y = Add(a, b) }");
}

}  // namespace
}  // namespace cycloid::testing
