#include <limits>

#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// A Loop over `n` iterations that carries nothing, and what its body computes as `z`.
std::string loop(const std::string& inputs, const std::string& constants, const std::string& body) {
  return "g (" + inputs + ") => (y) <bool yes = {1}" + constants +
         "> { y = Loop(n, yes) <body = b (int64 i, bool c) => (d, z) { d = Identity(c) " + body + " }> }";
}

// One that carries `s` from `first` on and makes `s_out` of it.
std::string fold(const std::string& inputs, const std::string& constants, const std::string& body,
                 const std::string& type = "float") {
  return "g (" + inputs + ") => (y) <bool yes = {1}" + constants +
         "> { y = Loop(n, yes, first) <body = b (int64 i, bool c, " + type + " s) => (d, s_out) { d = Identity(c) " +
         body + " }> }";
}

Optimized expect_fires(const Rule& rule, const std::string& text, std::string_view ops) {
  return expect_becomes(rule, text, ops);
}

// The fourth founding example.
TEST(BatchLoop, IndependentIterations) {
  expect_fires(kBatchLoop,
               loop("float[16, 8, 8] x, float[8, 8] w, float[8, 8] v", ", int64 n = {16}",
                    "a = Gather(x, i) h = MatMul(a, w) r = Relu(h) o = MatMul(r, v) z = Softmax<axis = -1>(o)"),
               "MatMul Relu MatMul Softmax");
}

TEST(BatchLoop, TripCountKnownWhenTheModelRuns) {
  expect_fires(kBatchLoop, loop("int64 n, float[4] x", "", "f = Cast<to = 1>(i) z = Mul(x, f)"),
               "Max Range Cast Unsqueeze Mul");
}

TEST(BatchLoop, ANegativeTripCountIsNone) {
  const ModelIr model = parse_typed(loop("int64 n, float[4] x", "", "f = Cast<to = 1>(i) z = Mul(x, f)"));
  const Optimized optimized = apply_alone(kBatchLoop, model, 2);
  ASSERT_EQ(optimized.ledger.applications.size(), 1U);
  const auto x = Tensor::of<float>({4}, {1, 2, 3, 4});
  for (const std::int64_t trips : {-3, 0, 1, 7}) {
    expect_same(model, optimized.model, {Tensor::scalar<std::int64_t>(trips), x}, false);
  }
}

TEST(BatchLoop, StacksWhatIsTheSameInEveryIteration) {
  expect_fires(kBatchLoop, loop("float[4] x", ", int64 n = {3}", "z = Relu(x)"), "Relu Unsqueeze Expand");
}

TEST(BatchLoop, ScanAlongOtherAxesAndBackwards) {
  expect_becomes(
      kBatchLoop,
      "g (float[3, 7, 2] x, float[7, 2] v) => (y) { y = Scan<num_scan_inputs = 2, scan_input_axes = [1, 0], "
      "scan_input_directions = [0, 1], scan_output_axes = [1], scan_output_directions = [1], body = b (float[3, 2] a, "
      "float[2] c) => (z) { z = Add(a, c) }>(x, v) }",
      "Transpose Slice Unsqueeze Add Slice Transpose");
}

TEST(BatchLoop, SeveralOutputsKeepTheirOrder) {
  expect_becomes(kBatchLoop,
                 "g (float[5, 4] x) => (u, v) <bool yes = {1}, int64 n = {5}> { u, v = Loop(n, yes) <body = b (int64 "
                 "i, bool c) => "
                 "(d, p, q) { d = Identity(c) a = Gather(x, i) q = Neg(a) p = Exp(a) }> }",
                 "Neg Exp");
}

TEST(BatchLoop, UsesTheLastValueAfterwards) {
  expect_becomes(
      kBatchLoop,
      fold("float[5, 4] x, float[4] first", ", int64 n = {5}", "a = Gather(x, i) s_out = Exp(a)", "float[4]"),
      "Exp Gather");
}

