#include "onnx/import/converter.h"

#include <fmt/format.h>

#include <limits>

#include "graph/splice.h"

namespace cycloid::onnx {
namespace {

std::string name_of(const Graph& graph, const Node& node, std::string_view what) {
  for (const ValueId output : node.outputs) {
    if (output.valid()) return fmt::format("{}/{}", graph.value(output).name, what);
  }
  return std::string(what);
}

template <class T>
T to_integer(double value) {
  if (!(value > static_cast<double>(std::numeric_limits<T>::min()))) return std::numeric_limits<T>::min();  // and NaN
  if (!(value < static_cast<double>(std::numeric_limits<T>::max()))) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

Tensor scalar_of(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat64: return Tensor::scalar(value);
    case DType::kFloat16: return Tensor::scalar(to_float16(static_cast<float>(value)));
    case DType::kBFloat16: return Tensor::scalar(to_bfloat16(static_cast<float>(value)));
    case DType::kInt64: return Tensor::scalar(to_integer<std::int64_t>(value));
    case DType::kInt32: return Tensor::scalar(to_integer<std::int32_t>(value));
    default: return Tensor::scalar(static_cast<float>(value));
  }
}

bool has_scalar(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kFloat64:
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kInt64:
    case DType::kInt32: return true;
    default: return false;
  }
}

}  // namespace

Result<std::optional<std::vector<std::int64_t>>> NodeEditor::take_ints(std::string_view name) {
  std::optional<std::vector<std::int64_t>> value;
  if (!has(name)) return value;
  CYCLOID_ASSIGN(value, get_ints(node(), name));
  drop(name);
  return value;
}

Result<std::optional<std::int64_t>> NodeEditor::take_int(std::string_view name) {
  std::optional<std::int64_t> value;
  if (!has(name)) return value;
  CYCLOID_ASSIGN(value, get_int(node(), name, 0));
  drop(name);
  return value;
}

Result<std::optional<float>> NodeEditor::take_float(std::string_view name) {
  std::optional<float> value;
  if (!has(name)) return value;
  CYCLOID_ASSIGN(value, get_float(node(), name, 0));
  drop(name);
  return value;
}

void NodeEditor::set_input(std::size_t i, ValueId value) {
  std::vector<ValueId> inputs = node().inputs;
  if (inputs.size() <= i) inputs.resize(i + 1);
  inputs[i] = value;
  graph_.set_inputs(id_, std::move(inputs));
}

ValueId NodeEditor::constant(std::string_view what, Tensor tensor) {
  return graph_.add_constant(name_of(graph_, node(), what), std::move(tensor));
}

ValueId NodeEditor::scalar_like(std::string_view what, double value, std::size_t i) {
  if (has_scalar(dtype(i))) return constant(what, scalar_of(dtype(i), value));
  return add("CastLike", {constant(what, scalar_of(DType::kFloat32, value)), input(i)});
}

ValueId NodeEditor::add(std::string op_type, std::vector<ValueId> inputs, Attributes attributes) {
  const std::string name = name_of(graph_, node(), op_type);
  Node node;
  node.op_type = std::move(op_type);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const NodeId made = graph_.add_node(std::move(node), {{name, {}}}, id_);
  types_.learn(made);
  return graph_.node(made).outputs[0];
}

void NodeEditor::replace_by(ValueId value) {
  const ValueId output = node().outputs.empty() ? ValueId{} : node().outputs[0];
  if (output.valid()) {
    const std::string name = graph_.value(output).name;
    take_over(graph_, output, value, id_);
    if (!graph_.is_output(value) && graph_.producer(value) != nullptr) graph_.rename(value, name);
  }
  graph_.erase_node(id_);
}

}  // namespace cycloid::onnx
