// If, Loop and Scan: their bodies run as plans, in one thread.
#include "plan/lowering/control.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "plan/lowering/lanes.h"
#include "plan/lowering/loop_step.h"
#include "plan/lowering/move_steps.h"
#include "plan/lowering/picks.h"

namespace cycloid {
namespace {

// Whether a body's output can become the outer value.
bool fits(const Operand& operand, const PlanOutput& output) {
  if (operand.kind != Operand::Kind::kPlace || output.slot) return true;
  return output.dtype == operand.place.dtype && output.dims == operand.place.dims;
}

class IfStep final : public Step {
 public:
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
    const std::size_t k = *context.at<const bool>(condition) ? 0 : 1;
    if (broken[k]) return context.run->fail(*broken[k]);
    const BoundsScope scope(context.run->bounds);
    BodyRun branch(branches[k], context, context.scratch);
    if (Status status = branch.run_into(context, outputs); !status) context.run->fail(status.error().in(where));
  }

  std::string where;  // the node, in words
  Place condition;
  Body branches[2];
  std::optional<Error> broken[2];  // why the branch cannot run with these shapes
  std::vector<Operand> outputs;
};

// Carried values that no iteration changes are what they were before: the body captures them instead. Gives the body
// without them, which carried values are left, and the body's output for each of its former outputs.
struct Reduced {
  Graph graph;
  std::vector<std::size_t> carried;                       // of the node's, in order
  std::vector<std::pair<std::size_t, ValueId>> constant;  // which, and the outer value
};

// `lead` inputs and outputs of the body come before the carried ones, and `first` of the node's.
Reduced without_unchanged(const Graph& body, const Node& node, std::size_t count, std::size_t lead_in,
                          std::size_t lead_out, std::size_t first) {
  Reduced reduced{.graph = body, .carried = {}, .constant = {}};
  Graph& graph = reduced.graph;
  std::vector<ValueId> outputs(body.outputs().begin(), body.outputs().begin() + static_cast<std::ptrdiff_t>(lead_out));
  std::vector<ValueId> gone;
  for (std::size_t k = 0; k < count; ++k) {
    const ValueId input = body.inputs()[lead_in + k], output = body.outputs()[lead_out + k];
    const ValueId outer = node.inputs[first + k];
    if (input == output && outer.valid()) {
      reduced.constant.emplace_back(k, outer);
      gone.push_back(input);
    } else {
      reduced.carried.push_back(k);
      outputs.push_back(output);
    }
  }
  outputs.insert(outputs.end(), body.outputs().begin() + static_cast<std::ptrdiff_t>(lead_out + count),
                 body.outputs().end());
  // Other outputs may be such an input as well; these then are copies of the capture.
  std::vector<ValueId> captures;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const Value value = graph.value(gone[i]);
    const ValueId capture = graph.add_capture(value.name, value.type, reduced.constant[i].second);
    captures.push_back(capture);
    for (ValueId& output : outputs) output = output == gone[i] ? capture : output;
  }
  graph.set_outputs(outputs);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    graph.replace_uses(gone[i], captures[i]);
    graph.erase_value(gone[i]);
  }
  return reduced;
}

std::optional<Dims> slice_dims(const Lowering& lowering, ValueId id, std::size_t axis = 0) {
  const Dims* dims = lowering.dims(id);
  if (dims == nullptr || axis >= dims->size()) return {};
  Dims slice = *dims;
  slice.erase(slice.begin() + static_cast<std::ptrdiff_t>(axis));
  return slice;
}

// The order of axes that brings `axis` to the front; or back from there.
std::vector<std::int64_t> front_order(std::size_t rank, std::size_t axis, bool back) {
  std::vector<std::int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  const auto at = order.begin() + static_cast<std::ptrdiff_t>(axis);
  back ? std::rotate(order.begin(), order.begin() + 1, at + 1) : std::rotate(order.begin(), at, at + 1);
  return order;
}

