// stack(f(x[0]), f(x[1]), ..., f(x[n-1])) => f(x) with a new first axis
//
// What an exporter leaves of a loop that it unrolled: branches of the same operators, which differ in the piece of a
// tensor they take, or in their weights, and whose results are put together along a new axis.
#include <algorithm>
#include <map>

#include "rewrite/accumulation.h"
#include "rewrite/batching/batcher.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Concat"};
constexpr std::size_t kFewestBranches = 3;
constexpr std::size_t kMostNodes = 256;  // of a branch

bool equal_attributes(const Node& a, const Node& b) {
  return std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
    if (x.first != y.first || x.second.index() != y.second.index()) return false;
    return std::visit(
        [&]<class T>(const T& value) {
          if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, float> || std::is_same_v<T, std::string> ||
                        std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<float>>) {
            return value == std::get<T>(y.second);
          } else {
            return false;
          }
        },
        x.second);
  });
}

// Walks all branches at once, from their results to what they have in common.
class Branches {
 public:
  Branches(const RuleContext& context, Batcher& batcher) : context_(context), batcher_(batcher) {}

  // values[k] is branch k's; sets the lane of branch 0's value, or of what it is made of.
  bool match(const std::vector<ValueId>& values) {
    const ValueId first = values[0];
    if (!first.valid()) return std::ranges::none_of(values, &ValueId::valid);
    if (const auto at = seen_.find(first); at != seen_.end()) return at->second == values;
    seen_.emplace(first, values);
    if (std::ranges::all_of(values, [&](ValueId id) { return id == first; })) return set_uniform(first);
    if (std::ranges::all_of(values, [&](ValueId id) { return context_.graph.constant(id) != nullptr; }))
      return set_constants(values);
    return match_split(values) || match_nodes(values);
  }

 private:
  // All pieces of a tensor, one a branch, each of size 1.
  bool match_split(const std::vector<ValueId>& values) {
    const Node* split = context_.producer(values[0], "Split");
    if (split == nullptr || split->outputs != values) return false;
    const Shape* shape = context_.shape(split->inputs[0]);
    auto lane = batcher_.typed(values[0]);
    const auto axis = shape != nullptr ? axis_attribute(*split, "axis", 0, shape->size()) : std::nullopt;
    if (!axis || !lane || !(*shape)[static_cast<std::size_t>(*axis)].is(static_cast<std::int64_t>(values.size())))
      return false;
    for (const ValueId id : values) {
      const Shape* piece = context_.shape(id);
      if (piece == nullptr || !(*piece)[static_cast<std::size_t>(*axis)].is(1)) return false;
    }
    const auto rows = batcher_.to_front(split->inputs[0], static_cast<std::size_t>(*axis), shape->size());
    lane->batched = true;
    lane->ref = batcher_.unsqueeze(rows, {*axis + 1});
    batcher_.set(values[0], *std::move(lane));
    return true;
  }

  bool set_uniform(ValueId id) {
    auto lane = batcher_.uniform(id);
    if (!lane) return false;
    batcher_.set(id, *std::move(lane));
    return true;
  }

  bool match_nodes(const std::vector<ValueId>& values) {
    std::vector<const Node*> nodes;
    for (const ValueId id : values) {
      const Node* node = context_.graph.producer(id);
      if (node == nullptr || context_.graph.value(id).output != context_.graph.value(values[0]).output) return false;
      const Node& first = nodes.empty() ? *node : *nodes[0];
      if (node->op_type != first.op_type || node->domain != first.domain || node->inputs.size() != first.inputs.size())
        return false;
      if (node->outputs.size() != first.outputs.size() || !equal_attributes(*node, first)) return false;
      if (!same_shape(context_.shape(id), context_.shape(values[0])) || context_.dtype(id) != context_.dtype(values[0]))
        return false;
      nodes.push_back(node);
    }
    if (++node_count_ > kMostNodes) return false;
    for (std::size_t i = 0; i < nodes[0]->inputs.size(); ++i) {
      std::vector<ValueId> inputs;
      for (const Node* node : nodes) inputs.push_back(node->inputs[i]);
      if (!match(inputs)) return false;
    }
    return true;
  }