TEST(BatchLoop, TheFirstValueStaysWithoutIterations) {
  const ModelIr model =
      parse_typed(fold("float[N, 4] x, float[4] first, int64 n", "", "a = Gather(x, i) s_out = Exp(a)", "float[4]"));
  const Optimized optimized = apply_alone(kBatchLoop, model, 2);
  ASSERT_EQ(optimized.ledger.applications.size(), 1U);
  for (const std::int64_t trips : {0, 2}) {
    auto inputs = random_inputs(model, 2, 3);
    inputs[2] = Tensor::scalar<std::int64_t>(trips);
    expect_same(model, optimized.model, inputs, false);
  }
}

TEST(BatchLoop, CountersThatAreCarried) {
  expect_becomes(
      kBatchLoop,
      "g (float[5] x) => (y, last) <bool yes = {1}, int64 n = {3}, int64 k = {4}> { last, y = Loop(n, yes, k) <body = "
      "b "
      "(int64 i, bool c, int64 k_in) => (d, k_out, z) <int64 one = {1}> { d = Identity(c) z = Gather(x, k_in) k_out = "
      "Sub(k_in, one) }> }",
      "Mul Add Mul Add Gather");
}

TEST(BatchLoop, PutsASequenceTogether) {
  expect_becomes(kBatchLoop,
                 "g (float[5, 4] x) => (y, z) <bool yes = {1}, int64 n = {5}> { e = SequenceEmpty() q = Loop(n, yes, "
                 "e) <body = b (int64 "
                 "i, bool c, seq(float[4]) q_in) => (d, q_out) { d = Identity(c) a = Gather(x, i) r = Exp(a) q_out = "
                 "SequenceInsert(q_in, r) }> y = ConcatFromSequence<axis = 1, new_axis = 1>(q) z = "
                 "ConcatFromSequence<axis = 0>(q) }",
                 "Exp Transpose Reshape");
}

TEST(BatchLoop, WritesRows) {
  expect_becomes(kBatchLoop,
                 fold("float[5, 4] x, float[7, 4] first", ", int64 n = {5}, int64[1] zero = {0}",
                      "a = Gather(x, i) r = Exp(a) u = Unsqueeze(i, zero) s_out = ScatterND(s, u, r)", "float[7, 4]"),
                 "Exp Slice Concat");
}

TEST(BatchLoop, AppendsRows) {
  expect_becomes(
      kBatchLoop,
      fold("float[5, 4] x, float[2, 4] first", ", int64 n = {5}, int64[1] zero = {0}",
           "a = Gather(x, i) r = Exp(a) u = Unsqueeze(r, zero) s_out = Concat<axis = 0>(s, u)", "float[?, 4]"),
      "Exp Unsqueeze Squeeze Concat");
}

TEST(BatchLoop, SlidingWindows) {
  expect_fires(kBatchLoop,
               loop("float[9] x", ", int64 n = {7}, int64[1] zero = {0}, int64[1] three = {3}",
                    "f = Unsqueeze(i, zero) t = Add(f, three) w = Slice(x, f, t) z = ReduceMax<keepdims = 0>(w)"),
               "Unsqueeze Add Gather ReduceMax");
}

// The last window is cut off at the end: the iterations' values have other shapes.
TEST(BatchLoop, LeavesWindowsBeyondTheEnd) {
  expect_declines(kBatchLoop,
                  loop("float[9] x", ", int64 n = {8}, int64[1] zero = {0}, int64[1] three = {3}",
                       "f = Unsqueeze(i, zero) t = Add(f, three) w = Slice(x, f, t) z = ReduceMax<keepdims = 0>(w)"));
}

TEST(BatchLoop, LeavesACarriedDependence) {
  expect_declines(kBatchLoop,
                  fold("float[4] x, float[4] first", ", int64 n = {5}", "t = Tanh(s) s_out = Add(t, x)", "float[4]"));
}

