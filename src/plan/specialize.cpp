#include "plan/specialize.h"

#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"
#include "graph/is_op.h"
#include "graph/splice.h"
#include "ops/control/loop_trips.h"
#include "ops/op.h"

namespace cycloid {
namespace {

// The value of a node that needs only the shape of its input, or nothing.
std::optional<Tensor> shape_value(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || (node.op_type != "Shape" && node.op_type != "Size")) return {};
  const ValueType& type = graph.value(node.inputs[0]).type;
  if (!type.is_tensor() || !type.shape) return {};
  const std::optional<Dims> dims = known_dims(*type.shape);
  if (!dims) return {};
  if (node.op_type == "Size") {
    const std::optional<std::int64_t> count = element_count(*dims);
    return count ? std::optional(Tensor::scalar(*count)) : std::nullopt;
  }
  const auto rank = static_cast<std::int64_t>(dims->size());
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const Result<std::int64_t> start = get_int(node, "start", 0), end = get_int(node, "end", rank);
  if (!start || !end) return {};
  const std::int64_t first = bound(*start), last = std::max(first, bound(*end));
  return int64s(std::span(*dims).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)));
}

bool outputs_are_small(const Graph& graph, const Node& node, std::size_t limit) {
  for (const ValueId id : node.outputs) {
    if (!id.valid()) continue;
    const ValueType& type = graph.value(id).type;
    if (!type.is_tensor() || !type.shape) continue;
    const std::optional<Dims> dims = known_dims(*type.shape);
    const std::optional<std::int64_t> count = dims ? element_count(*dims) : std::nullopt;
    if (!count || static_cast<double>(*count) * static_cast<double>(std::max<std::size_t>(size_of(type.dtype), 1)) >
                      static_cast<double>(limit))
      return false;
  }
  return true;
}

// The outputs of a node whose inputs are all constant; nothing where they are not, or the evaluation fails (the run will
// say why).
std::optional<std::vector<Datum>> constant_results(const ModelIr& model, const Node& node,
                                                   const SpecializeOptions& options) {
  const Graph& graph = model.graph;
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random) return {};
  std::vector<Datum> arguments(node.inputs.size());
  std::vector<const Datum*> pointers(node.inputs.size());
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const Tensor* tensor = graph.constant(node.inputs[i]);
    if (tensor == nullptr) return {};
    arguments[i] = *tensor;
    pointers[i] = &arguments[i];
  }
  std::map<ValueId, Datum> captured;
  bool constant = true;
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId capture : body.captures()) {
      const ValueId outer = body.value(capture).outer;
      if (const Tensor* tensor = graph.constant(outer))
        captured[outer] = *tensor;
      else
        constant = false;
    }
  });
  if (!constant || !outputs_are_small(graph, node, options.max_constant_bytes)) return {};
  const auto find = [&](ValueId id) -> const Datum* {
    const auto found = captured.find(id);
    return found == captured.end() ? nullptr : &found->second;
  };
  // Loops that a model could make endless are left to the run, with its bounds.
  EvaluateLimits limits{.max_bytes = options.max_constant_bytes, .max_node_runs = 100'000};
  Result<std::vector<Datum>> results = evaluate_node(model, graph, node, pointers, find, limits);
  if (!results) return {};
  for (const Datum& result : *results) {
    if (result.tensor() == nullptr) return {};
  }
  return std::move(*results);
}

// An If whose condition is constant becomes the nodes of its branch.
bool inline_branch(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const Tensor* condition = graph.constant(node.inputs[0]);
  if (condition == nullptr || condition->dtype() != DType::kBool || condition->element_count() != 1) return false;
  const auto branch = get_graph(node, condition->data<bool>()[0] ? "then_branch" : "else_branch");
  if (!branch || (*branch)->outputs().size() < node.outputs.size()) return false;
  const auto results = splice(graph, **branch, {}, id);
  if (!results) return false;
  const std::vector<ValueId> outputs = graph.node(id).outputs;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].valid()) take_over(graph, outputs[i], (*results)[i], id);
  }
  graph.erase_node(id);
  return true;
}

