#include "rewrite/loop_batch.h"

#include <algorithm>

#include "rewrite/accumulation.h"
#include "rewrite/batching/batcher.h"
#include "rewrite/loop_form.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

std::optional<Trips> trips_of(const RuleContext& context, const LoopForm& form, Patch& patch) {
  Trips trips;
  trips.count = form.trips;
  if (form.trips.is_known()) {
    trips.scalar = patch.constant("trips", Tensor::scalar<std::int64_t>(form.trips.value()));
    trips.vector = patch.constant("trips", int64s(Ints{form.trips.value()}));
    return trips;
  }
  if (!form.trip_count.valid()) {  // the length of what a Scan goes along
    if (form.sliced.empty()) return std::nullopt;
    const LoopForm::Sliced& slice = form.sliced[0];
    trips.vector = patch.node("Shape", {slice.source}, {{"start", slice.axis}, {"end", slice.axis + 1}});
    trips.scalar = patch.node("Squeeze", {trips.vector, patch.constant("axes", int64s(Ints{0}))});
    return trips;
  }
  const Shape* shape = context.shape(form.trip_count);
  if (shape == nullptr || shape->size() > 1) return std::nullopt;
  Patch::Ref count = form.trip_count;
  if (!form.counts_sizes) {
    count = patch.node("Max", {count, patch.constant("zero", Tensor::scalar<std::int64_t>(0))});
  }
  const auto axes = patch.constant("axes", int64s(Ints{0}));
  trips.scalar = shape->empty() ? count : patch.node("Squeeze", {count, axes});
  trips.vector = shape->empty() ? patch.node("Unsqueeze", {count, axes}) : count;
  return trips;
}

Patch::Ref reversed(Batcher& b, const Patch::Ref& x, std::int64_t axis) {
  return b.op("Slice", {x, b.ints({-1}), b.ints({INT64_MIN}), b.ints({axis}), b.ints({-1})});
}

class LoopBatching {
 public:
  LoopBatching(const RuleContext& context, const LoopForm& form, Patch& patch, Trips trips)
      : context_(context),
        form_(form),
        body_(*form.body),
        patch_(patch),
        batcher_(context, patch, body_, std::move(trips)) {}

  std::optional<LoopBatch> build() {
    if (!set_iteration() || !set_slices()) return std::nullopt;
    for (const LoopForm::Carried& carried : form_.carried) {
      if (!set_carried(carried)) return std::nullopt;
    }
    for (const LoopForm::Stacked& stacked : form_.stacked) {
      if (stacked.result.valid()) wanted_.push_back(stacked.out);
    }
    if (!batcher_.run(wanted_)) return std::nullopt;
    for (const ValueId id : wanted_) {
      if (!batcher_.lane(id).exists) return std::nullopt;
    }
    for (const Accumulation& accumulation : accumulations_) {
      if (!finish_accumulation(batcher_, accumulation)) return std::nullopt;
    }
    for (const LoopForm::Carried& carried : last_values_) {
      if (!finish_last_value(carried)) return std::nullopt;
    }
    for (const LoopForm::Stacked& stacked : form_.stacked) {
      if (stacked.result.valid() && !finish_stacked(stacked)) return std::nullopt;
    }
    const bool reduces = std::ranges::any_of(accumulations_, [](const Accumulation& accumulation) {
      return accumulation.kind < Accumulation::Kind::kConcat;
    });
    return LoopBatch{.patch = {}, .reduces = reduces, .segments = batcher_.found_segments()};
  }

 private:
  bool set_iteration() {
    if (!form_.iteration.valid()) return true;
    Lane lane;
    lane.batched = true;
    lane.ref = batcher_.iota();
    lane.dtype = DType::kInt64;
    lane.index = AffineIndex{0, 1};
    batcher_.set(form_.iteration, std::move(lane));
    Lane condition;
    condition.dtype = DType::kBool;
    condition.constant = Tensor::scalar<bool>(true);
    condition.ref = patch_.constant("true", *condition.constant);
    batcher_.set(form_.condition, std::move(condition));
    return true;
  }

  bool set_slices() {
    for (const LoopForm::Sliced& slice : form_.sliced) {
      auto lane = batcher_.typed(slice.in);
      const Shape* shape = context_.shape(slice.source);
      if (!lane || shape == nullptr) return false;
      lane->batched = true;
      lane->ref = batcher_.to_front(slice.source, static_cast<std::size_t>(slice.axis), shape->size());
      if (slice.backwards) lane->ref = reversed(batcher_, lane->ref, 0);
      batcher_.set(slice.in, *std::move(lane));
    }
    return true;
  }

  bool is_used(ValueId id) const { return !body_.is_dead(id); }

  bool set_carried(const LoopForm::Carried& carried) {
    const ValueId out = without_identities(body_, carried.out);
    if (out == carried.in) {  // never changes
      auto lane = batcher_.uniform(carried.first);
      const bool known = lane.has_value();
      if (known) batcher_.set(carried.in, *std::move(lane));
      if (carried.last.valid()) patch_.replace(carried.last, carried.first);
      return known || !is_used(carried.in);
    }
    if (set_counter(carried, out)) return true;
    if (!carried.last.valid()) return true;  // needed, if at all, by another iteration: then batching fails
    if (auto accumulation = find_accumulation(context_, body_, carried)) {
      for (const Accumulation::Term& term : accumulation->terms) wanted_.push_back(term.value);
      if (accumulation->kind == Accumulation::Kind::kRows) set_rows(carried);
      accumulations_.push_back(*std::move(accumulation));
      return true;
    }
    if (is_used(carried.in)) return false;
    wanted_.push_back(carried.out);
    last_values_.push_back(carried);
    return true;
  }