TEST(BatchLoop, LeavesAConditionThatMayStop) {
  expect_declines(kBatchLoop,
                  "g (float[5, 4] x) => (y) <bool yes = {1}, int64 n = {5}, int64 three = {3}> { y = Loop(n, yes) "
                  "<body = b (int64 i, "
                  "bool c) => (d, z) { d = Less(i, three) a = Gather(x, i) z = Exp(a) }> }");
}

TEST(BatchLoop, LeavesAFirstConditionKnownAtRunTimeOnly) {
  expect_declines(kBatchLoop,
                  "g (float[5, 4] x, bool yes) => (y) <int64 n = {5}> { y = Loop(n, yes) <body = b (int64 i, bool c) "
                  "=> (d, z) { d = "
                  "Identity(c) a = Gather(x, i) z = Exp(a) }> }");
}

TEST(BatchLoop, LeavesRandomness) {
  expect_declines(kBatchLoop, loop("float[4] x", ", int64 n = {3}", "r = RandomNormalLike(x) z = Add(x, r)"));
}

// Sizes of iterations differ: there is no tensor of all.
TEST(BatchLoop, LeavesPartsOfUnknownSize) {
  expect_declines(kBatchLoop,
                  loop("float[6] x", ", int64 n = {1}", "f = Cast<to = 1>(i) m = Greater(x, f) z = Compress(x, m)"));
}

// All differences at once would be n times as large as anything now.
TEST(BatchLoop, LeavesWhatWouldNotFitInMemory) {
  const ModelIr model = parse_typed(
      "g (float[N, D] x) => (y) <bool yes = {1}, int64[1] one = {1}> { s = Shape<end = 1>(x) n = Squeeze(s) y = "
      "Loop(n, yes) <body = "
      "b (int64 i, bool c) => (d, z) { d = Identity(c) a = Gather(x, i) e = Sub(x, a) q = Mul(e, e) z = "
      "ReduceSum<keepdims = 0>(q, one) }> }");
  const Optimized optimized = apply_alone(kBatchLoop, model, 2);
  EXPECT_TRUE(optimized.ledger.applications.empty());
  ASSERT_EQ(optimized.ledger.refusals.size(), 1U);
  EXPECT_NE(optimized.ledger.refusals[0].reason.find("bytes"), std::string::npos);
}

// Nothing is computed where the loop runs no iteration, so nothing may fail there either.
TEST(BatchLoop, LeavesAnIndexThatOnlyIterationsUse) {
  expect_declines(kBatchLoop,
                  "g (float[N, 4] x, int64 n, int64 k) => (y) <bool yes = {1}> { y = Loop(n, yes) <body = b (int64 i, "
                  "bool c) => (d, z) { d = Identity(c) a = "
                  "Gather(x, k) f = Cast<to = 1>(i) z = Mul(a, f) }> }");
}

// The second founding example, in the forms people write.
TEST(ReduceLoop, TraceOfASymbolicSquare) {
  expect_becomes(kReduceLoop,
                 "g (float[N, N] a) => (s) <float zero = {0}, bool yes = {1}> { h = Shape<end = 1>(a) n = Squeeze(h) s "
                 "= Loop(n, yes, zero) "
                 "<body = b (int64 i, bool c, float t) => (d, u) { d = Identity(c) r = Gather(a, i) e = Gather(r, i) u "
                 "= Add(t, e) }> }",
                 "Shape Add Reshape Slice ReduceSum");
}

TEST(ReduceLoop, TraceOfARectangle) {
  expect_fires(kReduceLoop,
               fold("float[3, 4] a", ", int64 n = {3}, float first = {0}",
                    "r = Gather(a, i) e = Gather(r, i) s_out = Add(e, s)"),
               "Reshape Slice ReduceSum");
}

TEST(ReduceLoop, OffsetDiagonalOfColumnsFirst) {
  expect_fires(kReduceLoop,
               fold("float[4, 6] a, float first", ", int64 n = {3}, int64 two = {2}",
                    "j = Add(i, two) r = Gather(a, i) e = Gather(r, j) s_out = Add(s, e)"),
               "Reshape Slice ReduceSum Add");
}

