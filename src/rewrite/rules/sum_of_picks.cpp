// x[i0] + x[i1] + ... + x[in] => reduce_sum(x at those places); also products, maxima and minima
//
// What an unrolled loop leaves: single elements of one tensor (through Gather, Slice, Split, Squeeze, Reshape, ...), put
// together one by one. Places at equal distances are one strided slice of the flat tensor: the trace is one.
#include <algorithm>
#include <map>

#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "Max", "Min", "Mul"};
constexpr std::size_t kFewestPicks = 3;
constexpr int kLongestWay = 32;  // of nodes between an element and its tensor

struct Pick {
  ValueId source;
  std::int64_t place = 0;  // in row-major order
};

std::optional<Dims> dims_of(const RuleContext& context, ValueId id) {
  const Shape* shape = context.shape(id);
  return shape != nullptr ? known_dims(*shape) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> constant_ints(const RuleContext& context, const Node& node,
                                                       std::size_t input) {
  if (node.inputs.size() <= input) return std::nullopt;
  const Tensor* tensor = context.graph.constant(node.inputs[input]);
  if (tensor == nullptr || !is_integer(tensor->dtype())) return std::nullopt;
  return to_int64s(*tensor);
}

Dims unflattened(std::int64_t place, const Dims& dims) {
  Dims index(dims.size());
  for (std::size_t i = dims.size(); i-- > 0; place /= dims[i]) index[i] = place % dims[i];
  return index;
}

std::int64_t flattened(const Dims& index, const Dims& dims) {
  std::int64_t place = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) place = place * dims[i] + index[i];
  return place;
}

// The place in the node's first input of the element at `index` of its output `output`; nullopt for other operators.
std::optional<Dims> place_before(const RuleContext& context, const Node& node, std::uint32_t output, Dims index,
                                 const Dims& out, const Dims& in) {
  const auto rank = static_cast<std::int64_t>(in.size());
  const auto at_axis = [&](std::int64_t axis) { return static_cast<std::size_t>(axis < 0 ? axis + rank : axis); };
  if (node.op_type == "Squeeze" || node.op_type == "Unsqueeze" || node.op_type == "Reshape" ||
      node.op_type == "Flatten" || node.op_type == "Identity") {
    return unflattened(flattened(index, out), in);
  }
  if (node.op_type == "Gather") {
    const auto axis = get_int(node, "axis", 0);
    const auto indices = constant_ints(context, node, 1);
    const auto indices_dims = dims_of(context, node.inputs[1]);
    if (!axis || !indices || !indices_dims) return std::nullopt;
    const std::size_t at = at_axis(*axis);
    const auto first = index.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last = first + static_cast<std::ptrdiff_t>(indices_dims->size());
    std::int64_t picked = (*indices)[static_cast<std::size_t>(flattened(Dims(first, last), *indices_dims))];
    if (picked < 0) picked += in[at];
    if (picked < 0 || picked >= in[at]) return std::nullopt;
    index.erase(first, last);
    index.insert(index.begin() + static_cast<std::ptrdiff_t>(at), picked);
    return index;
  }
  if (node.op_type == "Slice") {
    const auto starts = constant_ints(context, node, 1);
    const auto axes = constant_ints(context, node, 3);
    const auto steps = constant_ints(context, node, 4);
    const bool has_axes = node.inputs.size() > 3 && node.inputs[3].valid();
    const bool has_steps = node.inputs.size() > 4 && node.inputs[4].valid();
    if (!starts || (has_axes && !axes) || (has_steps && !steps)) return std::nullopt;
    for (std::size_t i = 0; i < starts->size(); ++i) {
      const std::size_t at = has_axes ? at_axis((*axes)[i]) : i;
      const std::int64_t step = has_steps ? (*steps)[i] : 1;
      if (step < 1) return std::nullopt;
      const std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + in[at] : (*starts)[i];
      index[at] = std::clamp<std::int64_t>(start, 0, in[at]) + step * index[at];
    }
    return index;
  }
  if (node.op_type == "Split") {
    const auto axis = get_int(node, "axis", 0);
    if (!axis) return std::nullopt;
    for (std::uint32_t i = 0; i < output; ++i) {
      const auto piece = node.outputs[i].valid() ? dims_of(context, node.outputs[i]) : std::nullopt;
      if (!piece) return std::nullopt;
      index[at_axis(*axis)] += (*piece)[at_axis(*axis)];
    }
    return index;
  }
  return std::nullopt;
}

