#include "rewrite/accumulation.h"

#include <algorithm>
#include <limits>
#include <set>

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;
using Kind = Accumulation::Kind;

std::optional<Kind> kind_of(const Node& node) {
  if (!node.domain.empty()) return std::nullopt;
  if (node.op_type == "Add" || node.op_type == "Sub") return Kind::kSum;
  if (node.inputs.size() != 2) return std::nullopt;
  if (node.op_type == "Mul") return Kind::kProduct;
  if (node.op_type == "Max") return Kind::kMax;
  if (node.op_type == "Min") return Kind::kMin;
  if (node.op_type == "Concat") return Kind::kConcat;
  if (node.op_type == "SequenceInsert") return Kind::kSequence;
  return std::nullopt;
}

// The terms that stand between a carried value and what it becomes.
class Chain {
 public:
  Chain(const Graph& body, ValueId from, Kind kind) : body_(body), from_(from), kind_(kind) {}

  // True: `id` is the carried value with terms put to it; nothing else uses a value on the way.
  bool follow(ValueId id, bool outermost) {
    if (dead_ends_.contains(id)) return false;
    const bool found = id == from_ ? used_once(id) : follow_node(id, outermost);
    if (!found) dead_ends_.insert(id);
    return found;
  }

  std::vector<Accumulation::Term> terms;

 private:
  bool used_once(ValueId id) const { return body_.value(id).uses.size() == 1 && !body_.is_output(id); }

  bool follow_node(ValueId id, bool outermost) {
    const Node* node = body_.producer(id);
    if (node == nullptr) return false;
    if (outermost) {
      if (!body_.value(id).uses.empty() || std::ranges::count(body_.outputs(), id) != 1) return false;
    } else if (!used_once(id)) {
      return false;
    }
    if (node->domain.empty() && node->op_type == "Identity") return follow(node->inputs[0], false);
    if (kind_of(*node) != kind_) return false;
    const bool ordered = kind_ == Kind::kConcat || kind_ == Kind::kSequence || node->op_type == "Sub";
    for (const std::size_t side : {0U, 1U}) {
      if (side == 1 && ordered) return false;
      if (!follow(node->inputs[side], false)) continue;
      terms.push_back({.value = node->inputs[1 - side], .negative = node->op_type == "Sub"});
      return true;
    }
    return false;
  }

  const Graph& body_;
  ValueId from_;
  Kind kind_;
  std::set<ValueId> dead_ends_;
};

bool is_empty_sequence(const RuleContext& context, ValueId id) {
  if (context.producer(id, "SequenceEmpty") != nullptr) return true;
  const Node* made = context.producer(id, "SequenceConstruct");
  return made != nullptr && made->inputs.empty();
}

// x broadcasts to `shape` without making it larger.
bool fits_into(const Shape& x, const Shape& shape) {
  if (x.size() > shape.size()) return false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Dim& size = x[x.size() - 1 - i];
    if (!size.is(1) && !(size == shape[shape.size() - 1 - i])) return false;
  }
  return true;
}

bool all_zero(const RuleContext& context, ValueId id) {
  const Tensor* tensor = context.graph.constant(id);
  if (tensor == nullptr) return false;
  bool zero = false;
  dispatch<float, double, std::int32_t, std::int64_t>(tensor->dtype(), [&]<class T>(T) {
    zero = std::ranges::all_of(tensor->data<T>(), [](T x) { return x == T(); });
  });
  return zero;
}

// The largest or smallest along the first axis, NaN where there is one. Max and Min hand NaN on everywhere; ReduceMax and
// ReduceMin do not in every runtime, so floats are looked through for it.
std::optional<Patch::Ref> extremum_of(Batcher& b, const Patch::Ref& all, Kind kind, DType dtype) {
  const Attributes drop_axis = {{"keepdims", std::int64_t{0}}};
  const auto extremum = b.op(kind == Kind::kMax ? "ReduceMax" : "ReduceMin", {all, b.ints({0})}, drop_axis);
  if (!is_floating_point(dtype) || b.context().assume_finite) return extremum;
  std::optional<Tensor> nan;
  if (dtype == DType::kFloat32) nan = Tensor::scalar<float>(std::numeric_limits<float>::quiet_NaN());
  if (dtype == DType::kFloat64) nan = Tensor::scalar<double>(std::numeric_limits<double>::quiet_NaN());
  if (!nan) return std::nullopt;
  const auto is_nan = b.op("Cast", {b.op("IsNaN", {all})}, {{"to", static_cast<std::int64_t>(DType::kInt32)}});
  const auto any_nan = b.op("Cast", {b.op("ReduceMax", {is_nan, b.ints({0})}, drop_axis)},
                            {{"to", static_cast<std::int64_t>(DType::kBool)}});
  return b.op("Where", {any_nan, b.patch().constant("nan", *nan), extremum});
}