// Beyond the matrix the loop fails, and so does what takes its place.
TEST(ReduceLoop, KeepsAnIndexOutOfRange) {
  const ModelIr model = parse_typed(
      fold("float[M, N] a, int64 n", ", float first = {0}", "r = Gather(a, i) e = Gather(r, i) s_out = Add(s, e)"));
  const Optimized optimized = apply_alone(kReduceLoop, model, 2);
  ASSERT_EQ(optimized.ledger.applications.size(), 1U);
  for (const std::int64_t trips : {0, 2, 3}) {
    auto inputs = random_inputs(model, 2, 3);
    inputs[1] = Tensor::scalar<std::int64_t>(trips);
    expect_same(model, optimized.model, inputs, false);
  }
}

TEST(ReduceLoop, OverAScan) {
  expect_becomes(kReduceLoop,
                 "g (float[N, 4] x, float[4] first) => (y) { y = Scan<num_scan_inputs = 1, body = b (float[4] s, "
                 "float[4] a) => (t) { e = "
                 "Exp(a) t = Add(s, e) }>(first, x) }",
                 "Exp ReduceSum Add");
}

// The trace by a Scan over rows, with a counter that is carried along.
TEST(ReduceLoop, TraceByAScanWithACounter) {
  const ModelIr model = parse_typed(
      "g (float[4, 4] x) => (t) <int64 first = {0}, float zero = {0}> { n, t = Scan<num_scan_inputs = 1, body = b "
      "(int64 i, "
      "float s, float[4] row) => (j, u) <int64 one = {1}> { j = Add(i, one) e = Gather(row, i) u = Add(s, e) }>(first, "
      "zero, "
      "x) }");
  const auto optimized = optimize(model, {.samples = {random_inputs(model, 1, 1)}, .verify_graph = true});
  ASSERT_TRUE(optimized.ok()) << optimized.error().message();
  EXPECT_EQ(operators(optimized->model), "Reshape Slice ReduceSum") << print(optimized->model);
  expect_same(model, optimized->model, random_inputs(model, 1, 2), false);
}

// The same by a Scan over the rows and over their numbers.
TEST(ReduceLoop, TraceByAScanOverNumbers) {
  const ModelIr model = parse_typed(
      "g (float[4, 4] x) => (t) <float zero = {0}, int64[4] all = {0, 1, 2, 3}> { t = Scan<num_scan_inputs = 2, body = "
      "b "
      "(float s, float[4] row, int64 i) => (u) { e = Gather(row, i) u = Add(s, e) }>(zero, x, all) }");
  const auto optimized = optimize(model, {.samples = {random_inputs(model, 1, 1)}, .verify_graph = true});
  ASSERT_TRUE(optimized.ok()) << optimized.error().message();
  EXPECT_EQ(operators(optimized->model), "Reshape Slice ReduceSum") << print(optimized->model);
  expect_same(model, optimized->model, random_inputs(model, 1, 2), false);
}

// A condition that is carried along and stays what it was.
TEST(BatchLoop, ConditionsThatAreAlwaysTrue) {
  for (const char* condition :
       {"d = Identity(c)", "d = And(c, yes)", "e = Not(no) d = Or(e, c)", "d = Identity(yes)"}) {
    SCOPED_TRACE(condition);
    const ModelIr model =
        parse_typed(std::string("g (float[5, 4] x) => (y) <bool yes = {1}, bool no = {0}, int64 n = {5}> "
                                "{ y = Loop(n, yes) <body = b (int64 i, bool c) => (d, r) { ") +
                    condition + " a = Gather(x, i) r = Exp(a) }> }");
    const auto optimized = optimize(model, {.samples = {random_inputs(model, 1, 1)}, .verify_graph = true});
    ASSERT_TRUE(optimized.ok()) << optimized.error().message();
    EXPECT_EQ(operators(optimized->model), "Exp") << print(optimized->model);
  }
}