Dims permuted(const Dims& dims, const std::vector<std::int64_t>& order) {
  Dims result;
  for (const std::int64_t axis : order) result.push_back(dims[static_cast<std::size_t>(axis)]);
  return result;
}

// The parts of Loop and Scan that are the same: carried values and stacked outputs. `first_in` is the body's first
// carried input, `first_out` its first carried output.
class LoopLowering {
 public:
  LoopLowering(Lowering& lowering, NodeId id) : lowering_(lowering), id_(id), node_(lowering.graph().node(id)) {}

  // What the body is planned for.
  std::vector<std::optional<Dims>> dims;
  Lowering::Draft draft;
  LoopSetup form;

  Declined plan(const Reduced& reduced, std::size_t first_in, std::size_t first_out, std::size_t node_first) {
    reduced_ = &reduced;
    first_in_ = first_in;
    first_out_ = first_out;
    node_first_ = node_first;
    for (const std::size_t k : reduced.carried) {
      const ValueId outer = node_.inputs[node_first + k];
      if (lowering_.dims(outer) == nullptr) return "a carried value whose shape depends on data";
      if (const ValueId last = output_of(k); last.valid() && lowering_.dims(last) == nullptr)
        return "a carried value whose shape changes";
    }
    auto body = plan_body(lowering_, reduced.graph, dims, draft);
    if (!body) return body.error().message();
    form.body = *std::move(body);
    const auto& outputs = form.body.plan->outputs;
    for (std::size_t i = 0; i < reduced.carried.size(); ++i) {
      const PlanOutput& output = outputs[first_out + i];
      const ValueId outer = node_.inputs[node_first + reduced.carried[i]];
      if (output.slot || output.dims != *lowering_.dims(outer) || output.dtype != lowering_.dtype(outer))
        return "a carried value whose shape changes";
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].slot) return "an output of the body whose shape depends on data";
    }
    return {};
  }

  // From here on nothing declines.
  void take_carried() {
    for (std::size_t i = 0; i < reduced_->carried.size(); ++i) {
      const std::size_t k = reduced_->carried[i];
      Carried carried{.input = first_in_ + i, .output = first_out_ + i, .first = {}, .last = {}};
      carried.first = lowering_.read(node_.inputs[node_first_ + k], Layout::kRowMajor);
      carried.bytes = carried.first.bytes();
      draft.reads.push_back(carried.first);
      if (const ValueId last = output_of(k); last.valid()) {
        carried.last = lowering_.define(last, Layout::kRowMajor);
        draft.writes.push_back(*carried.last);
      }
      form.carried.push_back(std::move(carried));
    }
    for (const auto& [k, outer] : reduced_->constant) {
      if (const ValueId last = output_of(k); last.valid()) lowering_.alias(last, lowering_.read(outer));
    }
  }

  // `axes` are those of a Scan's outputs, whose shapes are known.
  void take_stacked(std::size_t count, const std::vector<bool>& reverse, const std::vector<std::size_t>& axes = {}) {
    const std::size_t total = reduced_->carried.size() + reduced_->constant.size();
    for (std::size_t s = 0; s < count; ++s) {
      const std::size_t at = first_out_ + reduced_->carried.size() + s;
      const PlanOutput& output = form.body.plan->outputs[at];
      Stacked stacked{.output = at, .target = {}, .dtype = output.dtype, .dims = output.dims, .bytes = output.bytes()};
      if (s < axes.size() && axes[s] != 0 && output_of(total + s).valid()) {
        // Slices are put side by side first, and their axis then where it belongs.
        Dims dims_of = output.dims;
        dims_of.insert(dims_of.begin(), form.trips);
        stacked.target = {
            .kind = Operand::Kind::kPlace, .place = lowering_.temporary(output.dtype, dims_of), .slot = 0};
        draft.writes.push_back(stacked.target.place);
        moved_.emplace_back(output_of(total + s), stacked.target.place, axes[s]);
      } else {
        stacked.target = write_operand(lowering_, output_of(total + s), draft);
      }
      stacked.reverse = s < reverse.size() && reverse[s];
      form.stacked.push_back(std::move(stacked));
    }
  }

  // The slices that an output of known shape is made of are what the body gives.
  Declined check_stacked(std::size_t count, std::int64_t& trips, const std::vector<std::size_t>& axes = {}) const {
    const std::size_t total = reduced_->carried.size() + reduced_->constant.size();
    for (std::size_t s = 0; s < count; ++s) {
      const ValueId y = output_of(total + s);
      const PlanOutput& output = form.body.plan->outputs[first_out_ + reduced_->carried.size() + s];
      if (!y.valid() || lowering_.dims(y) == nullptr) continue;
      const std::size_t axis = s < axes.size() ? axes[s] : 0;
      if (slice_dims(lowering_, y, axis) != output.dims || lowering_.dtype(y) != output.dtype)
        return "an output of another shape";
      trips = (*lowering_.dims(y))[axis];
    }
    return {};
  }

  ValueId output_of(std::size_t i) const { return i < node_.outputs.size() ? node_.outputs[i] : ValueId{}; }

  void add() {
    const double trips = form.trips >= 0 ? static_cast<double>(form.trips) : 16;
    form.where = describe(lowering_.graph(), node_);
    draft.nodes = {id_};
    draft.kernel = "loop";
    draft.reason = describe_body(*form.body.plan);
    draft.cost_ns = trips * cost_of_body(*form.body.plan);
    auto step = make_loop_step(std::move(form), draft.scratch_bytes);
    lowering_.add(std::move(step), std::move(draft));
    for (const auto& [y, from, axis] : moved_) {
      const Declined reason = add_permute(lowering_, from, lowering_.define(y, Layout::kRowMajor),
                                          front_order(from.dims.size(), axis, true), {id_});
      CYCLOID_CHECK(reason.empty());
    }
  }

 private:
  Lowering& lowering_;
  NodeId id_;
  std::vector<std::tuple<ValueId, Place, std::size_t>> moved_;  // outputs, what they are made of, and along which axis
  const Node& node_;
  const Reduced* reduced_ = nullptr;
  std::size_t first_in_ = 0, first_out_ = 0, node_first_ = 0;
};

