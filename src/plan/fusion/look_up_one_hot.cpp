// matmul(cast(x == [0, 1, ..., n - 1]), w)   =>  gather([0; w; 0], clip(x, -1, n) + 1)
// f(gather(w, i))                            =>  gather(f(w), i)
//
// w is constant and finite; an x outside [0, n) is a row of zeros, so there is one of them at either end. f are sums and products
// with constants along the rows and functions of single elements, where the table has fewer elements than what is looked up.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/is_op.h"
#include "plan/fusion/expanding.h"
#include "plan/fusion/fusion.h"

namespace cycloid {
namespace {

template <class T>
bool counts(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] != static_cast<T>(i)) return false;
  }
  return true;
}

// 0, 1, ... along the last axis, the only one.
bool is_count(const Tensor* tensor) {
  if (tensor == nullptr || tensor->rank() == 0 ||
      tensor->dims().back() != static_cast<std::int64_t>(tensor->element_count()))
    return false;
  if (tensor->dtype() == DType::kInt32) return counts<std::int32_t>(*tensor);
  return tensor->dtype() == DType::kInt64 && counts<std::int64_t>(*tensor);
}

// x of a product's input cast(x == [0, ..., n)), where x has one element for each row.
std::optional<ValueId> hot_index(Expanding& e, ValueId hot, std::int64_t n) {
  const Node* cast = e.graph().producer(hot);
  if (cast == nullptr || !is_op(*cast, "Cast") || e.dtype(hot) != DType::kFloat32) return {};
  const Node* equal = e.graph().producer(cast->inputs[0]);
  if (equal == nullptr || !is_op(*equal, "Equal")) return {};
  for (const std::size_t i : {0, 1}) {
    const ValueId x = equal->inputs[1 - i];
    const Tensor* count = e.graph().constant(equal->inputs[i]);
    const auto of_x = e.dims(x), all = e.dims(hot);
    if (!is_count(count) || !of_x || !all || of_x->empty() || of_x->back() != 1) continue;
    Dims expected = *of_x;
    expected.back() = count->dims().back();
    if (expected == *all && expected.back() == n) return x;
  }
  return {};
}

// w between rows of zeros, or nothing where some of it is not finite.
std::optional<Tensor> table_of(const Tensor& w) {
  const auto from = w.data<float>();
  if (!std::ranges::all_of(from, [](float v) { return std::isfinite(v); })) return {};
  Result<Tensor> table = Tensor::zeros(DType::kFloat32, {w.dim(0) + 2, w.dim(1)});
  if (!table) return {};
  std::ranges::copy(from, table->mutable_data<float>().begin() + w.dim(1));
  return *std::move(table);
}

ValueId integer(Expanding& e, std::int64_t value, DType type) {
  if (type == DType::kInt64) return e.graph().add_constant("number", Tensor::scalar(value));
  return e.graph().add_constant("number", Tensor::scalar(static_cast<std::int32_t>(value)));
}

bool is_elementwise(const Node& node) {
  constexpr std::string_view kOps[] = {"Erf", "Gelu", "HardSwish", "Relu", "Sigmoid", "Tanh"};
  return node.domain.empty() && std::ranges::find(kOps, node.op_type) != std::end(kOps);
}

// The node's value of a table in place of input `from`, or nothing where it is no function of single rows.
std::optional<ValueId> of_table(Expanding& e, const Node& node, ValueId from, ValueId table) {
  const Dims shape = *e.dims(table);
  if (is_elementwise(node)) return e.add(node.op_type, {table}, shape, node.attributes);
  if (!is_op(node, "Add") && !is_op(node, "Mul")) return {};
  const ValueId other = node.inputs[node.inputs[0] == from ? 1 : 0];
  const Tensor* constant = e.graph().constant(other);
  if (constant == nullptr || constant->dtype() != DType::kFloat32) return {};
  const auto count = static_cast<std::int64_t>(constant->element_count());
  if (count != 1 && (count != shape.back() || constant->dims().back() != count)) return {};
  return e.add(node.op_type, {table, e.reshaped(other, count == 1 ? Dims{} : Dims{count})}, shape);
}

// Whether it made nodes of constants.
bool look_up(Graph& graph, NodeId id) {
  Expanding product(graph, id);
  const Tensor* w = graph.constant(product.input(1));
  if (w == nullptr || w->dtype() != DType::kFloat32 || w->rank() != 2) return false;
  const std::int64_t n = w->dim(0);
  const auto x = hot_index(product, product.input(0), n);
  if (!x) return false;
  std::optional<Tensor> rows = table_of(*w);
  if (!rows) return false;
  ValueId value = product.node().outputs[0], table = graph.add_constant("rows", *std::move(rows));
  const Dims shape = *product.dims(value);
  const bool smaller = *element_count(*product.dims(table)) < *element_count(shape);
  NodeId last = id;
  for (;;) {
    const std::vector<Use> uses = graph.value(value).uses;
    if (!smaller || uses.size() != 1 || uses[0].input == Use::kCaptured || graph.is_output(value)) break;
    Expanding next(graph, uses[0].node);
    if (next.node().outputs.size() != 1 || next.dims(next.node().outputs[0]) != shape) break;
    const auto mapped = of_table(next, next.node(), value, table);
    if (!mapped) break;
    last = uses[0].node;
    value = next.node().outputs[0];
    table = *mapped;
  }

  Expanding e(graph, last);
  const DType type = e.dtype(*x);
  Dims places = *e.dims(*x);
  ValueId index = e.add("Clip", {*x, integer(e, -1, type), integer(e, n, type)}, places);
  index = e.add("Add", {index, integer(e, 1, type)}, places);
  places.pop_back();
  e.give(0, e.add("Gather", {table, e.reshaped(index, places)}, shape));
  e.done();
  return last != id;
}

}  // namespace

bool look_up_one_hot(Graph& graph) {
  bool tables = false;
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    if (graph.alive(id) && is_op(graph.node(id), "MatMul")) tables = look_up(graph, id) || tables;
  }
  graph.remove_dead();
  return tables;
}

}  // namespace cycloid