// Segments 0 to the largest id, which is known when the model runs: as many iterations as it says.
TEST(SegmentLoop, OverTheLargestIdAndOne) {
  for (const char* reduce : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"}) {
    SCOPED_TRACE(reduce);
    const ModelIr model = parse_typed(
        std::string(
            "g (float[N] x, int64[N] ids) => (y) <int64 one = {1}, bool yes = {1}> { m = ReduceMax<keepdims = 0>(ids) "
            "n = Add(m, "
            "one) y = Loop(n, yes) <body = b (int64 i, bool c) => (d, s) { d = Identity(c) e = Equal(ids, i) w = "
            "Compress(x, e) s = ") +
        reduce + "<keepdims = 0>(w) }> }");
    const auto optimized = optimize(model, {.samples = {random_inputs(model, 3, 1)}, .verify_graph = true});
    ASSERT_TRUE(optimized.ok()) << optimized.error().message();
    EXPECT_EQ(operators(optimized->model).find("Loop"), std::string::npos) << print(optimized->model);
    expect_same(model, optimized->model,
                {Tensor::of<float>({6}, {1, 2, 4, 8, 16, 32}), Tensor::of<std::int64_t>({6}, {2, 0, -1, 4, 2, 0})},
                false);
  }
}

TEST(ReduceLoop, SubtractsAndAddsSeveralTerms) {
  expect_fires(kReduceLoop,
               fold("float[5, 4] x, float[4] first", ", int64 n = {5}",
                    "a = Gather(x, i) e = Exp(a) t = Sub(s, e) s_out = Add(a, t)", "float[4]"),
               "Exp ReduceSum Sub ReduceSum Add");
}

TEST(ReduceLoop, IntegersWrap) {
  const ModelIr model =
      parse_typed(fold("int64[3] x, int64 first", ", int64 n = {3}", "a = Gather(x, i) s_out = Add(s, a)", "int64"));
  const Optimized optimized = apply_alone(kReduceLoop, model, 2);
  ASSERT_EQ(optimized.ledger.applications.size(), 1U);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  expect_same(model, optimized.model, {Tensor::of<std::int64_t>({3}, {kMost, 1, 5}), Tensor::scalar<std::int64_t>(7)},
              true);
}

TEST(ReduceLoop, MaximumKeepsNaNAndInfinities) {
  for (const char* op : {"Max", "Min"}) {
    const ModelIr model = parse_typed(fold("float[N, 2] x, float[2] first, int64 n", "",
                                           std::string("a = Gather(x, i) s_out = ") + op + "(s, a)", "float[2]"));
    const Optimized optimized = apply_alone(kReduceLoop, model, 2);
    ASSERT_EQ(optimized.ledger.applications.size(), 1U);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    const auto x = Tensor::of<float>({3, 2}, {1, -infinity, nan, -0.0F, 3, 0});
    for (const std::int64_t trips : {0, 1, 2, 3}) {
      expect_same(model, optimized.model, {x, Tensor::of<float>({2}, {-1, -0.0F}), Tensor::scalar<std::int64_t>(trips)},
                  true);
    }
  }
}

// Of the largest numbers, a product overflows in one order and not in another: other numbers are compared.
TEST(ReduceLoop, Products) {
  const ModelIr model = parse_typed(
      fold("float[5, 4] x, float[4] first", ", int64 n = {5}", "a = Gather(x, i) s_out = Mul(s, a)", "float[4]"));
  const Optimized optimized = apply_alone(kReduceLoop, model, 2);
  EXPECT_EQ(operators(optimized.model), "ReduceProd Mul");
  for (const unsigned seed : {1U, 2U, 3U}) expect_same(model, optimized.model, random_inputs(model, 2, seed), false);
}

// first is a scalar, and a vector after one iteration.
TEST(ReduceLoop, LeavesAShapeThatTheFirstIterationChanges) {
  expect_declines(kReduceLoop, fold("float[N, 4] x, int64 n", ", float first = {0}",
                                    "a = Gather(x, i) s_out = Add(s, a)", "float[]"));
}