// acc op f(0) op f(1) ...: over no iterations the sum is 0 and the product 1; a maximum has the first value to go on.
bool finish_reduction(Batcher& b, const Accumulation& a) {
  const Shape* first = b.context().shape(a.first);
  if (first == nullptr) return false;
  Patch::Ref result = a.first;
  bool is_zero = a.kind == Kind::kSum && all_zero(b.context(), a.first);
  for (const Accumulation::Term& term : a.terms) {
    const Lane& lane = b.lane(term.value);
    // A first value that grows when the first term is put to it stays small where there is no iteration.
    const bool grows = !fits_into(lane.shape, *first);
    if (grows && !b.trips().at_least(1)) return false;
    Patch::Ref all = b.stacked(lane);
    const bool extremum = a.kind == Kind::kMax || a.kind == Kind::kMin;
    if (extremum && !b.trips().at_least(1)) {
      if (!(lane.shape == *first)) return false;
      result = b.op("Concat", {b.unsqueeze(result, {0}), all}, {{"axis", std::int64_t{0}}});
      const auto most = extremum_of(b, result, a.kind, lane.dtype);
      if (!most) return false;
      result = *most;
      continue;
    }
    if (extremum) {
      const auto most = extremum_of(b, all, a.kind, lane.dtype);
      if (!most) return false;
      result = b.op(a.kind == Kind::kMax ? "Max" : "Min", {result, *most});
      continue;
    }
    const auto reduced = b.op(a.kind == Kind::kProduct ? "ReduceProd" : "ReduceSum", {all, b.ints({0})},
                              {{"keepdims", std::int64_t{0}}});
    const bool replaces = is_zero && !term.negative && lane.shape == *first;
    is_zero = false;
    if (replaces) {
      result = reduced;
    } else if (a.kind == Kind::kSum) {
      result = b.op(term.negative ? "Sub" : "Add", {result, reduced});
    } else {
      result = b.op("Mul", {result, reduced});
    }
  }
  b.patch().replace(a.last, result);
  return true;
}

// f(0), f(1), ... one behind the other along `axis` of f, which is in [0, rank).
std::optional<Patch::Ref> concatenated(Batcher& b, const Lane& lane, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(lane.shape.size());
  const auto apart = front_to(b, b.stacked(lane), axis, rank + 1);
  if (lane.shape[static_cast<std::size_t>(axis)].is(1)) return b.squeeze(apart, {axis + 1});
  Ints sizes;
  for (std::int64_t i = 0; i < rank; ++i) {
    const Dim& size = lane.shape[static_cast<std::size_t>(i)];
    if (i != axis && (!size.is_known() || size.value() == 0)) return std::nullopt;
    sizes.push_back(i == axis ? -1 : size.value());
  }
  return b.op("Reshape", {apart, b.ints(sizes)});
}

bool finish_concat(Batcher& b, const Accumulation& a) {
  const Lane& lane = b.lane(a.terms[0].value);
  const auto rank = static_cast<std::int64_t>(lane.shape.size());
  const std::int64_t axis = a.axis < 0 ? a.axis + rank : a.axis;
  if (axis < 0 || axis >= rank) return false;
  const auto rest = concatenated(b, lane, axis);
  if (!rest) return false;
  b.patch().replace(a.last, b.op("Concat", {a.first, *rest}, {{"axis", axis}}));
  return true;
}

// y[i] = f(i): f's values one above the other, and below them what of y has no iteration.
bool finish_rows(Batcher& b, const Accumulation& a) {
  const Shape* first = b.context().shape(a.first);
  const Lane& indices = b.lane(a.terms[0].value);
  const Lane& rows = b.lane(a.terms[1].value);
  if (first == nullptr || first->empty() || !indices.index) return false;
  if (indices.index->start != 0 || indices.index->step != 1) return false;
  // indices [1, 1] with updates [1, ...], or indices [1] with updates [...]
  const std::size_t extra = indices.shape.size() - 1;
  if (indices.shape.empty() || extra > 1 || rows.shape.size() != first->size() - 1 + extra) return false;
  Patch::Ref result = b.stacked(rows);
  if (extra == 1) result = b.squeeze(result, {1});
  if (!((*first)[0] == b.trips().count)) {
    const auto rest = b.op("Slice", {a.first, b.trips().vector, b.ints({INT64_MAX}), b.ints({0})});
    result = b.op("Concat", {result, rest}, {{"axis", std::int64_t{0}}});
  }
  b.patch().replace(a.last, result);
  return true;
}