// A Loop whose condition depends on constants alone is told how often it runs.
bool count_trips(ModelIr& model, NodeId id) {
  Graph& graph = model.graph;
  const Node& node = graph.node(id);
  const auto body = get_graph(node, "body");
  if (!body || (*body)->outputs().empty() || (*body)->inputs().size() < 2) return false;
  const Node* decides = (*body)->producer((*body)->outputs()[0]);
  const bool counted =
      (*body)->outputs()[0] == (*body)->inputs()[1] || (decides != nullptr && is_op(*decides, "Identity"));
  if (counted || (*body)->constant((*body)->outputs()[0]) != nullptr) return false;
  const auto trips =
      loop_trips(model, node, **body, [&](ValueId v) { return v.valid() ? graph.constant(v) : nullptr; });
  if (!trips) return false;
  std::vector<ValueId> inputs = node.inputs;
  inputs[0] = graph.add_constant("trips", Tensor::scalar<std::int64_t>(*trips));
  inputs[1] = graph.add_constant("begins", Tensor::scalar<bool>(true));
  graph.set_attribute(id, "body", GraphPtr(std::make_shared<const Graph>(body_that_goes_on(**body))));
  graph.set_inputs(id, std::move(inputs));
  return true;
}

// What of control flow is known beforehand. Returns how much.
std::size_t decide_control_flow(ModelIr& model) {
  std::size_t decided = 0;
  const std::vector<NodeId> order(model.graph.nodes().begin(), model.graph.nodes().end());
  for (const NodeId id : order) {
    if (is_op(model.graph.node(id), "If"))
      decided += inline_branch(model.graph, id) ? 1 : 0;
    else if (is_op(model.graph.node(id), "Loop"))
      decided += count_trips(model, id) ? 1 : 0;
  }
  if (decided > 0) model.graph.remove_dead();
  return decided;
}

}  // namespace

std::size_t fold_constants(ModelIr& model, const SpecializeOptions& options) {
  Graph& graph = model.graph;
  std::size_t folded = 0;
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    if (!check_stop()) break;  // the caller will find it too, and says so
    const Node& node = graph.node(id);
    std::vector<Tensor> values;
    if (std::optional<Tensor> shape = shape_value(graph, node)) {
      values.push_back(std::move(*shape));
    } else if (auto results = constant_results(model, node, options)) {
      for (const Datum& result : *results) values.push_back(*result.tensor());
    }
    const std::vector<ValueId> outputs = node.outputs;
    if (values.empty() || values.size() < outputs.size()) continue;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].valid()) continue;
      const std::string name = graph.value(outputs[i]).name;
      const ValueId constant = graph.add_constant(name, std::move(values[i]));
      graph.replace_uses(outputs[i], constant);
      graph.rename(constant, name);
    }
    graph.erase_node(id);
    ++folded;
  }
  graph.remove_dead();
  return folded;
}

Result<ModelIr> specialize(const ModelIr& model, const std::vector<std::optional<Dims>>& input_dims,
                           const SpecializeOptions& options) {
  ModelIr result = model;
  Graph& graph = result.graph;
  CYCLOID_CHECK(input_dims.size() == graph.inputs().size());
  for (std::size_t i = 0; i < input_dims.size(); ++i) {
    if (!input_dims[i]) continue;
    const ValueId id = graph.inputs()[i];
    const ValueType known = ValueType::tensor(graph.value(id).type.dtype, to_shape(*input_dims[i]));
    CYCLOID_ASSIGN(ValueType merged,
                   merge(known, graph.value(id).type).in(fmt::format("input '{}'", graph.value(id).name)));
    graph.set_type(id, std::move(merged));
  }
  // Each round may turn a computed shape into a constant, or a decided branch into nodes, which makes more shapes known. The
  // bound is far above the longest chain seen (5).
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round) {
    CYCLOID_TRY(check_stop().in("planning"));
    CYCLOID_TRY(infer_types(result));
    if (fold_constants(result, options) + decide_control_flow(result) == 0) break;
  }
  return result;
}

}  // namespace cycloid