TEST(ReduceLoop, LeavesASumThatIsUsedOnTheWay) {
  expect_declines(kReduceLoop,
                  "g (float[5] x, float f) => (y, z) <bool yes = {1}, int64 n = {5}> { y, z = Loop(n, yes, f) <body = "
                  "b (int64 i, bool c, "
                  "float s) => (d, t, o) { d = Identity(c) a = Gather(x, i) t = Add(s, a) o = Exp(t) }> }");
}

TEST(ReduceLoop, LeavesWhatTheSumDependsOn) {
  expect_declines(kReduceLoop, fold("float[5] x, float first", ", int64 n = {5}",
                                    "a = Gather(x, i) e = Mul(a, s) s_out = Add(s, e)"));
}

// The third founding example, in the forms people write.
constexpr const char* kSegments = "float[N] x, int64[N] ids, int64 n";

std::string segments(const std::string& body, const std::string& inputs = kSegments) {
  return loop(inputs, ", float zero = {0}", "m = Equal(ids, i) " + body);
}

void expect_segments(const std::string& body, std::string_view ops,
                     const std::vector<float>& x = {1, 2, 4, 8, 16, 32}) {
  const ModelIr model = parse_typed(segments(body));
  const Optimized optimized = apply_alone(kSegmentLoop, model, 2);
  EXPECT_EQ(operators(optimized.model), ops);
  const auto elements = Tensor::of<float>({6}, x);
  // Ids beyond both ends are in no segment; segment 1 is empty.
  const auto ids = Tensor::of<std::int64_t>({6}, {2, 0, -1, 7, 2, 0});
  for (const std::int64_t trips : {0, 1, 3, 4}) {
    expect_same(model, optimized.model, {elements, ids, Tensor::scalar<std::int64_t>(trips)}, false);
  }
}

// As many segments as the largest id says: none where one more than that overflows.
TEST(SegmentLoop, OverAllIds) {
  const std::string text =
      "g (float[N] x, int64[N] ids) => (y) <bool yes = {1}, int64 one = {1}, float zero = {0}> { m = "
      "ReduceMax<keepdims = 0>(ids) n = Add(m, one) y = "
      "Loop(n, yes) <body = b (int64 i, bool c) => (d, z) { d = Identity(c) k = Equal(ids, i) w = Where(k, x, zero) z "
      "= ReduceSum<keepdims = 0>(w) }> }";
  expect_becomes(kSegmentLoop, text, "ReduceMax Add Max Unsqueeze Clip Add ConstantOfShape ScatterElements Slice");
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(kSegmentLoop, model, 2);
  for (const auto& ids : {std::vector<std::int64_t>{-5, 3, 0, 3}, std::vector<std::int64_t>{-2, -1, -1, -9},
                          std::vector<std::int64_t>{1, INT64_MAX, 0, INT64_MIN}}) {
    expect_same(
        model, optimized.model,
        {Tensor::of<float>({4}, {1, 2, 4, 8}), Tensor::of<std::int64_t>({4}, std::span<const std::int64_t>(ids))},
        true);
  }
}

constexpr const char* kOneScatter = "Max Unsqueeze Clip Add ConstantOfShape ScatterElements Slice";

// Written as an empty input, or left out at the end.
TEST(SegmentLoop, AnAbsentConditionIsTrue) {
  for (const char* inputs : {"n, ", "n"}) {
    expect_becomes(kSegmentLoop,
                   std::string("g (float[N] x, int64[N] ids) => (y) <float zero = {0}, int64 n = {3}> { y = Loop(") +
                       inputs +
                       ") <body = b (int64 i, bool c) => (d, z) { d = Identity(c) k = Equal(ids, i) w = Where(k, x, "
                       "zero) z = ReduceSum<keepdims = 0>(w) }> }",
                   "Clip ConstantOfShape ScatterElements Slice");
  }
}

TEST(SegmentLoop, Where) { expect_segments("w = Where(m, x, zero) z = ReduceSum<keepdims = 0>(w)", kOneScatter); }

