// The bounds that a user can set on a session: time, memory, and the wish to stop, on models made to exceed them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "cycloid/session.h"
#include "graph/text.h"
#include "ops/op.h"

namespace cycloid {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

Model model_of(std::string_view body) {
  const std::string text = "<ir_version: 10, opset_import: [\"\" : 21]>\n" + std::string(body);
  Result<ModelIr> ir = parse_model(text);
  EXPECT_TRUE(ir.ok()) << (ir.ok() ? "" : ir.error().message());
  const Status status = infer_types(*ir);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message());
  return Model(std::make_shared<const ModelIr>(*std::move(ir)));
}

// The error of creating a session or of a run on a float[4] input `x` (of the numbers 0, 1, ...) and others of one int64 `n`.
Error error_of(const Model& model, const SessionOptions& options, std::int64_t n = INT64_MAX) {
  const Result<Session> session = Session::create(model, options);
  if (!session) return session.error();
  std::vector<float> x(4);
  std::iota(x.begin(), x.end(), 0.0F);
  const std::int64_t x_dims[] = {4};
  std::vector<TensorView> inputs;
  for (const ValueInfo& info : session->inputs()) {
    if (info.dtype == DType::kFloat32) inputs.emplace_back(std::span(x), x_dims);
    if (info.dtype == DType::kInt64) inputs.emplace_back(std::span(&n, 1), std::span<const std::int64_t>());
  }
  const auto outputs = session->run(inputs);
  return outputs.ok() ? Error(ErrorCode::kUnavailable, "no error") : outputs.error();
}

// Every bound holds however the nodes are run.
class Bounds : public testing::TestWithParam<std::pair<int, bool>> {
 protected:
  static SessionOptions options() {
    return {.threads = GetParam().first, .reference = GetParam().second, .timeout_ms = 100};
  }
};
INSTANTIATE_TEST_SUITE_P(Session, Bounds,
                         testing::Values(std::pair(1, false), std::pair(2, false), std::pair(1, true)));

constexpr std::string_view kEndlessLoop = R"(g (float[4] x, int64 n) => (float[4] y) {
  y = Loop <body = b (int64 i, bool c, float[4] v) => (bool d, float[4] w) { d = Identity(c) w = Neg(v) }> (n, , x)
})";

TEST_P(Bounds, EndALoopInTime) {
  const Error error = error_of(model_of(kEndlessLoop), options());
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("(Loop)"), HasSubstr("timeout")));
}

TEST_P(Bounds, EndALoopWithoutNodes) {
  const Model model = model_of(R"(g (float[4] x, int64 n) => (float[4] y) {
    y = Loop <body = b (int64 i, bool c, float[4] v) => (bool c, float[4] v) { }> (n, , x)
  })");
  EXPECT_THAT(error_of(model, options()).message(), HasSubstr("timeout"));
}

TEST_P(Bounds, EndALoopOfConstants) {
  const Model model = model_of(R"(g () => (float[4] y)
    <int64 n = {9223372036854775807}, float[4] x = {1, 2, 3, 4}> {
    y = Loop <body = b (int64 i, bool c, float[4] v) => (bool c, float[4] v) { }> (n, , x)
  })");
  EXPECT_THAT(error_of(model, options()).message(), HasSubstr("timeout"));
}

// One node that would take minutes.
TEST_P(Bounds, EndAProductInTime) {
  const Model model = model_of(R"(g (float[4] x, int64 n) => (float[6000, 6000] z)
    <int64[2] s = {6000, 1}, int64[2] t = {6000, 6000}> {
    r = Reshape(n, o)  o = Constant <value_ints = [1]> ()
    f = Cast <to = 1> (r)  a = Expand(f, t)  p = MatMul(a, a)  q = MatMul(p, a)  v = MatMul(q, p)
    w = MatMul(v, q)  z = MatMul(w, v)
  })");
  SessionOptions bounded = options();
  bounded.timeout_ms = 300;
  const auto start = std::chrono::steady_clock::now();
  const Error error = error_of(model, bounded, 1);
  EXPECT_THAT(error.message(), HasSubstr("timeout"));
  // No measurement: without the bound this takes minutes, or with all of a fast machine seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(1));
}

TEST_P(Bounds, StopWhenTheCallerWishes) {
  SessionOptions asking = options();
  asking.timeout_ms = 0;
  int questions = 0;
  asking.interrupted = [&] { return ++questions == 3; };
  const Error error = error_of(model_of(kEndlessLoop), asking);
  EXPECT_EQ(error.code(), ErrorCode::kFailed);
  EXPECT_THAT(error.message(), HasSubstr("caller"));
  EXPECT_EQ(questions, 3);
}

