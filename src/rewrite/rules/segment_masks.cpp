// reduce(x where ids == 0), reduce(x where ids == 1), ...  =>  pieces of one scatter of x at ids with that reduction
//
// The elements where the mask holds may be chosen by Where, Compress, NonZero with GatherND or Gather, or by a product
// with the mask as numbers. A product spreads NaN and infinities to other segments (0 * NaN), so it is taken for integers
// only, unless floats are said to be finite.
#include <algorithm>
#include <map>

#include "rewrite/batching/segments.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"};
// A product with a mask is fast where vectors are; a scatter goes element by element, and pays from here on.
constexpr std::size_t kFewestProducts = 6;

struct Mask {
  ValueId ids;
  std::int64_t id = 0;
};

struct MaskedReduction {
  Mask mask;
  ValueId x;  // none: the elements are counted
  std::optional<double> fill;
  bool by_product = false;
  bool keep_dims = false;
  SegmentReduction reduction = SegmentReduction::kSum;
  ValueId result;
};

class Matcher {
 public:
  explicit Matcher(const RuleContext& context) : context_(context) {}

  std::optional<MaskedReduction> match(const Node& node) const {
    const auto reduction = segment_reduction(node.op_type);
    const auto keep = get_int(node, "keepdims", 1);
    if (!node.domain.empty() || !reduction || !keep) return std::nullopt;
    auto found = selection(node.inputs[0]);
    if (!found || !reduces_first_axis(node)) return std::nullopt;
    found->reduction = *reduction;
    found->keep_dims = *keep != 0;
    found->result = node.outputs[0];
    if (!found->x.valid() && *reduction != SegmentReduction::kSum) return std::nullopt;
    const DType dtype = context_.dtype(found->x.valid() ? found->x : node.inputs[0]);
    if (found->fill && found->x.valid()) {
      const auto neutral = neutral_element(*reduction, dtype);
      if (!neutral || *neutral != *found->fill) return std::nullopt;
    }
    if (found->by_product && is_floating_point(dtype) && !context_.assume_finite) return std::nullopt;
    return found;
  }

 private:
  bool reduces_first_axis(const Node& node) const {
    const Shape* shape = context_.shape(node.inputs[0]);
    if (shape == nullptr || shape->empty()) return false;
    const auto noop = get_int(node, "noop_with_empty_axes", 0);
    if (node.inputs.size() < 2 || !node.inputs[1].valid()) return noop && *noop == 0 && shape->size() == 1;
    const Tensor* axes = context_.graph.constant(node.inputs[1]);
    if (axes == nullptr || axes->element_count() != 1) return false;
    const std::int64_t axis = to_int64s(*axes)[0];
    return axis == 0 || axis == -static_cast<std::int64_t>(shape->size());
  }

  // ids == constant, for ids of rank 1.
  std::optional<Mask> mask(ValueId id) const {
    const Node* equal = context_.producer(id, "Equal");
    if (equal == nullptr) return std::nullopt;
    for (const std::size_t i : {0U, 1U}) {
      const Tensor* constant = context_.graph.constant(equal->inputs[1 - i]);
      const Shape* shape = context_.shape(equal->inputs[i]);
      const DType dtype = context_.dtype(equal->inputs[i]);
      if (constant == nullptr || constant->element_count() != 1 || constant->rank() > 1) continue;
      if (shape == nullptr || shape->size() != 1) continue;
      if (dtype != DType::kInt64 && dtype != DType::kInt32) continue;
      return Mask{equal->inputs[i], to_int64s(*constant)[0]};
    }
    return std::nullopt;
  }

  bool fits(const Mask& mask, ValueId x, std::size_t most_axes) const {
    const Shape* shape = context_.shape(x);
    const Shape* ids = context_.shape(mask.ids);
    return shape != nullptr && !shape->empty() && shape->size() <= most_axes && (*shape)[0] == (*ids)[0];
  }

  // The mask as numbers.
  std::optional<Mask> weight(ValueId id) const {
    const Node* cast = context_.producer(id, "Cast");
    return cast != nullptr ? mask(cast->inputs[0]) : std::nullopt;
  }

  // NonZero of a mask, whatever shape its one row of places has been given.
  std::optional<Mask> places(ValueId id) const {
    for (int steps = 0; steps < 8; ++steps) {
      const Node* node = context_.graph.producer(id);
      if (node == nullptr || !node->domain.empty()) return std::nullopt;
      if (node->op_type == "NonZero") return mask(node->inputs[0]);
      const bool expands = node->op_type == "Expand" && same_shape(context_.shape(node->inputs[0]), context_.shape(id));
      const bool passes = expands || node->op_type == "Transpose" || node->op_type == "Squeeze" ||
                          node->op_type == "Unsqueeze" || node->op_type == "Reshape" || node->op_type == "Flatten";
      if (!passes) return std::nullopt;
      id = node->inputs[0];
    }
    return std::nullopt;
  }