TEST(SegmentLoop, Compress) {
  expect_segments("w = Compress<axis = 0>(x, m) z = ReduceSum<keepdims = 0>(w)", kOneScatter);
}

TEST(SegmentLoop, BooleanIndexingAsTorchWritesIt) {
  expect_segments("k = NonZero(m) t = Transpose(k) w = GatherND(x, t) z = ReduceSum<keepdims = 0>(w)", kOneScatter);
}

TEST(SegmentLoop, SumsKeepNaNInItsSegment) {
  expect_segments("w = Where(m, x, zero) z = ReduceSum<keepdims = 0>(w)", kOneScatter,
                  {1, std::numeric_limits<float>::quiet_NaN(), 4, std::numeric_limits<float>::infinity(), 16, 32});
}

TEST(SegmentLoop, MeanOfAnEmptySegmentIsNaN) {
  expect_segments("w = Compress<axis = 0>(x, m) z = ReduceMean<keepdims = 1>(w)",
                  "Max Unsqueeze Clip Add ConstantOfShape ScatterElements Slice Shape Expand Add ConstantOfShape "
                  "ScatterElements Slice "
                  "Div Unsqueeze");
}

TEST(SegmentLoop, MaximumAndMinimum) {
  expect_segments("w = Compress<axis = 0>(x, m) z = ReduceMax<keepdims = 0>(w)", kOneScatter, {-1, -2, 4, 8, -16, -32});
  expect_segments("w = Compress<axis = 0>(x, m) z = ReduceMin<keepdims = 0>(w)", kOneScatter, {-1, -2, 4, 8, -16, -32});
}

TEST(SegmentLoop, Counts) {
  expect_segments("w = Cast<to = 1>(m) z = ReduceSum<keepdims = 0>(w)",
                  "Max Unsqueeze Shape Expand Clip Add ConstantOfShape ScatterElements Slice");
}

TEST(SegmentLoop, Rows) {
  expect_becomes(kSegmentLoop,
                 loop("float[N, 3] x, int64[N] ids", ", int64 n = {4}, int64[1] zero = {0}",
                      "m = Equal(ids, i) w = Compress<axis = 0>(x, m) z = ReduceSum<keepdims = 0>(w, zero)"),
                 "Clip ConstantOfShape Unsqueeze ScatterND Slice");
}

// 0 * NaN and 0 * infinity are NaN: the mask does not keep them in their segment.
TEST(SegmentLoop, LeavesAProductWithTheMask) {
  const std::string text = segments("f = Cast<to = 1>(m) w = Mul(x, f) z = ReduceSum<keepdims = 0>(w)");
  expect_declines(kSegmentLoop, text);
  const ModelIr model = parse_typed(text);
  OptimizeOptions options;
  options.only = {std::string(kSegmentLoop.name)};
  options.assume_finite = true;
  const auto optimized = optimize(model, options);
  ASSERT_TRUE(optimized.ok());
  EXPECT_EQ(operators(optimized->model), kOneScatter);
}

TEST(SegmentLoop, TakesAProductOfIntegers) {
  expect_becomes(
      kSegmentLoop,
      segments("f = Cast<to = 7>(m) w = Mul(x, f) z = ReduceSum<keepdims = 0>(w)", "int64[N] x, int64[N] ids, int64 n"),
      kOneScatter);
}

// A mean counts the zeros of the other segments, a maximum sees them.
TEST(SegmentLoop, LeavesFillingsThatCount) {
  expect_declines(kSegmentLoop, segments("w = Where(m, x, zero) z = ReduceMax<keepdims = 0>(w)"));
  expect_declines(kSegmentLoop, segments("w = Where(m, x, zero) z = ReduceMean<keepdims = 0>(w)"));
}

TEST(SegmentLoop, LeavesAnotherLengthOfX) {
  expect_declines(kSegmentLoop, segments("w = Where(m, x, zero) z = ReduceSum<keepdims = 0>(w)",
                                         "float[1] x, int64[N] ids, int64 n"));
}

}  // namespace
}  // namespace cycloid::testing