// A list of tensors that is only put together afterwards.
bool finish_sequence(Batcher& b, const Accumulation& a) {
  const Graph& graph = b.context().graph;
  const Lane& lane = b.lane(a.terms[0].value);
  const auto rank = static_cast<std::int64_t>(lane.shape.size());
  if (graph.is_output(a.last)) return false;
  for (const Use use : graph.value(a.last).uses) {
    const Node& node = graph.node(use.node);
    if (use.input == Use::kCaptured || node.op_type != "ConcatFromSequence" || !node.domain.empty()) return false;
    const auto new_axis = get_int(node, "new_axis", 0);
    const auto axis_given = get_int(node, "axis", 0);
    if (!new_axis || !axis_given) return false;
    const std::int64_t result_rank = *new_axis != 0 ? rank + 1 : rank;
    const std::int64_t axis = *axis_given < 0 ? *axis_given + result_rank : *axis_given;
    if (axis < 0 || axis >= result_rank) return false;
    const auto joined =
        *new_axis != 0 ? std::optional(front_to(b, b.stacked(lane), axis, rank + 1)) : concatenated(b, lane, axis);
    if (!joined) return false;
    b.patch().replace(node.outputs[0], *joined);
  }
  return true;
}

// What else looks at the carried value finds a lane that does not exist, but for its shape.
std::optional<Accumulation> find_rows(const Graph& body, const LoopForm::Carried& carried, const Node& scatter) {
  const auto reduction = get_string(scatter, "reduction", "none");
  if (!reduction || *reduction != "none" || scatter.inputs[0] != carried.in) return std::nullopt;
  const bool used_elsewhere = !body.value(scatter.outputs[0]).uses.empty() || carried.out != scatter.outputs[0] ||
                              std::ranges::count(body.outputs(), carried.out) != 1;
  if (used_elsewhere) return std::nullopt;
  return Accumulation{.kind = Kind::kRows,
                      .terms = {{.value = scatter.inputs[1]}, {.value = scatter.inputs[2]}},
                      .first = carried.first,
                      .last = carried.last};
}

}  // namespace

Patch::Ref front_to(Batcher& batcher, const Patch::Ref& x, std::int64_t axis, std::int64_t rank) {
  Ints permutation;
  for (std::int64_t i = 1; i < rank; ++i) permutation.push_back(i);
  permutation.insert(permutation.begin() + axis, 0);
  return batcher.transpose(x, std::move(permutation));
}

std::optional<Accumulation> find_accumulation(const RuleContext& context, const Graph& body,
                                              const LoopForm::Carried& carried) {
  const Node* node = body.producer(without_identities(body, carried.out));
  if (node == nullptr) return std::nullopt;
  if (node->op_type == "ScatterND" && node->domain.empty()) return find_rows(body, carried, *node);
  const auto kind = kind_of(*node);
  if (!kind) return std::nullopt;
  Chain chain(body, carried.in, *kind);
  if (!chain.follow(carried.out, true) || chain.terms.empty()) return std::nullopt;
  Accumulation accumulation{
      .kind = *kind, .terms = std::move(chain.terms), .first = carried.first, .last = carried.last};
  const bool ordered = *kind == Kind::kConcat || *kind == Kind::kSequence;
  if (ordered && accumulation.terms.size() != 1) return std::nullopt;
  if (*kind == Kind::kConcat) {
    const auto axis = get_int(*node, "axis", 0);
    if (!axis || node->inputs.size() != 2) return std::nullopt;
    accumulation.axis = *axis;
  }
  if (*kind == Kind::kSequence) {
    const bool at_end = node->inputs.size() == 2 || !node->inputs[2].valid();
    if (!at_end || !is_empty_sequence(context, carried.first)) return std::nullopt;
  }
  return accumulation;
}

bool finish_accumulation(Batcher& batcher, const Accumulation& accumulation) {
  switch (accumulation.kind) {
    case Kind::kConcat: return finish_concat(batcher, accumulation);
    case Kind::kSequence: return finish_sequence(batcher, accumulation);
    case Kind::kRows: return finish_rows(batcher, accumulation);
    default: return finish_reduction(batcher, accumulation);
  }
}

}  // namespace cycloid
