// f(constants) => constant
#include <algorithm>
#include <set>

#include "ops/op.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

bool captures_are_constant(const RuleContext& context, const Node& node) {
  bool constant = true;
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId capture : body.captures())
      constant = constant && context.constant(body.value(capture).outer) != nullptr;
  });
  return constant;
}

// The bytes that the outputs may take. Folding may make a file larger (Expand, Tile, ConstantOfShape) by so much, and may
// take what the inputs give back that nothing else needs.
std::size_t most_bytes(const RuleContext& context, NodeId id) {
  std::size_t freed = 0;
  std::set<ValueId> seen;
  for (const ValueId input : context.graph.node(id).inputs) {
    if (!input.valid() || !seen.insert(input).second || !context.only_used_by(input, id)) continue;
    const Tensor* stored = context.graph.constant(input);  // what an outer graph stores stays there
    if (stored != nullptr) freed += stored->byte_count();
  }
  return context.fold_limit + freed;
}

bool fits(const std::vector<Datum>& outputs, std::size_t most) {
  std::size_t added = 0;
  for (const Datum& output : outputs) added += output.tensor()->byte_count();
  return added <= most;
}

// From the shapes, so that a hostile node is not evaluated just to learn its size.
bool may_fit(const RuleContext& context, const Node& node, std::size_t most) {
  for (const ValueId output : node.outputs) {
    if (!output.valid()) continue;
    const Shape* shape = context.shape(output);
    const auto dims = shape != nullptr ? known_dims(*shape) : std::nullopt;
    if (!dims) continue;
    const auto count = element_count(*dims);
    const std::size_t size = std::max<std::size_t>(size_of(context.dtype(output)), 1);
    if (!count || static_cast<std::uint64_t>(*count) > most / size) return false;
  }
  return true;
}

// Quantised weights stay quantised: runtimes take the pair of weights and DequantizeLinear for one integer product, and
// the file would grow fourfold.
bool expands_weights(const RuleContext& context, const Node& node) {
  if (node.op_type != "DequantizeLinear") return false;
  const Tensor* tensor = context.constant(node.inputs[0]);
  return tensor != nullptr && tensor->element_count() > 1;
}

// What runtimes make of it differs, from 0 to the end of the process: left to them.
bool divides_by_zero(const RuleContext& context, const Node& node) {
  if (node.op_type != "Div" && node.op_type != "Mod") return false;
  const auto divisors = context.constant_ints(node.inputs[1]);
  return divisors && std::ranges::count(*divisors, 0) != 0;
}

// What inference followed already: sizes that do not depend on the inputs, though they pass through their shapes.
std::optional<Patch> fold_known(const RuleContext& context, const Node& node) {
  Patch patch;
  bool replaces = false;
  for (const ValueId output : node.outputs) {
    if (!output.valid() || context.graph.is_dead(output)) continue;
    const Tensor* known = context.constant(output);
    if (known == nullptr) return std::nullopt;
    patch.replace(output, patch.constant(context.graph.value(output).name, *known));
    replaces = true;
  }
  if (!replaces) return std::nullopt;
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& node = graph.node(root);
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random || expands_weights(context, node) || divides_by_zero(context, node))
    return std::nullopt;
  if (auto patch = fold_known(context, node)) return patch;
  std::vector<Datum> values;
  values.reserve(node.inputs.size());
  std::vector<const Datum*> inputs;
  for (const ValueId input : node.inputs) {
    const Tensor* constant = context.constant(input);
    if (input.valid() && constant == nullptr) return std::nullopt;
    if (input.valid()) values.emplace_back(*constant);
    inputs.push_back(input.valid() ? &values.back() : nullptr);
  }
  if (!captures_are_constant(context, node)) return std::nullopt;
  const std::size_t most = most_bytes(context, root);
  if (!may_fit(context, node, most)) return std::nullopt;

  std::map<ValueId, Datum> captured;
  const auto find_capture = [&](ValueId id) -> const Datum* {
    const Tensor* constant = context.constant(id);
    return constant == nullptr ? nullptr : &captured.try_emplace(id, *constant).first->second;
  };
  const EvaluateLimits limits = {.max_bytes = 4 * most, .max_node_runs = 1'000'000};
  auto outputs = evaluate_node(context.model, graph, node, inputs, find_capture, limits);
  // A node that fails on these constants (a division by zero, say) stays, and fails when the model runs.
  if (!outputs) return std::nullopt;
  if (!std::ranges::all_of(*outputs, [](const Datum& output) { return output.tensor() != nullptr; }))
    return std::nullopt;
  if (!fits(*outputs, most)) return std::nullopt;

  Patch patch;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].valid() || graph.is_dead(node.outputs[i])) continue;
    patch.replace(node.outputs[i], patch.constant(graph.value(node.outputs[i]).name, *(*outputs)[i].tensor()));
  }
  return patch;
}

}  // namespace

const Rule kFoldConstants = {
    .name = "fold-constants",
    .law = "f(constants) => constant; size(x) => constant where the size is known",
    .why = "The node gives the same value in every run, so it is computed once, now.",
    .kind = RuleKind::kStandard,
    .propose = propose,
};

}  // namespace cycloid
