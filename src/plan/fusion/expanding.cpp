#include "plan/fusion/expanding.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plan/half.h"

namespace cycloid {

std::optional<Dims> Expanding::dims(ValueId id) const {
  if (!id.valid()) return {};
  const ValueType& type = graph_.value(id).type;
  return type.is_tensor() && type.shape ? known_dims(*type.shape) : std::nullopt;
}

bool Expanding::only_first_output() const {
  for (std::size_t i = 1; i < node_.outputs.size(); ++i) {
    if (node_.outputs[i].valid()) return false;
  }
  return true;
}

bool Expanding::usable(ValueId id) const { return dims(id) && (dtype(id) == DType::kFloat32 || is_half(dtype(id))); }

ValueId Expanding::add(std::string op, std::vector<ValueId> inputs, const Dims& shape, Attributes attributes,
                       std::size_t like) {
  const DType type = dtype(inputs[like]);
  return add_typed(std::move(op), type, std::move(inputs), shape, std::move(attributes));
}

ValueId Expanding::add_typed(std::string op, DType type, std::vector<ValueId> inputs, const Dims& shape,
                             Attributes attributes, std::string domain) {
  const std::string name = name_of_outputs() + "." + op;
  Node node{.name = node_.name, .domain = std::move(domain), .op_type = std::move(op)};
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const NodeId made = graph_.add_node(std::move(node), {{name, ValueType::tensor(type, to_shape(shape))}}, at_);
  return graph_.node(made).outputs[0];
}

std::vector<ValueId> Expanding::add_many(std::string op, std::vector<ValueId> inputs, const std::vector<Made>& outputs,
                                         Attributes attributes) {
  const std::string name = name_of_outputs() + "." + op;
  Node node{.name = node_.name, .domain = "", .op_type = std::move(op)};
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  std::vector<Graph::Output> values;
  for (const Made& output : outputs) values.push_back({name, ValueType::tensor(output.type, to_shape(output.shape))});
  const NodeId made = graph_.add_node(std::move(node), std::move(values), at_);
  return graph_.node(made).outputs;
}

std::string Expanding::name_of_outputs() const {
  for (const ValueId output : node_.outputs) {
    if (output.valid()) return graph_.value(output).name;
  }
  return node_.op_type;
}

ValueId Expanding::number(double value, DType type) {
  if (type == DType::kFloat64) return graph_.add_constant("number", Tensor::scalar(value));
  const auto x = static_cast<float>(value);
  if (type == DType::kFloat16) return graph_.add_constant("number", Tensor::scalar(to_float16(x)));
  if (type == DType::kBFloat16) return graph_.add_constant("number", Tensor::scalar(to_bfloat16(x)));
  return graph_.add_constant("number", Tensor::scalar(x));
}

ValueId Expanding::reshaped(ValueId x, const Dims& shape) {
  return *dims(x) == shape ? x : add("Reshape", {x, sizes(shape)}, shape);
}

ValueId Expanding::permuted(ValueId x, const std::vector<std::int64_t>& order) {
  if (std::ranges::is_sorted(order)) return x;
  const Dims from = *dims(x);
  Dims to;
  for (const std::int64_t axis : order) to.push_back(from[static_cast<std::size_t>(axis)]);
  return add("Transpose", {x}, to, {{"perm", order}});
}

ValueId Expanding::transposed(ValueId x) {
  std::vector<std::int64_t> order(dims(x)->size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permuted(x, order);
}

void Expanding::give(std::size_t i, ValueId result) {
  const ValueId old = node_.outputs[i];
  const std::string name = graph_.value(old).name;
  graph_.replace_uses(old, result);
  graph_.rename(result, name);
}

}  // namespace cycloid