// Where the one element of a value comes from.
std::optional<Pick> pick_of(const RuleContext& context, ValueId id) {
  auto dims = dims_of(context, id);
  if (!dims || element_count(*dims) != 1) return std::nullopt;
  Dims index(dims->size(), 0);
  bool moved = false;
  for (int step = 0; step < kLongestWay; ++step) {
    const Node* node = context.graph.producer(id);
    if (node == nullptr || !node->domain.empty() || node->inputs.empty()) break;
    const auto in = node->inputs[0].valid() ? dims_of(context, node->inputs[0]) : std::nullopt;
    if (!in || element_count(*in).value_or(0) < 1) break;
    auto before = place_before(context, *node, context.graph.value(id).output, index, *dims, *in);
    if (!before) break;
    index = *std::move(before);
    id = node->inputs[0];
    dims = in;
    moved = true;
  }
  if (!moved || element_count(*dims) == 1) return std::nullopt;
  return Pick{id, flattened(index, *dims)};
}

// What is put together below `id` by this operator, where nothing else uses what is on the way.
void collect(const RuleContext& context, ValueId id, std::string_view op, bool root, std::vector<ValueId>& operands) {
  const Node* node = context.producer(id, op);
  const bool inner = node != nullptr && node->inputs.size() == 2 &&
                     (root || (context.graph.value(id).uses.size() == 1 && !context.graph.is_output(id)));
  if (!inner || operands.size() > 4096) {
    operands.push_back(id);
    return;
  }
  for (const ValueId input : node->inputs) collect(context, input, op, false, operands);
}

std::string_view reduction_of(std::string_view op) {
  if (op == "Add") return "ReduceSum";
  if (op == "Mul") return "ReduceProd";
  return op == "Max" ? "ReduceMax" : "ReduceMin";
}

Patch::Ref elements_at(Patch& patch, ValueId source, std::vector<std::int64_t> places) {
  const auto ints = [&](std::vector<std::int64_t> values) { return patch.constant("ints", int64s(values)); };
  const auto flat = patch.node("Reshape", {source, ints({-1})});
  std::ranges::sort(places);
  const std::int64_t step = places[1] - places[0];
  bool strided = step > 0;
  for (std::size_t i = 1; i < places.size(); ++i) strided = strided && places[i] - places[i - 1] == step;
  if (!strided) return patch.node("Gather", {flat, ints(places)}, {{"axis", std::int64_t{0}}});
  return patch.node("Slice", {flat, ints({places.front()}), ints({places.back() + 1}), ints({0}), ints({step})});
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& node = graph.node(root);
  const ValueId result = node.outputs[0];
  const auto dims = dims_of(context, result);
  if (!dims || element_count(*dims) != 1 || node.inputs.size() != 2) return std::nullopt;
  // Max and Min hand NaN on; ReduceMax and ReduceMin do not in every runtime.
  const bool extremum = node.op_type == "Max" || node.op_type == "Min";
  if (extremum && is_floating_point(context.dtype(result)) && !context.assume_finite) return std::nullopt;
  // The outermost one speaks for the whole chain.
  const Value& value = graph.value(result);
  if (value.uses.size() == 1 && value.uses[0].input != Use::kCaptured && !graph.is_output(result)) {
    const Node& user = graph.node(value.uses[0].node);
    if (user.domain.empty() && user.op_type == node.op_type) return std::nullopt;
  }
  std::vector<ValueId> operands;
  collect(context, result, node.op_type, true, operands);
  if (operands.size() < kFewestPicks) return std::nullopt;
  std::map<ValueId, std::vector<std::int64_t>> places;
  std::vector<ValueId> others;
  for (const ValueId operand : operands) {
    if (const auto pick = pick_of(context, operand)) {
      places[pick->source].push_back(pick->place);
    } else {
      others.push_back(operand);
    }
  }
  const auto most = std::ranges::max_element(places, {}, [](const auto& entry) { return entry.second.size(); });
  if (most == places.end() || most->second.size() < kFewestPicks || places.size() != 1) return std::nullopt;
  Patch patch;
  auto combined = patch.node(std::string(reduction_of(node.op_type)), {elements_at(patch, most->first, most->second)},
                             {{"keepdims", std::int64_t{0}}});
  for (const ValueId other : others) combined = patch.node(node.op_type, {combined, other});
  const bool has_shape = !dims->empty();  // of ones
  const bool gets_shape = std::ranges::any_of(others, [&](ValueId id) { return dims_of(context, id) == dims; });
  if (has_shape && !gets_shape) combined = patch.node("Reshape", {combined, patch.constant("shape", int64s(*dims))});
  patch.replace(result, combined);
  return patch;
}

}  // namespace

const Rule kSumOfPicks = {
    .name = "sum-of-picks",
    .law =
        "x[i] + x[j] + x[k] + ... => reduce_sum(x[[i, j, k, ...]]), a strided slice where the places are evenly apart",
    .why = "One reduction over the elements does what a chain of additions, one node each, does.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