bool can_permute(const Dims& dims, DType dtype) {
  const std::size_t bytes = size_of(dtype);
  return dims.size() <= 8 && (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8);
}

bool one_element(const Lowering& lowering, ValueId id, DType dtype) {
  return lowering.dims(id) != nullptr && lowering.dtype(id) == dtype && element_count(*lowering.dims(id)) == 1;
}

}  // namespace

bool takes_any_shape(Lower lower) {
  static constexpr Lower kAny[] = {lower_if,       lower_loop,     lower_scan,   lower_one_hot,
                                   lower_non_zero, lower_compress, lower_unique, lower_non_max_suppression,
                                   lower_top_k};
  return std::ranges::find(kAny, lower) != std::end(kAny);
}

Declined lower_if(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!one_element(lowering, node.inputs[0], DType::kBool)) return "no condition of one element";
  auto step = std::make_unique<IfStep>();
  Lowering::Draft draft;
  double cost = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    const auto graph = get_graph(node, k == 0 ? "then_branch" : "else_branch");
    if (!graph) return graph.error().message();
    auto body = plan_body(lowering, **graph, {}, draft);
    if (!body) {
      step->broken[k] = body.error();
      continue;
    }
    if (body->plan->outputs.size() < node.outputs.size()) return "a branch with fewer outputs";
    step->branches[k] = *std::move(body);
    const Plan& plan = *step->branches[k].plan;
    draft.scratch_bytes = std::max(draft.scratch_bytes, BodyRun::scratch_bytes(plan));
    cost = std::max(cost, cost_of_body(plan));
    if (draft.reason.empty()) draft.reason = describe_body(plan);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const Dims* dims = lowering.dims(node.outputs[i]);
      if (!node.outputs[i].valid()) return "an output that is not wanted";
      Operand probe;
      if (dims != nullptr) {
        probe.kind = Operand::Kind::kPlace;
        probe.place = {.dtype = lowering.dtype(node.outputs[i]), .dims = *dims};
      }
      if (!fits(probe, plan.outputs[i])) return "a branch whose output has another shape";
    }
    if (plan.outputs.size() > node.outputs.size()) return "a branch with more outputs";
  }
  if (step->broken[0] && step->broken[1]) return step->broken[0]->message();
  step->condition = lowering.read(node.inputs[0], Layout::kRowMajor);
  draft.reads.push_back(step->condition);
  for (const ValueId output : node.outputs) step->outputs.push_back(write_operand(lowering, output, draft));
  step->where = describe(lowering.graph(), node);
  draft.nodes = {id};
  draft.kernel = "branch";
  draft.cost_ns = cost;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

