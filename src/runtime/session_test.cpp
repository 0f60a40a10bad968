#include "cycloid/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "graph/text.h"
#include "ops/op.h"

namespace cycloid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Model model_of(std::string_view text) {
  Result<ModelIr> ir = parse_model(text);
  if (!ir) ADD_FAILURE() << ir.error().message();
  ModelIr checked = ir.ok() ? *std::move(ir) : ModelIr();
  const Status status = infer_types(checked);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message());
  return Model(std::make_shared<const ModelIr>(std::move(checked)));
}

Session session_of(std::string_view text, const SessionOptions& options = {}) {
  return Session::create(model_of(text), options).value();
}

constexpr std::string_view kAddRelu = R"(
  <ir_version: 10, opset_import: ["" : 21]>
  agraph (float[n, 3] x, float[3] b) => (float[n, 3] y) {
    s = Add (x, b)
    y = Relu (s)
  })";

struct AddRelu {
  std::vector<float> x = {1, -2, 3, -4, 5, -6}, b = {0.5f, 0.5f, -10}, y = std::vector<float>(6, -1);
  std::int64_t x_dims[2] = {2, 3}, b_dims[1] = {3};
  TensorView in[2] = {TensorView(std::span(x), x_dims), TensorView(std::span(b), b_dims)};
  MutableTensorView out[1] = {MutableTensorView(std::span(y), x_dims)};
};

TEST(Session, RunsOnCallersMemory) {
  const Session session = session_of(kAddRelu);
  AddRelu io;
  const Status status = session.run(io.in, io.out);
  ASSERT_TRUE(status.ok()) << status.error().message();
  EXPECT_THAT(io.y, ElementsAre(1.5f, 0, 0, 0, 5.5f, 0));
  EXPECT_EQ(session.inputs()[0].type, "float[n, 3]");
  EXPECT_THAT(session.inputs()[0].shape, ElementsAre(-1, 3));
  EXPECT_THAT(session.inputs()[0].symbols, ElementsAre("n", ""));
  EXPECT_EQ(session.find_output("y"), 0U);
}

TEST(Session, GivesOwnedValuesAndShapes) {
  const Session session = session_of(kAddRelu);
  AddRelu io;
  const Result<std::vector<AnyValue>> values = session.run(io.in);
  ASSERT_TRUE(values.ok());
  const TensorView y = (*values)[0].tensor();
  EXPECT_THAT(std::vector<std::int64_t>(y.shape.begin(), y.shape.end()), ElementsAre(2, 3));
  EXPECT_FLOAT_EQ(y.elements<float>()[4], 5.5f);

  const std::int64_t x_dims[] = {7, 3}, b_dims[] = {3};
  const Session::ShapeView shapes[] = {x_dims, b_dims};
  const auto outputs = session.output_shapes(shapes);
  ASSERT_TRUE(outputs.ok());
  EXPECT_THAT(*(*outputs)[0], ElementsAre(7, 3));
}

TEST(Session, SaysWhatIsWrongWithWhatItIsGiven) {
  const Session session = session_of(kAddRelu);
  AddRelu io;
  const auto message = [&](std::span<const TensorView> in, std::span<const MutableTensorView> out) {
    const Status status = session.run(in, out);
    return status.ok() ? std::string("no error") : status.error().message();
  };
  EXPECT_THAT(message(std::span(io.in).first(1), io.out),
              HasSubstr("1 inputs were given, but the model has 2: 'x', 'b'"));
  EXPECT_THAT(message(io.in, {}), HasSubstr("0 outputs were given"));

  const std::int64_t wide[] = {2, 4}, flat[] = {6}, minus[] = {-1, 3}, huge[] = {std::int64_t{1} << 62, 3};
  TensorView in[2] = {io.in[0], io.in[1]};
  in[0].shape = wide;
  EXPECT_THAT(message(in, io.out), HasSubstr("input 'x': float[n, 3] is expected, but float32 [2, 4] was given"));
  in[0].shape = flat;
  EXPECT_THAT(message(in, io.out), HasSubstr("input 'x'"));
  in[0].shape = minus;
  EXPECT_THAT(message(in, io.out), HasSubstr("negative"));
  in[0].shape = huge;
  EXPECT_THAT(message(in, io.out), HasSubstr("too many elements"));
  in[0] = io.in[0];
  in[0].dtype = DType::kFloat64;
  EXPECT_THAT(message(in, io.out), HasSubstr("float64"));
  in[0] = io.in[0];
  in[0].data = nullptr;
  EXPECT_THAT(message(in, io.out), HasSubstr("null"));
  in[0] = io.in[0];
  in[0].bytes = 23;
  EXPECT_THAT(message(in, io.out), HasSubstr("23 bytes, but 24 are needed"));

  MutableTensorView out[1] = {io.out[0]};
  out[0].bytes = 20;
  EXPECT_THAT(message(io.in, out), HasSubstr("output 'y': its memory has 20 bytes, but 24 are needed"));
  out[0] = io.out[0];
  out[0].shape = wide;
  EXPECT_THAT(message(io.in, out), HasSubstr("the model gives float32 [2, 3]"));
  out[0] = io.out[0];
  out[0].dtype = DType::kInt32;
  EXPECT_THAT(message(io.in, out), HasSubstr("int32"));
  EXPECT_THAT(io.y, testing::Each(-1)) << "nothing may be written where an argument is wrong";
}