  std::optional<MaskedReduction> selection(ValueId id) const {
    constexpr std::size_t kAnyRank = 64;
    const Node* node = context_.graph.producer(id);
    if (node == nullptr || !node->domain.empty()) return std::nullopt;
    if (node->op_type == "Where") {
      const auto found = mask(node->inputs[0]);
      const auto fill = number(node->inputs[2]);
      if (!found || !fill || !fits(*found, node->inputs[1], 1)) return std::nullopt;
      return MaskedReduction{.mask = *found, .x = node->inputs[1], .fill = fill};
    }
    if (node->op_type == "Mul") {
      for (const std::size_t i : {0U, 1U}) {
        const auto found = weight(node->inputs[i]);
        if (!found || !fits(*found, node->inputs[1 - i], 1)) continue;
        return MaskedReduction{.mask = *found, .x = node->inputs[1 - i], .fill = 0, .by_product = true};
      }
    }
    if (node->op_type == "Compress") {
      const auto found = mask(node->inputs[1]);
      const auto axis = get_int(*node, "axis", 0);
      const bool flat = !has_attribute(*node, "axis");
      if (!found || !axis || !fits(*found, node->inputs[0], flat ? 1 : kAnyRank)) return std::nullopt;
      const auto rank = static_cast<std::int64_t>(context_.shape(node->inputs[0])->size());
      if (!flat && *axis != 0 && *axis != -rank) return std::nullopt;
      return MaskedReduction{.mask = *found, .x = node->inputs[0]};
    }
    if (node->op_type == "GatherND" || node->op_type == "Gather") return selection_by_places(*node);
    if (node->op_type == "Cast") {
      if (const auto found = mask(node->inputs[0])) return MaskedReduction{.mask = *found, .fill = 0};
    }
    return std::nullopt;
  }

  std::optional<MaskedReduction> selection_by_places(const Node& node) const {
    const bool nd = node.op_type == "GatherND";
    const auto number_of = get_int(node, nd ? "batch_dims" : "axis", 0);
    const auto found = places(node.inputs[1]);
    const Shape* shape = context_.shape(node.inputs[1]);
    if (!number_of || *number_of != 0 || !found || shape == nullptr || !fits(*found, node.inputs[0], 64))
      return std::nullopt;
    const bool rows = shape->size() == 2 && (*shape)[1].is(1);
    if (nd ? !rows : shape->size() != 1) return std::nullopt;
    return MaskedReduction{.mask = *found, .x = node.inputs[0]};
  }

  std::optional<double> number(ValueId id) const {
    const Tensor* tensor = context_.graph.constant(id);
    if (tensor == nullptr || tensor->element_count() != 1) return std::nullopt;
    std::optional<double> value;
    dispatch<float, double, std::int32_t>(tensor->dtype(),
                                          [&]<class T>(T) { value = static_cast<double>(tensor->data<T>()[0]); });
    if (tensor->dtype() == DType::kInt64 && tensor->data<std::int64_t>()[0] == 0) value = 0;
    return value;
  }

  const RuleContext& context_;
};

bool alike(const MaskedReduction& a, const MaskedReduction& b, const RuleContext& context) {
  if (a.mask.ids != b.mask.ids || a.x != b.x || a.reduction != b.reduction) return false;
  return a.x.valid() || context.dtype(a.result) == context.dtype(b.result);
}

// The piece of the scatter for one segment, in the shape of the old result.
Patch::Ref piece(Batcher& b, const Patch::Ref& all, std::int64_t at, bool keep_dims) {
  if (keep_dims) return b.op("Slice", {all, b.ints({at}), b.ints({at + 1}), b.ints({0})});
  return b.op("Gather", {all, b.patch().constant("segment", Tensor::scalar<std::int64_t>(at))},
              {{"axis", std::int64_t{0}}});
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Matcher matcher(context);
  const auto first = matcher.match(context.graph.node(root));
  if (!first) return std::nullopt;
  std::vector<MaskedReduction> found;
  for (const NodeId id : context.graph.nodes()) {
    const Node& node = context.graph.node(id);
    if (node.op_type != context.graph.node(root).op_type) continue;
    auto other = matcher.match(node);
    if (other && alike(*first, *other, context)) found.push_back(*std::move(other));
  }
  if (found.size() < (first->by_product ? kFewestProducts : 2)) return std::nullopt;
  const auto [low, high] = std::ranges::minmax(found, {}, [](const MaskedReduction& m) { return m.mask.id; });
  if (high.mask.id - low.mask.id > 4 * static_cast<std::int64_t>(found.size())) return std::nullopt;

  Patch patch;
  const std::int64_t segments = high.mask.id - low.mask.id + 1;
  Trips trips{.count = segments};
  Batcher batcher(context, patch, context.graph, std::move(trips));
  SegmentScatter scatter;
  scatter.ids = first->mask.ids;
  scatter.ids_dtype = context.dtype(first->mask.ids);
  if (low.mask.id != 0) {
    const auto offset = scatter.ids_dtype == DType::kInt64
                            ? Tensor::scalar<std::int64_t>(low.mask.id)
                            : Tensor::scalar<std::int32_t>(static_cast<std::int32_t>(low.mask.id));
    // Far ids wrap around at most to other far ones: there are 2^31 or 2^63 beyond each end.
    scatter.ids = batcher.op("Sub", {scatter.ids, patch.constant("first", offset)});
  }
  scatter.reduction = first->reduction;
  if (first->x.valid()) {
    scatter.x = first->x;
    scatter.dtype = context.dtype(first->x);
    scatter.shape = *context.shape(first->x);
  } else {
    scatter.dtype = context.dtype(first->result);
    scatter.shape = *context.shape(first->mask.ids);
    const auto one = one_of(scatter.dtype);
    if (!one) return std::nullopt;
    scatter.x = batcher.op("Expand", {patch.constant("one", *one), batcher.op("Shape", {first->mask.ids})});
  }
  const auto all = scatter_segments(batcher, scatter);
  if (!all) return std::nullopt;
  for (const MaskedReduction& m : found) {
    patch.replace(m.result, piece(batcher, *all, m.mask.id - low.mask.id, m.keep_dims));
  }
  return patch;
}

}  // namespace

const Rule kSegmentMasks = {
    .name = "segment-masks",
    .law = "reduce(x where ids == k) for several k => pieces of one scatter of x at ids with that reduction",
    .why =
        "Each element belongs to one segment, so one pass that adds every element to its segment does for all masks.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