Declined lower_loop(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto body = get_graph(node, "body");
  if (!body) return body.error().message();
  const std::size_t carried = node.inputs.size() > 2 ? node.inputs.size() - 2 : 0;
  if ((*body)->inputs().size() != carried + 2 || (*body)->outputs().size() < carried + 1) return "another body";
  const bool has_most = !node.inputs.empty() && node.inputs[0].valid(),
             has_condition = node.inputs.size() > 1 && node.inputs[1].valid();
  if (has_most && !one_element(lowering, node.inputs[0], DType::kInt64)) return "no trip count of one element";
  if (has_condition && !one_element(lowering, node.inputs[1], DType::kBool)) return "no condition of one element";

  const Reduced reduced = without_unchanged(**body, node, carried, 2, 1, 2);
  LoopLowering loop(lowering, id);
  loop.dims = {Dims{}, Dims{}};
  for (const std::size_t k : reduced.carried) {
    const Dims* dims = lowering.dims(node.inputs[2 + k]);
    loop.dims.push_back(dims == nullptr ? std::nullopt : std::optional(*dims));
  }
  if (Declined reason = loop.plan(reduced, 2, 1, 2); !reason.empty()) return reason;
  const PlanOutput& condition = loop.form.body.plan->outputs[0];
  if (condition.dtype != DType::kBool || condition.bytes() != 1) return "a condition of more than one element";
  const std::size_t scans = (*body)->outputs().size() - 1 - carried;
  loop.form.trips = -1;
  if (Declined reason = loop.check_stacked(scans, loop.form.trips); !reason.empty()) return reason;
  for (const auto& [k, outer] : reduced.constant) {
    const ValueId last = loop.output_of(k);
    if (last.valid() && (lowering.dims(outer) == nullptr || lowering.dims(last) == nullptr ||
                         *lowering.dims(outer) != *lowering.dims(last)))
      return "a carried value whose shape depends on data";
  }

  loop.form.counts = true;
  const auto read = [&](std::size_t i) {
    loop.draft.reads.push_back(lowering.read(node.inputs[i], Layout::kRowMajor));
    return loop.draft.reads.back();
  };
  if (has_most) loop.form.most = read(0);
  if (has_condition) loop.form.condition = read(1);
  loop.take_carried();
  loop.take_stacked(scans, {});
  loop.add();
  return {};
}