  // Rows are written to it, which leaves its shape.
  void set_rows(const LoopForm::Carried& carried) {
    auto lane = batcher_.typed(carried.in);
    if (!lane) return;
    lane->batched = true;
    lane->exists = false;
    lane->shape_of = carried.first;
    batcher_.set(carried.in, *std::move(lane));
  }

  // c = c + step: first + step * i in iteration i. Integers wrap as their sums do.
  bool set_counter(const LoopForm::Carried& carried, ValueId out) {
    const Node* node = body_.producer(out);
    if (node == nullptr || !node->domain.empty() || (node->op_type != "Add" && node->op_type != "Sub")) return false;
    const std::size_t self = without_identities(body_, node->inputs[0]) == carried.in ? 0 : 1;
    if (without_identities(body_, node->inputs[self]) != carried.in) return false;
    if (node->op_type == "Sub" && self == 1) return false;
    const auto step = constant_of(node->inputs[1 - self]);
    auto lane = batcher_.typed(carried.in);
    const Shape* shape = context_.shape(carried.first);
    if (!step || !lane || shape == nullptr || !shape->empty() || !lane->shape.empty()) return false;
    if (lane->dtype != DType::kInt64 && lane->dtype != DType::kInt32) return false;
    const std::int64_t by = node->op_type == "Sub" ? -*step : *step;
    const Patch::Ref steps = batcher_.affine({0, by}, lane->dtype);
    lane->batched = true;
    lane->ref = batcher_.op("Add", {steps, carried.first});
    const Tensor* first = context_.graph.constant(carried.first);
    if (first != nullptr && first->element_count() == 1) lane->index = AffineIndex{to_int64s(*first)[0], by};
    if (carried.last.valid()) {
      Patch::Ref whole =
          batcher_.op("Mul", {batcher_.trips().scalar, patch_.constant("step", Tensor::scalar<std::int64_t>(by))});
      if (lane->dtype != DType::kInt64)
        whole = batcher_.op("Cast", {whole}, {{"to", static_cast<std::int64_t>(lane->dtype)}});
      patch_.replace(carried.last, batcher_.op("Add", {carried.first, whole}));
    }
    batcher_.set(carried.in, *std::move(lane));
    return true;
  }

  // A scalar integer that is constant in the body or captured; small, so that no product of it overflows.
  std::optional<std::int64_t> constant_of(ValueId id) const {
    const Value& value = body_.value(id);
    const Tensor* tensor =
        value.kind == Value::Kind::kCapture ? context_.graph.constant(value.outer) : body_.constant(id);
    if (tensor == nullptr || tensor->rank() != 0 || !is_integer(tensor->dtype())) return std::nullopt;
    const std::int64_t number = to_int64s(*tensor)[0];
    constexpr std::int64_t kSmall = std::int64_t{1} << 31;
    return number >= -kSmall && number <= kSmall ? std::optional(number) : std::nullopt;
  }

  // What the last iteration computed, or the first value where there was none.
  bool finish_last_value(const LoopForm::Carried& carried) {
    const Lane& lane = batcher_.lane(carried.out);
    if (!lane.batched && batcher_.trips().at_least(1)) {
      patch_.replace(carried.last, lane.ref);
      return true;
    }
    Patch::Ref all = batcher_.stacked(lane);
    if (!batcher_.trips().at_least(1)) {
      const Shape* first = context_.shape(carried.first);
      if (first == nullptr || !(*first == lane.shape)) return false;
      all = batcher_.op("Concat", {batcher_.unsqueeze(carried.first, {0}), all}, {{"axis", std::int64_t{0}}});
    }
    const auto last = patch_.constant("last", Tensor::scalar<std::int64_t>(-1));
    patch_.replace(carried.last, batcher_.op("Gather", {all, last}, {{"axis", std::int64_t{0}}}));
    return true;
  }

  bool finish_stacked(const LoopForm::Stacked& stacked) {
    const Lane& lane = batcher_.lane(stacked.out);
    const auto rank = static_cast<std::int64_t>(lane.shape.size()) + 1;
    const std::int64_t axis = stacked.axis < 0 ? stacked.axis + rank : stacked.axis;
    if (axis < 0 || axis >= rank) return false;
    Patch::Ref ref = batcher_.stacked(lane);
    if (stacked.backwards) ref = reversed(batcher_, ref, 0);
    patch_.replace(stacked.result, front_to(batcher_, ref, axis, rank));
    return true;
  }

  const RuleContext& context_;
  const LoopForm& form_;
  const Graph& body_;
  Patch& patch_;
  Batcher batcher_;
  std::vector<ValueId> wanted_;
  std::vector<Accumulation> accumulations_;
  std::vector<LoopForm::Carried> last_values_;
};

}  // namespace

std::optional<LoopBatch> batch_loop(const RuleContext& context, NodeId root) {
  const auto form = loop_form(context, context.graph.node(root));
  if (!form) return std::nullopt;
  Patch patch;
  auto trips = trips_of(context, *form, patch);
  if (!trips) return std::nullopt;
  auto batch = LoopBatching(context, *form, patch, *std::move(trips)).build();
  if (!batch || patch.empty()) return std::nullopt;
  batch->patch = std::move(patch);
  return batch;
}

}  // namespace cycloid
