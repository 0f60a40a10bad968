#include "backends/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/temporary_folder.h"
#include "graph/graph.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

ValueType int64s_of(Shape shape) { return ValueType::tensor(DType::kInt64, std::move(shape)); }

NodeId add(Graph& graph, const std::string& op, std::vector<ValueId> inputs, const std::string& output,
           Attributes attributes = {}) {
  Node node;
  node.op_type = op;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  return graph.add_node(std::move(node), {{output, ValueType{}}});
}

TEST(Inputs, IndicesStayWithinEveryAxisTheyReach) {
  Graph graph;
  const ValueId ids = graph.add_input("ids", int64s_of({2, 3}));
  const ValueId unused = graph.add_input("unused", int64s_of({2}));
  const ValueId floats = graph.add_input("floats", ValueType::tensor(DType::kFloat32, {4}));
  const ValueId words = graph.add_constant("words", Tensor::zeros(DType::kFloat32, {100, 8}).value());
  const ValueId types = graph.add_constant("types", Tensor::zeros(DType::kFloat32, {8, 7}).value());
  add(graph, "Gather", {words, ids}, "embedded");
  const NodeId cast = add(graph, "Cast", {ids}, "narrow", {{"to", std::int64_t{6}}});
  const NodeId flat = add(graph, "Unsqueeze", {graph.node(cast).outputs[0], unused}, "flat");
  add(graph, "Gather", {types, graph.node(flat).outputs[0]}, "typed", {{"axis", std::int64_t{-1}}});
  add(graph, "Relu", {floats}, "r");
  const auto ranges = index_ranges(graph);
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges.at("ids").low, 0);
  EXPECT_EQ(ranges.at("ids").high, 7);
}

TEST(Inputs, IndicesAreFollowedIntoSubgraphs) {
  Graph graph;
  const ValueId ids = graph.add_input("ids", int64s_of({1}));
  const ValueId condition = graph.add_constant("c", Tensor::scalar<bool>(true));
  auto body = std::make_shared<Graph>("then");
  const ValueId inner = body->add_capture("ids", int64s_of({1}), ids);
  const ValueId table = body->add_constant("t", Tensor::zeros(DType::kFloat32, {5, 2}).value());
  const NodeId gather = add(*body, "Gather", {table, inner}, "g");
  body->set_outputs({body->node(gather).outputs[0]});
  add(graph, "If", {condition}, "y", {{"then_branch", GraphPtr(body)}, {"else_branch", GraphPtr(body)}});
  EXPECT_EQ(index_ranges(graph).at("ids").high, 5);
}