// The caller's thread has done its part and waits for another one, whose loop has no end.
TEST_P(Bounds, StopWhereAnotherThreadWorks) {
  SessionOptions asking = options();
  asking.timeout_ms = 0;
  int questions = 0;
  asking.interrupted = [&] { return ++questions == 3; };
  const Error error = error_of(model_of(R"(g (float[4] x, int64 n) => (float[4] y, float[4] z) <int64 few = {200000}> {
    m = Min(n, few)
    y = Loop <body = b (int64 i, bool c, float[4] v) => (bool d, float[4] w) { d = Identity(c) w = Neg(v) }> (m, , x)
    z = Loop <body = b (int64 i, bool c, float[4] v) => (bool d, float[4] w) { d = Identity(c) w = Neg(v) }> (n, , x)
  })"),
                               asking);
  EXPECT_EQ(error.code(), ErrorCode::kFailed);
  EXPECT_EQ(questions, 3);
}

TEST_P(Bounds, HoldForScanOutputs) {
  const Model model = model_of(R"(g (float[4] x, int64 n) => (z) {
    z = Loop <body = b (int64 i, bool c) => (bool c, float[] v) { k = Constant <value_ints = [1000, 4]> () v = Expand(x, k) }> (n, )
  })");
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = 4 * kMiB;
  const Error error = error_of(model, bounded);
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("max_memory"), HasSubstr("Loop")));
  EXPECT_EQ(error_of(model, bounded, 100).code(), ErrorCode::kUnavailable) << error_of(model, bounded, 100).message();
}

TEST_P(Bounds, HoldForStringsThatDouble) {
  const Model model = model_of(R"(g (int64 n) => (z) <string[1] s = {"0123456789"}> {
    z = Loop <body = b (int64 i, bool c, string[1] v) => (bool c, string[1] w) { w = StringConcat(v, v) }> (n, , s)
  })");
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = 16 * kMiB;
  EXPECT_EQ(error_of(model, bounded).code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error_of(model, bounded, 12).code(), ErrorCode::kUnavailable);
}

TEST_P(Bounds, HoldForSequences) {
  const Model model = model_of(R"(g (float[4] x, int64 n) => (z) {
    e = SequenceEmpty()
    q = Loop <body = b (int64 i, bool c, seq(float[]) v) => (bool c, seq(float[]) w) {
      k = Constant <value_ints = [1000, 4]> () a = Expand(x, k) w = SequenceInsert(v, a) }> (n, , e)
    z = SequenceLength(q)
  })");
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = 4 * kMiB;
  const Error error = error_of(model, bounded);
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << error.message();
  EXPECT_THAT(error.message(), HasSubstr("max_memory"));
}

TEST_P(Bounds, HoldForOneGiganticValue) {
  SessionOptions bounded = options();
  bounded.max_memory = kMiB;
  const Model fixed =
      model_of(R"(g (float[4] x) => (y) { k = Constant <value_ints = [100000000, 1000, 4]> () e = Expand(x, k)
    y = ReduceSum <keepdims = 0> (e) })");
  EXPECT_EQ(error_of(fixed, bounded).code(), ErrorCode::kResourceExhausted) << error_of(fixed, bounded).message();
  const Model computed =
      model_of(R"(g (float[4] x, int64 n) => (y) { o = Constant <value_ints = [1]> () k = Reshape(n, o)
    e = ConstantOfShape(k) y = ReduceSum <keepdims = 0> (e) })");
  EXPECT_EQ(error_of(computed, bounded, 1'000'000'000).code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error_of(computed, bounded, 1000).code(), ErrorCode::kUnavailable)
      << error_of(computed, bounded, 1000).message();
}

// What constants give is folded while planning, within the bound too.
TEST_P(Bounds, HoldForFolding) {
  std::string nodes, outputs;
  for (int i = 0; i < 40; ++i) {
    nodes += fmt::format("c{} = ConstantOfShape(k) ", i);
    outputs += fmt::format("{}c{}", i > 0 ? ", " : "", i);
  }
  const Model model = model_of("g () => (" + outputs + ") <int64[1] k = {1000000}> { " + nodes + "}");
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = 8 * kMiB;
  EXPECT_EQ(error_of(model, bounded).code(), ErrorCode::kResourceExhausted);
}

// What is folded when the plan is made counts too, whichever pass would fold it.
TEST_P(Bounds, HoldForConstants) {
  const Model model = model_of(R"(g () => (y) <float[1] c = {1}, int64[1] k = {2000000}> {
    e = Expand(c, k) y = ReduceSum <keepdims = 0> (e) })");
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = kMiB;
  EXPECT_EQ(error_of(model, bounded).code(), ErrorCode::kResourceExhausted);
}

// Weights are not counted, whatever form a plan gives them: these take one MiB, and two in float32.
TEST_P(Bounds, CountNoWeights) {
  auto ir = parse_model(R"(<ir_version: 10, opset_import: ["" : 21]>
    g (float16[1,512] x) => (y) <float16[1] w = {0}> { y = MatMul(x, w) })");
  ASSERT_TRUE(ir.ok()) << ir.error().message();
  Graph& graph = ir->graph;
  graph.replace_uses(*graph.find_value("w"),
                     graph.add_constant("weights", Tensor::zeros(DType::kFloat16, {512, 1024}).value()));
  ASSERT_TRUE(infer_types(*ir).ok());
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = kMiB;
  const auto session = Session::create(Model(std::make_shared<const ModelIr>(*std::move(ir))), bounded);
  EXPECT_TRUE(session.ok()) << session.error().message();
}