  // Numbers that go up evenly are an index; other constants are stacked.
  bool set_constants(const std::vector<ValueId>& values) {
    std::vector<const Tensor*> tensors;
    for (const ValueId id : values) tensors.push_back(context_.graph.constant(id));
    const Tensor& first = *tensors[0];
    const bool alike = std::ranges::all_of(tensors, [&](const Tensor* tensor) {
      return tensor->dtype() == first.dtype() && tensor->dims() == first.dims();
    });
    auto lane = batcher_.uniform(values[0]);
    if (!alike || !lane) return false;
    const bool same = std::ranges::all_of(tensors, [&](const Tensor* tensor) { return identical(*tensor, first); });
    if (!same) {
      lane->constant.reset();
      lane->batched = true;
      if (!set_index(*lane, tensors) && !set_stack(*lane, values)) return false;
    }
    batcher_.set(values[0], *std::move(lane));
    return true;
  }

  bool set_index(Lane& lane, const std::vector<const Tensor*>& tensors) {
    const Tensor& first = *tensors[0];
    if ((first.dtype() != DType::kInt64 && first.dtype() != DType::kInt32) || first.element_count() != 1) return false;
    const std::int64_t start = to_int64s(first)[0];
    const std::int64_t step = to_int64s(*tensors[1])[0] - start;
    for (std::size_t k = 0; k < tensors.size(); ++k) {
      if (to_int64s(*tensors[k])[0] != start + step * static_cast<std::int64_t>(k)) return false;
    }
    lane.index = AffineIndex{start, step};
    lane.ref = batcher_.affine(*lane.index, first.dtype());
    Ints axes;
    for (std::size_t i = 0; i < first.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i) + 1);
    lane.ref = batcher_.unsqueeze(lane.ref, axes);
    return true;
  }

  bool set_stack(Lane& lane, const std::vector<ValueId>& values) {
    std::vector<Patch::Ref> pieces;
    for (const ValueId id : values) pieces.push_back(batcher_.unsqueeze(id, {0}));
    lane.ref = batcher_.op("Concat", std::move(pieces), {{"axis", std::int64_t{0}}});
    return true;
  }

  const RuleContext& context_;
  Batcher& batcher_;
  std::map<ValueId, std::vector<ValueId>> seen_;
  std::size_t node_count_ = 0;
};

// The branches' values, and whether they have the axis that they are put together along (of size 1). Empty: others.
struct Results {
  std::vector<ValueId> values;
  bool keeps_axis = false;
};
Results results_of(const RuleContext& context, const Node& concat, std::int64_t axis, std::size_t rank) {
  Results without;
  Results with{.values = {}, .keeps_axis = true};
  for (const ValueId input : concat.inputs) {
    const Shape* shape = context.shape(input);
    if (shape == nullptr || !(*shape)[static_cast<std::size_t>(axis)].is(1)) return {};
    with.values.push_back(input);
    const Node* unsqueeze = context.producer(input, "Unsqueeze");
    const auto axes = unsqueeze != nullptr ? axes_input(context, *unsqueeze, 1, rank) : std::nullopt;
    if (axes == Ints{axis}) without.values.push_back(unsqueeze->inputs[0]);
  }
  return without.values.size() == concat.inputs.size() ? without : with;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& concat = context.graph.node(root);
  const Shape* shape = context.shape(concat.outputs[0]);
  if (shape == nullptr || concat.inputs.size() < kFewestBranches) return std::nullopt;
  const auto axis = axis_attribute(concat, "axis", 0, shape->size());
  if (!axis) return std::nullopt;
  const auto [results, keeps_axis] = results_of(context, concat, *axis, shape->size());
  if (results.empty()) return std::nullopt;
  Patch patch;
  const auto count = static_cast<std::int64_t>(results.size());
  Batcher batcher(context, patch, context.graph,
                  {.count = count,
                   .scalar = patch.constant("branches", Tensor::scalar<std::int64_t>(count)),
                   .vector = patch.constant("branches", int64s(Ints{count}))});
  if (context.graph.producer(results[0]) == nullptr || !Branches(context, batcher).match(results)) return std::nullopt;
  if (!batcher.run(std::vector{results[0]}) || batcher.found_segments()) return std::nullopt;
  const Lane& lane = batcher.lane(results[0]);
  if (!lane.exists || !lane.batched) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(shape->size()) + (keeps_axis ? 1 : 0);
  const auto joined = front_to(batcher, lane.ref, *axis, rank);
  patch.replace(concat.outputs[0], keeps_axis ? batcher.squeeze(joined, {*axis + 1}) : joined);
  return patch;
}

}  // namespace

const Rule kBatchBranches = {
    .name = "batch-branches",
    .law = "stack(f(x[0]), f(x[1]), ..., f(x[n-1])) => f(x) with one more axis",
    .why = "The branches do the same to different pieces, so one pass over all pieces does for them.",
    .kind = RuleKind::kParallelBranches,
    .exact = false,
    .cost_decides = true,
    .may_take_memory = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