TEST(Inputs, RandomValuesAreSaneForEveryDtype) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const auto tensor = random_tensor(dtype, {500}, std::nullopt, "x", 3);
    if (dtype == DType::kString || (!is_integer(dtype) && !is_floating_point(dtype) && dtype != DType::kBool &&
                                    dtype != DType::kComplex64 && dtype != DType::kComplex128)) {
      EXPECT_FALSE(tensor.ok()) << to_string(dtype);
      continue;
    }
    if (!tensor.ok()) {
      EXPECT_THAT(tensor.error().message(), HasSubstr("--input-data 'x=FILE.npy'")) << to_string(dtype);
      continue;
    }
    EXPECT_EQ(tensor->dtype(), dtype);
    EXPECT_TRUE(identical(*tensor, *random_tensor(dtype, {500}, std::nullopt, "x", 3)));
    EXPECT_FALSE(identical(*tensor, *random_tensor(dtype, {500}, std::nullopt, "y", 3)));
    EXPECT_FALSE(identical(*tensor, *random_tensor(dtype, {500}, std::nullopt, "x", 4)));
  }
  const Tensor floats = random_tensor(DType::kFloat32, {10'000}, std::nullopt, "x", 3).value();
  const auto [low, high] = std::minmax_element(floats.data<float>().begin(), floats.data<float>().end());
  EXPECT_GE(*low, 0);
  EXPECT_LT(*high, 1);
  EXPECT_LT(*low, 0.01F);
  EXPECT_GT(*high, 0.99F);
  const Tensor halves = random_tensor(DType::kFloat16, {10'000}, std::nullopt, "x", 3).value();
  for (const Float16 x : halves.data<Float16>()) EXPECT_LT(to_float(x), 1.0F);
  const Tensor wide = random_tensor(DType::kInt64, {1000}, std::nullopt, "x", 3).value();
  EXPECT_EQ(std::set<std::int64_t>(wide.data<std::int64_t>().begin(), wide.data<std::int64_t>().end()),
            (std::set<std::int64_t>{0, 1}));
  const Tensor ranged = random_tensor(DType::kInt32, {1000}, IndexRange{0, 3}, "x", 3).value();
  EXPECT_EQ(std::set<std::int32_t>(ranged.data<std::int32_t>().begin(), ranged.data<std::int32_t>().end()),
            (std::set<std::int32_t>{0, 1, 2}));
  const Tensor bytes = random_tensor(DType::kUInt8, {10'000}, std::nullopt, "x", 3).value();
  EXPECT_EQ(std::set<std::uint8_t>(bytes.data<std::uint8_t>().begin(), bytes.data<std::uint8_t>().end()).size(), 256U);
}

TEST(Inputs, OfACallableAreThoseGivenInTheirOrder) {
  const TemporaryFolder folder = TemporaryFolder::create().value();
  ASSERT_TRUE(write_npy(folder.path() + "/given.npy", Tensor::of<double>({2}, {1.5, 2.5})).ok());
  const auto made = make_inputs("m:f", Form::kPython,
                                {{"b", {2, 2}, DType::kInt64, ""},
                                 {"a", {}, std::nullopt, folder.path() + "/given.npy"},
                                 {"../c", {3}, std::nullopt, ""}},
                                1, folder.path());
  ASSERT_TRUE(made.ok()) << made.error().message();
  ASSERT_EQ(made->inputs.size(), 3U);
  EXPECT_TRUE(made->random);
  EXPECT_EQ(made->inputs[0].name, "b");
  EXPECT_EQ(read_npy(made->inputs[0].path)->dtype(), DType::kInt64);
  EXPECT_EQ(made->inputs[1].dtype, DType::kFloat64);
  EXPECT_EQ(made->inputs[1].dims, Dims{2});
  EXPECT_EQ(made->inputs[2].dtype, DType::kFloat32);
  EXPECT_EQ(std::filesystem::path(made->inputs[2].path).parent_path(), folder.path());
  EXPECT_THAT(make_inputs("m:f", Form::kPython, {}, 1, folder.path()).error().message(), HasSubstr("name each"));
  EXPECT_THAT(
      make_inputs("m:f", Form::kPython, {{"x", {1}, {}, ""}, {"x", {2}, {}, ""}}, 1, folder.path()).error().message(),
      HasSubstr("'x' is given twice"));
  EXPECT_EQ(make_inputs("m:f", Form::kPython, {{"x", {}, {}, "/no/such.npy"}}, 1, folder.path()).error().code(),
            ErrorCode::kNotFound);
}

class InputsOfSharedModels : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(kModels)) GTEST_SKIP() << kModels << " is not there";
  }
  Result<InputValues> make(const std::string& model, const std::vector<InputChoice>& choices) const {
    return make_inputs(kModels + model, Form::kOnnx, choices, 1, folder_.path());
  }
  const std::string kModels = CYCLOID_SOURCE_DIR "/../shared/models/";
  TemporaryFolder folder_ = TemporaryFolder::create().value();
};

TEST_F(InputsOfSharedModels, FixedShapesNeedNoWord) {
  const auto made = make("mnist_8.onnx", {});
  ASSERT_TRUE(made.ok()) << made.error().message();
  ASSERT_EQ(made->inputs.size(), 1U);
  EXPECT_EQ(made->inputs[0].dims, (Dims{1, 1, 28, 28}));
}

TEST_F(InputsOfSharedModels, OpenSizesAreAskedForAndFollowFromOthers) {
  const auto open = make("minilm_l6_int8.onnx", {});
  ASSERT_FALSE(open.ok());
  EXPECT_THAT(open.error().message(), HasSubstr("is not fixed; say it, as in --input 'input_ids=?x?'"));
  const auto made = make("minilm_l6_int8.onnx", {{"input_ids", {2, 16}, {}, ""}});
  ASSERT_TRUE(made.ok()) << made.error().message();
  for (const WorkerInput& input : made->inputs) EXPECT_EQ(input.dims, (Dims{2, 16})) << input.name;
  const Tensor ids = read_npy(made->inputs[0].path).value();
  const auto [low, high] = std::minmax_element(ids.data<std::int64_t>().begin(), ids.data<std::int64_t>().end());
  EXPECT_GE(*low, 0);
  EXPECT_LT(*high, 30522);  // BERT's vocabulary
  EXPECT_GT(*high, 1000);   // and not only the first of them
}

TEST_F(InputsOfSharedModels, ContradictionsAreErrors) {
  EXPECT_THAT(make("mnist_8.onnx", {{"nope", {1}, {}, ""}}).error().message(),
              HasSubstr("has no input 'nope'; it has 'Input3'"));
  EXPECT_THAT(make("mnist_8.onnx", {{"Input3", {1, 1, 28}, {}, ""}}).error().message(), HasSubstr("rank 4"));
  EXPECT_THAT(make("mnist_8.onnx", {{"Input3", {1, 1, 28, 29}, {}, ""}}).error().message(),
              HasSubstr("axis 3 is fixed"));
  EXPECT_THAT(make("mnist_8.onnx", {{"Input3", {1, 1, 28, 28}, DType::kInt64, ""}}).error().message(),
              HasSubstr("int64 [1, 1, 28, 28] is given where the model takes"));
  EXPECT_FALSE(make("no_such.onnx", {}).ok());
}

}  // namespace
}  // namespace cycloid
