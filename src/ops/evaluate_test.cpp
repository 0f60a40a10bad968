#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/infer.h"
#include "ops/op.h"

namespace cycloid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ValueType floats(Shape shape) { return ValueType::tensor(DType::kFloat32, std::move(shape)); }

Node node(std::string name, std::string op_type, std::vector<ValueId> inputs) {
  Node made;
  made.name = std::move(name);
  made.op_type = std::move(op_type);
  made.inputs = std::move(inputs);
  return made;
}

// y = Relu(a + b).
ModelIr sum_model(ValueType a, ValueType b, ValueType declared = {}) {
  ModelIr model;
  Graph& graph = model.graph;
  const ValueId x = graph.add_input("a", std::move(a));
  const ValueId y = graph.add_input("b", std::move(b));
  const NodeId add = graph.add_node(node("add", "Add", {x, y}), {{"s", {}}});
  const NodeId relu = graph.add_node(node("relu", "Relu", {graph.node(add).outputs[0]}), {{"y", std::move(declared)}});
  graph.set_outputs({graph.node(relu).outputs[0]});
  return model;
}

std::string output_type(const ModelIr& model) { return to_string(model.graph.value(model.graph.outputs()[0]).type); }

TEST(InferTypes, BroadcastsSymbolicShapes) {
  const Dim n = Dim::symbol("n");
  ModelIr model = sum_model(floats({n, 1, 3}), floats({4, 1}));
  ASSERT_TRUE(infer_types(model).ok());
  EXPECT_EQ(output_type(model), "float[n, 4, 3]");
}

TEST(InferTypes, CorrectsStaleShapesButNotElementTypes) {
  ModelIr stale = sum_model(floats({Dim::symbol("n"), 3}), floats({3}), floats({1, 3}));
  ASSERT_TRUE(infer_types(stale).ok());
  EXPECT_EQ(output_type(stale), "float[n, 3]");
  ModelIr rank = sum_model(floats({2, 3}), floats({3}), floats({3}));
  ASSERT_TRUE(infer_types(rank).ok());
  EXPECT_EQ(output_type(rank), "float[2, 3]");
  ModelIr wrong = sum_model(floats({2, 3}), floats({3}), ValueType::tensor(DType::kInt64, {2, 3}));
  const Status status = infer_types(wrong);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(),
              HasSubstr("node 'relu' (Relu): output 'y' is declared as int64[2, 3], but is float[2, 3]"));
}

TEST(InferTypes, NamesTheNodeAndTheReason) {
  ModelIr shapes = sum_model(floats({2, 3}), floats({2}));
  EXPECT_THAT(infer_types(shapes).error().message(),
              HasSubstr("node 'add' (Add): shapes [2, 3] and [2] do not broadcast"));
  ModelIr types = sum_model(floats({2}), ValueType::tensor(DType::kInt64, {2}));
  EXPECT_THAT(infer_types(types).error().message(),
              HasSubstr("node 'add' (Add): input 0 is float32 and input 1 is int64"));
  ModelIr unknown;
  unknown.graph.add_node(node("q", "Quux", {}), {{"y", {}}});
  const Status status = infer_types(unknown);
  EXPECT_EQ(status.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(status.error().message(), HasSubstr("node 'q' (Quux): domain 'ai.onnx' has no operator 'Quux'"));
}

TEST(Evaluate, RunsTheGraph) {
  ModelIr model = sum_model(floats({2, 1}), floats({3}));
  ASSERT_TRUE(infer_types(model).ok());
  const std::vector<Datum> inputs{Tensor::of<float>({2, 1}, {1, -10}), Tensor::of<float>({3}, {0.5, -2, 20})};
  const auto outputs = evaluate(model, inputs, {.check_types = true});
  ASSERT_TRUE(outputs.ok()) << outputs.error().message();
  const Tensor& y = *outputs->at(0).tensor();
  EXPECT_EQ(y.dims(), (Dims{2, 3}));
  EXPECT_THAT(y.data<float>(), ElementsAre(1.5, 0, 21, 0, 0, 10));
}

TEST(Evaluate, WrapsIntegers) {
  ModelIr model = sum_model(ValueType::tensor(DType::kInt8, {1}), ValueType::tensor(DType::kInt8, {1}));
  ASSERT_TRUE(infer_types(model).ok());
  const std::vector<Datum> inputs{Tensor::of<std::int8_t>({1}, {-128}), Tensor::of<std::int8_t>({1}, {-1})};
  EXPECT_THAT(evaluate(model, inputs)->at(0).tensor()->data<std::int8_t>(), ElementsAre(127));
}

TEST(Evaluate, ChecksInputsAndLimits) {
  ModelIr model = sum_model(floats({Dim::symbol("n")}), floats({Dim::symbol("n")}));
  ASSERT_TRUE(infer_types(model).ok());
  const Tensor two = Tensor::of<float>({2}, {1, 2});
  const Tensor one = Tensor::of<float>({1}, {1});
  EXPECT_THAT(evaluate(model, std::vector<Datum>{two, one}).error().message(),
              HasSubstr("input 'b': is float32[1], but must be float[n]"));
  const auto memory = evaluate(model, std::vector<Datum>{two, two}, {.max_bytes = 20});
  EXPECT_EQ(memory.error().code(), ErrorCode::kResourceExhausted);
  const auto runs = evaluate(model, std::vector<Datum>{two, two}, {.max_node_runs = 1});
  EXPECT_EQ(runs.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Evaluate, RefusesRowsOfNothingWithoutEnd) {
  ModelIr model = sum_model(floats({Dim::symbol("n"), 0}), floats({Dim::symbol("n"), 0}));
  ASSERT_TRUE(infer_types(model).ok());
  const auto sum = [&](std::int64_t n) {
    const Tensor nothing = Tensor::borrow(DType::kFloat32, {n, 0}, nullptr, nullptr);
    return evaluate(model, std::vector<Datum>{nothing, nothing});
  };
  EXPECT_EQ(sum(1000)->at(0).tensor()->dims(), (Dims{1000, 0}));
  const auto endless = sum(std::int64_t{1} << 40);
  ASSERT_FALSE(endless.ok());
  EXPECT_EQ(endless.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(endless.error().message(), HasSubstr("[1099511627776, 0] has no elements, but too many rows"));
}

TEST(OpList, IsSortedAndFound) {
  for (const Op* op : all_ops()) EXPECT_EQ(find_op(op->domain, op->name), op);
  EXPECT_EQ(find_op("", "Nope"), nullptr);
}

}  // namespace
}  // namespace cycloid