TEST(Session, RejectsWrongOptions) {
  const Model model = model_of(kAddRelu);
  const auto message = [&](const SessionOptions& options) {
    const Result<Session> session = Session::create(model, options);
    return session.ok() ? std::string("no error") : session.error().message();
  };
  EXPECT_THAT(message({.threads = -1}), HasSubstr("threads is -1"));
  EXPECT_THAT(message({.isa = "avx1024"}), HasSubstr("avx1024"));
  EXPECT_THAT(message({.max_plans = 0}), HasSubstr("max_plans"));
}

TEST(Session, OneSizeForOneSymbol) {
  const Session session = session_of(
      "<ir_version: 10, opset_import: [\"\" : 21]> g (float[n] a, float[n] b) => (float[n] y) { y = Add (a, b) }");
  std::vector<float> a(2), b(1);
  const std::int64_t two[] = {2}, one[] = {1};
  const TensorView in[] = {{std::span(a), two}, {std::span(b), one}};
  const auto values = session.run(in);
  ASSERT_FALSE(values.ok());
  EXPECT_THAT(values.error().message(), HasSubstr("input 'b': its size 0 ('n') is 1, but in input 'a' it is 2"));
}

TEST(Session, KeepsPlansWithinTheirBound) {
  const Session session = session_of(kAddRelu, {.max_plans = 2});
  for (int round = 0; round < 3; ++round) {
    for (std::int64_t n = 1; n <= 5; ++n) {
      std::vector<float> x(static_cast<std::size_t>(3 * n), 2), b = {1, 2, 3}, y(x.size());
      const std::int64_t x_dims[] = {n, 3}, b_dims[] = {3};
      const TensorView in[] = {{std::span(x), x_dims}, {std::span(b), b_dims}};
      const MutableTensorView out[] = {{std::span(y), x_dims}};
      ASSERT_TRUE(session.run(in, out).ok());
      EXPECT_EQ(y.back(), 5);
    }
  }
}

TEST(Session, OutputsMayBeInputsConstantsOrTheSameValueTwice) {
  const Session session = session_of(R"(<ir_version: 10, opset_import: ["" : 21]>
    g (float[2] x) => (float[2] x, float[2] c, float[2] y, float[2] y) <float[2] c = {7, 8}> { y = Add (x, c) })");
  std::vector<float> x = {1, 2};
  const std::int64_t dims[] = {2};
  const TensorView in[] = {{std::span(x), dims}};
  const auto values = session.run(in);
  ASSERT_TRUE(values.ok()) << values.error().message();
  const auto at = [&](std::size_t i) { return (*values)[i].tensor().elements<float>()[1]; };
  EXPECT_EQ(at(0), 2);
  EXPECT_EQ(at(1), 8);
  EXPECT_EQ(at(2), 10);
  EXPECT_EQ(at(3), 10);
}

TEST(Session, ManyThreadsMayRunAtOnce) {
  const Session session = session_of(kAddRelu, {.threads = 2});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::int64_t n = 1 + (t + i) % 3;
        std::vector<float> x(static_cast<std::size_t>(3 * n), static_cast<float>(t + 1)), b = {1, 1, 1}, y(x.size());
        const std::int64_t x_dims[] = {n, 3}, b_dims[] = {3};
        const TensorView in[] = {{std::span(x), x_dims}, {std::span(b), b_dims}};
        const MutableTensorView out[] = {{std::span(y), x_dims}};
        if (!session.run(in, out).ok() || y.front() != static_cast<float>(t + 2) ||
            y.back() != static_cast<float>(t + 2))
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(RunContext, BindsOnceAndRunsOften) {
  const Session session = session_of(kAddRelu);
  AddRelu io;
  RunContext context = session.new_context();
  EXPECT_THAT(context.bind_input("z", io.in[0]).error().message(),
              HasSubstr("there is no input 'z'; the model has 'x', 'b'"));
  ASSERT_TRUE(context.bind_input("x", io.in[0]).ok());
  EXPECT_THAT(context.run().error().message(), HasSubstr("input 'b' is not bound"));
  ASSERT_TRUE(context.bind_input(1, io.in[1]).ok());
  ASSERT_TRUE(context.prepare().ok());
  EXPECT_THAT(*context.output_shape(0), ElementsAre(2, 3));
  ASSERT_TRUE(context.run().ok());
  EXPECT_FLOAT_EQ(context.output(0)->tensor().elements<float>()[0], 1.5f);
  EXPECT_TRUE(context.output(0)->tensor().elements<double>().empty());
  io.x[0] = 9;
  context.set_profiling(true);
  ASSERT_TRUE(context.run().ok());
  EXPECT_FLOAT_EQ(context.output(0)->tensor().elements<float>()[0], 9.5f);
  EXPECT_EQ(context.profile().size(), context.plan()->steps.size());
  EXPECT_EQ(context.profile()[0].runs, 1);
  const std::vector<StepSpan> spans = context.spans();
  ASSERT_EQ(spans.size(), context.plan()->steps.size());
  for (const StepSpan& span : spans) EXPECT_LE(span.begin_ns, span.end_ns);
  ASSERT_TRUE(context.bind_output("y", io.out[0]).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_FLOAT_EQ(io.y[0], 9.5f);
}

}  // namespace
}  // namespace cycloid