Declined lower_scan(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto body = get_graph(node, "body");
  const Result<std::int64_t> count = get_int(node, "num_scan_inputs", 0);
  if (!body || !count || *count < 1 || *count > static_cast<std::int64_t>(node.inputs.size())) return "another body";
  const std::size_t states = node.inputs.size() - static_cast<std::size_t>(*count);
  if ((*body)->inputs().size() != node.inputs.size() || (*body)->outputs().size() < states) return "another body";
  const std::size_t scans = (*body)->outputs().size() - states;
  const auto in_axes = get_ints(node, "scan_input_axes"), out_axes = get_ints(node, "scan_output_axes"),
             in_directions = get_ints(node, "scan_input_directions"),
             out_directions = get_ints(node, "scan_output_directions");
  if (!in_axes || !out_axes || !in_directions || !out_directions) return "attributes of another type";
  const auto axis_at = [](const std::vector<std::int64_t>& axes, std::size_t i, std::size_t rank) {
    const std::int64_t axis = i < axes.size() ? axes[i] : 0;
    return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
  };

  const Reduced reduced = without_unchanged(**body, node, states, 0, 0, 0);
  LoopLowering loop(lowering, id);
  for (const std::size_t k : reduced.carried) {
    const Dims* dims = lowering.dims(node.inputs[k]);
    loop.dims.push_back(dims == nullptr ? std::nullopt : std::optional(*dims));
  }
  std::vector<std::size_t> input_axes, output_axes;
  for (std::size_t i = states; i < node.inputs.size(); ++i) {
    const Dims* dims = lowering.dims(node.inputs[i]);
    if (dims == nullptr) return "an input whose shape depends on data";
    input_axes.push_back(axis_at(*in_axes, i - states, dims->size()));
    const auto slice = slice_dims(lowering, node.inputs[i], input_axes.back());
    if (!slice || !can_permute(*dims, lowering.dtype(node.inputs[i]))) return "a rank or element size that it has not";
    const std::int64_t length = (*dims)[input_axes.back()];
    if (i > states && length != loop.form.trips) return "inputs of different lengths";
    loop.form.trips = length;
    loop.dims.push_back(slice);
  }
  if (loop.form.trips == 0) return "no iteration";
  if (Declined reason = loop.plan(reduced, 0, 0, 0); !reason.empty()) return reason;
  for (std::size_t s = 0; s < scans; ++s) {
    const ValueId y = loop.output_of(states + s);
    if (y.valid() && lowering.dims(y) == nullptr) return "an output whose shape depends on data";
    output_axes.push_back(y.valid() ? axis_at(*out_axes, s, lowering.dims(y)->size()) : 0);
    if (y.valid() && !can_permute(*lowering.dims(y), lowering.dtype(y)))
      return "a rank or element size that it has not";
  }
  std::int64_t trips = loop.form.trips;
  if (Declined reason = loop.check_stacked(scans, trips, output_axes); !reason.empty()) return reason;
  if (trips != loop.form.trips) return "outputs of another length";
  for (const auto& [k, outer] : reduced.constant) {
    if (lowering.dims(outer) == nullptr) return "a state whose shape depends on data";
  }

  const auto reversed = [](const std::vector<std::int64_t>& directions, std::size_t i) {
    return i < directions.size() && directions[i] == 1;
  };
  for (std::size_t i = states; i < node.inputs.size(); ++i) {
    Sliced sliced{.input = reduced.carried.size() + i - states,
                  .place = lowering.read(node.inputs[i], Layout::kRowMajor)};
    if (const std::size_t axis = input_axes[i - states]; axis != 0) {
      const auto order = front_order(sliced.place.dims.size(), axis, false);
      const Place moved = lowering.temporary(sliced.place.dtype, permuted(sliced.place.dims, order));
      const Declined reason = add_permute(lowering, sliced.place, moved, order, {id});
      CYCLOID_CHECK(reason.empty());
      sliced.place = moved;
    }
    sliced.bytes = sliced.place.bytes() / static_cast<std::size_t>(loop.form.trips);
    sliced.reverse = reversed(*in_directions, i - states);
    loop.draft.reads.push_back(sliced.place);
    loop.form.sliced.push_back(std::move(sliced));
  }
  std::vector<bool> reverse;
  for (std::size_t s = 0; s < scans; ++s) reverse.push_back(reversed(*out_directions, s));
  loop.take_carried();
  loop.take_stacked(scans, reverse, output_axes);
  loop.add();
  return {};
}

}  // namespace cycloid