TEST_P(Bounds, HoldForOutputsOfAContext) {
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = kMiB;
  const Session session = Session::create(model_of(R"(g (float[n] x) => (y) <int64[2] k = {1000, 1}> {
    y = Expand(x, k) })"),
                                          bounded)
                              .value();
  RunContext context = session.new_context();
  std::vector<float> x(1000, 1.0F);
  const std::int64_t few[] = {100}, many[] = {1000};
  ASSERT_TRUE(context.bind_input(0, {std::span(x).first(100), few}).ok());
  EXPECT_TRUE(context.run().ok());
  ASSERT_TRUE(context.bind_input(0, {std::span(x), many}).ok());
  const Status status = context.run();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kResourceExhausted);
}

// A run's memory is counted anew, whatever the user keeps of earlier ones.
TEST_P(Bounds, CountEachRunForItself) {
  SessionOptions bounded = options();
  bounded.timeout_ms = 60'000;
  bounded.max_memory = kMiB;
  const Session session =
      Session::create(model_of(R"(g (float[n] x) => (y) { a = Abs(x) z = NonZero(a) y = Neg(z) })"), bounded).value();
  std::vector<float> x(10'000, 1.0F);
  const std::int64_t dims[] = {10'000};
  const TensorView in[] = {{std::span(x), dims}};
  std::vector<std::vector<AnyValue>> kept;
  for (int i = 0; i < 20; ++i) {
    auto outputs = session.run(in);
    ASSERT_TRUE(outputs.ok()) << i << ": " << outputs.error().message();
    kept.push_back(*std::move(outputs));
  }
}

// 2^62 + 2 floats are 8 bytes modulo 2^64.
TEST_P(Bounds, RefuseSizesWhoseBytesOverflow) {
  const Model model =
      model_of(R"(g (float[4] x, int64 n) => (float[?] y) <int64[1] k = {4611686018427387906}, int64[1] one = {1}> {
    s = ReduceSum(x) e = Expand(s, k) c = Concat<axis = 0>(e, e) r = Relu(e) t = Slice(r, one, k) y = ReduceSum<keepdims = 0>(t) })");
  EXPECT_THAT(error_of(model, {.threads = options().threads, .reference = options().reference}).message(),
              HasSubstr("[4611686018427387906]"));
}

// No elements are no bytes, but the products of the other sizes overflow.
TEST_P(Bounds, RefuseEmptyValuesOfHugeSizes) {
  const Model model = model_of(R"(g (float[4] x, int64 n) => (float[?,?,?,?] y, float[?,?,?,?] z)
    <int64[4] k = {0, 1099511627776, 1099511627776, 3}, int64[3] all = {1, 2, 0}> {
    s = ReduceSum(x) e = Expand(s, k) c = Concat<axis = 1>(e, e) t = Transpose<perm = [2, 1, 0, 3]>(c) u = Relu(t)
    y = ReduceSum(u, all) a, b = Split<axis = 3, num_outputs = 2>(e) z = Neg(b) })");
  EXPECT_THAT(error_of(model, {.threads = options().threads, .reference = options().reference}).message(),
              HasSubstr("no elements, but too many rows"));
}

// Amounts that only the run tells, and of which no memory has so many elements.
TEST_P(Bounds, RefuseAmountsOfTheRunThatAreTooLarge) {
  const std::pair<const char*, bool> nodes[] = {
      {"p = Concat<axis = 0>(zero, k) y = Pad(x, p)", true},
      {"s = ReduceSum<keepdims = 1>(x) y = Expand(s, k)", true},
      {"y = Tile(x, k)", true},
      {"s = ReduceSum<keepdims = 1>(x) p = Concat<axis = 0>(k, k, k) y = Expand(s, p)", false},
  };
  for (const auto& [node, vector] : nodes) {
    const Model model = model_of(fmt::format(
        "g (float[4] x, int64 n) => ({} y) <int64[1] one = {{1}}, int64[1] zero = {{0}}> {{ k = Reshape(n, one) {} }}",
        vector ? "float[?]" : "float[?,?,?]", node));
    for (const std::int64_t n : {(std::int64_t{1} << 60) + 1, (std::int64_t{1} << 62) + 2, INT64_MAX}) {
      const Error error = error_of(model, {.threads = options().threads, .reference = options().reference}, n);
      EXPECT_NE(error.code(), ErrorCode::kUnavailable) << node << " of " << n;
    }
  }
}

TEST(Session, RefusesATimeoutThatIsNone) {
  EXPECT_EQ(Session::create(model_of(kEndlessLoop), {.timeout_ms = -1}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Session::create(model_of(kEndlessLoop), {.timeout_ms = NAN}).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace cycloid
