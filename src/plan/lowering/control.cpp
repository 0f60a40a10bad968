// If, Loop and Scan: their bodies run as plans, in one thread.
#include "plan/lowering/control.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "base/error.h"
#include "plan/lowering/body.h"

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
    if (Status status = take(context, *context.at<const bool>(condition) ? branches[0] : branches[1]); !status)
      context.run->fail(status.error());
  }

  Place condition;
  Body branches[2];
  std::vector<Operand> outputs;

 private:
  // The branch writes an output in place where its shape is known, else as a new tensor.
  Status take(const StepContext& context, const Body& body) const {
    BodyRun run(body, context, context.scratch);
    std::vector<Tensor> made;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const PlanOutput& output = body.plan->outputs[i];
      if (output.slot) continue;
      if (outputs[i].kind == Operand::Kind::kPlace) {
        run.set_output(i, context.at<std::byte>(outputs[i].place));
        continue;
      }
      made.resize(outputs.size());
      CYCLOID_ASSIGN(made[i], Tensor::empty(output.dtype, output.dims));
      run.set_output(i, made[i].mutable_bytes());
    }
    if (!run.run()) return {};
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const bool in_slot = body.plan->outputs[i].slot;
      if (outputs[i].kind == Operand::Kind::kSlot)
        context.run->slots[outputs[i].slot] = in_slot ? run.slot_output(i) : Datum(std::move(made[i]));
      else if (in_slot)
        CYCLOID_TRY(put(context, run.slot_output(i), outputs[i].place));
    }
    return {};
  }

  static Status put(const StepContext& context, const Datum& datum, const Place& place) {
    const Tensor* tensor = datum.tensor();
    if (tensor == nullptr || tensor->dtype() != place.dtype || tensor->dims() != place.dims)
      return invalid_model("a branch gave another shape than {}", to_string(place.dims));
    if (tensor->byte_count() > 0) std::memcpy(context.at<std::byte>(place), tensor->bytes(), tensor->byte_count());
    return {};
  }
};

// A value that goes from each iteration to the next, in two buffers in turns.
struct Carried {
  std::size_t input = 0, output = 0;  // of the body
  Place first;
  std::optional<Place> last;
  std::size_t bytes = 0;
};
// An input of which each iteration gets a slice along the first axis.
struct Sliced {
  std::size_t input = 0;
  Place place;
  std::size_t bytes = 0;
  bool reverse = false;
};
// An output that each iteration gives a slice of.
struct Stacked {
  std::size_t output = 0;
  Operand target;
  DType dtype = DType::kUndefined;
  Dims dims;  // of a slice
  std::size_t bytes = 0;
  bool reverse = false;
};

struct LoopForm {
  Body body;
  bool counts = false;  // a Loop: inputs 0 and 1 are the iteration and the condition, output 0 the condition
  std::optional<Place> most, condition;
  std::int64_t trips = 0;  // of a Scan; of a Loop where an output's shape tells it, else -1
  std::vector<Carried> carried;
  std::vector<Sliced> sliced;
  std::vector<Stacked> stacked;
  std::size_t max_bytes = SIZE_MAX;  // of what is stacked without a known length
};

class LoopStep final : public Step {
 public:
  explicit LoopStep(LoopForm form) : form_(std::move(form)) {}

  std::size_t scratch_bytes() const {
    std::size_t bytes = kHead + BodyRun::scratch_bytes(*form_.body.plan);
    for (const Carried& carried : form_.carried) bytes += 2 * align_up(carried.bytes);
    for (const Stacked& stacked : form_.stacked) bytes += align_up(stacked.bytes);
    return bytes;
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
    if (Status status = walk(context); !status) context.run->fail(status.error());
  }

 private:
  static constexpr std::size_t kHead = 64;  // the iteration and the condition

  Status walk(const StepContext& context) const {
    std::byte* memory = context.scratch;
    auto* iteration = reinterpret_cast<std::int64_t*>(memory);
    auto* goes_on = reinterpret_cast<bool*>(memory + sizeof(std::int64_t));
    memory += kHead;
    std::vector<std::vector<std::byte>> grown(unknown_lengths());
    BodyRun run(form_.body, context, memory);
    memory += BodyRun::scratch_bytes(*form_.body.plan);
    std::byte* const buffers = memory;
    for (const Carried& carried : form_.carried) {
      run.set_input(carried.input, context.at<const std::byte>(carried.first));
      memory += 2 * align_up(carried.bytes);
    }
    *goes_on = form_.condition ? *context.at<const bool>(*form_.condition) : true;
    const std::int64_t most = form_.most     ? *context.at<const std::int64_t>(*form_.most)
                              : form_.counts ? INT64_MAX
                                             : form_.trips;
    std::int64_t i = 0;
    for (; i < most && *goes_on; ++i) {
      if (form_.trips >= 0 && i >= form_.trips) break;
      *iteration = i;
      if (form_.counts) {
        run.set_input(0, reinterpret_cast<const std::byte*>(iteration));
        // What the body reads is true in every iteration that begins; what it writes lies beside it.
        goes_on[1] = true;
        run.set_input(1, reinterpret_cast<const std::byte*>(goes_on + 1));
        run.set_output(0, reinterpret_cast<std::byte*>(goes_on));
      }
      bind(context, run, i, buffers, memory);
      if (!run.run()) return {};
      keep(grown, memory);
      if (Status status = check(grown); !status) return status;
    }
    if (form_.trips >= 0 && i != form_.trips)
      return invalid_model("a loop ran {} times, but {} were inferred", i, form_.trips);
    return finish(context, grown, buffers, i);
  }

  std::size_t unknown_lengths() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(form_.stacked, [](const Stacked& s) { return s.target.kind == Operand::Kind::kSlot; }));
  }

  // Where iteration i leaves a carried value.
  static std::byte* buffer_of(std::byte* buffers, const Carried& carried, std::int64_t i) {
    return buffers + (i % 2 == 0 ? 0 : align_up(carried.bytes));
  }

  void bind(const StepContext& context, BodyRun& run, std::int64_t i, std::byte* buffers, std::byte* slices) const {
    for (const Carried& carried : form_.carried) {
      if (i > 0) run.set_input(carried.input, buffer_of(buffers, carried, i - 1));
      run.set_output(carried.output, buffer_of(buffers, carried, i));
      buffers += 2 * align_up(carried.bytes);
    }
    for (const Sliced& sliced : form_.sliced) {
      const auto at = static_cast<std::size_t>(sliced.reverse ? form_.trips - 1 - i : i);
      run.set_input(sliced.input, context.at<const std::byte>(sliced.place) + at * sliced.bytes);
    }
    for (const Stacked& stacked : form_.stacked) {
      const auto at = static_cast<std::size_t>(stacked.reverse ? form_.trips - 1 - i : i);
      run.set_output(stacked.output, stacked.target.kind == Operand::Kind::kPlace
                                         ? context.at<std::byte>(stacked.target.place) + at * stacked.bytes
                                         : slices);
      slices += align_up(stacked.bytes);
    }
  }

  // Slices of outputs whose length is not known are put one behind the other.
  void keep(std::vector<std::vector<std::byte>>& grown, const std::byte* slices) const {
    std::size_t g = 0;
    for (const Stacked& stacked : form_.stacked) {
      if (stacked.target.kind == Operand::Kind::kSlot) {
        grown[g].insert(grown[g].end(), slices, slices + stacked.bytes);
        ++g;
      }
      slices += align_up(stacked.bytes);
    }
  }

  Status check(const std::vector<std::vector<std::byte>>& grown) const {
    std::size_t bytes = 0;
    for (const auto& list : grown) bytes += list.size();
    if (bytes <= form_.max_bytes) return {};
    return make_error(ErrorCode::kResourceExhausted, "a loop's outputs need more than the bound of {} bytes",
                      form_.max_bytes);
  }

  Status finish(const StepContext& context, const std::vector<std::vector<std::byte>>& grown, std::byte* buffers,
                std::int64_t trips) const {
    for (const Carried& carried : form_.carried) {
      const std::byte* from =
          trips == 0 ? context.at<const std::byte>(carried.first) : buffer_of(buffers, carried, trips - 1);
      if (carried.last && carried.bytes > 0) std::memcpy(context.at<std::byte>(*carried.last), from, carried.bytes);
      buffers += 2 * align_up(carried.bytes);
    }
    std::size_t g = 0;
    for (const Stacked& stacked : form_.stacked) {
      if (stacked.target.kind != Operand::Kind::kSlot) continue;
      Dims dims = stacked.dims;
      dims.insert(dims.begin(), trips);
      CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(stacked.dtype, std::move(dims)));
      if (!grown[g].empty()) std::memcpy(tensor.mutable_bytes(), grown[g].data(), grown[g].size());
      context.run->slots[stacked.target.slot] = Datum(std::move(tensor));
      ++g;
    }
    return {};
  }

  LoopForm form_;
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

std::optional<Dims> slice_dims(const Lowering& lowering, ValueId id) {
  const Dims* dims = lowering.dims(id);
  if (dims == nullptr || dims->empty()) return {};
  return Dims(dims->begin() + 1, dims->end());
}

// The parts of Loop and Scan that are the same: carried values and stacked outputs. `first_in` is the body's first
// carried input, `first_out` its first carried output.
class LoopLowering {
 public:
  LoopLowering(Lowering& lowering, NodeId id) : lowering_(lowering), id_(id), node_(lowering.graph().node(id)) {}

  // What the body is planned for.
  std::vector<std::optional<Dims>> dims;
  Lowering::Draft draft;
  LoopForm form;

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

  void take_stacked(std::size_t count, const std::vector<bool>& reverse) {
    const std::size_t total = reduced_->carried.size() + reduced_->constant.size();
    for (std::size_t s = 0; s < count; ++s) {
      const std::size_t at = first_out_ + reduced_->carried.size() + s;
      const PlanOutput& output = form.body.plan->outputs[at];
      Stacked stacked{.output = at, .target = {}, .dtype = output.dtype, .dims = output.dims, .bytes = output.bytes()};
      stacked.target = write_operand(lowering_, output_of(total + s), draft);
      stacked.reverse = s < reverse.size() && reverse[s];
      form.stacked.push_back(std::move(stacked));
    }
  }

  // The slices that an output of known shape is made of are what the body gives.
  Declined check_stacked(std::size_t count, std::int64_t& trips) const {
    const std::size_t total = reduced_->carried.size() + reduced_->constant.size();
    for (std::size_t s = 0; s < count; ++s) {
      const ValueId y = output_of(total + s);
      const PlanOutput& output = form.body.plan->outputs[first_out_ + reduced_->carried.size() + s];
      if (!y.valid() || lowering_.dims(y) == nullptr) continue;
      if (slice_dims(lowering_, y) != output.dims || lowering_.dtype(y) != output.dtype)
        return "an output along another axis than the first";
      trips = (*lowering_.dims(y))[0];
    }
    return {};
  }

  ValueId output_of(std::size_t i) const { return i < node_.outputs.size() ? node_.outputs[i] : ValueId{}; }

  void add() {
    const double trips = form.trips >= 0 ? static_cast<double>(form.trips) : 16;
    if (lowering_.options().max_memory > 0) form.max_bytes = lowering_.options().max_memory;
    draft.nodes = {id_};
    draft.kernel = "loop";
    draft.reason = describe_body(*form.body.plan);
    draft.cost_ns = trips * cost_of_body(*form.body.plan);
    auto step = std::make_unique<LoopStep>(std::move(form));
    draft.scratch_bytes = step->scratch_bytes();
    lowering_.add(std::move(step), std::move(draft));
  }

 private:
  Lowering& lowering_;
  NodeId id_;
  const Node& node_;
  const Reduced* reduced_ = nullptr;
  std::size_t first_in_ = 0, first_out_ = 0, node_first_ = 0;
};

bool one_element(const Lowering& lowering, ValueId id, DType dtype) {
  return lowering.dims(id) != nullptr && lowering.dtype(id) == dtype && element_count(*lowering.dims(id)) == 1;
}

}  // namespace

bool takes_any_shape(Lower lower) { return lower == lower_if || lower == lower_loop || lower == lower_scan; }

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
    if (!body) return body.error().message();
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
  step->condition = lowering.read(node.inputs[0], Layout::kRowMajor);
  draft.reads.push_back(step->condition);
  for (const ValueId output : node.outputs) step->outputs.push_back(write_operand(lowering, output, draft));
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
  for (const std::int64_t axis : *in_axes) {
    if (axis != 0) return "an input along another axis than the first";
  }
  for (const std::int64_t axis : *out_axes) {
    if (axis != 0) return "an output along another axis than the first";
  }

  const Reduced reduced = without_unchanged(**body, node, states, 0, 0, 0);
  LoopLowering loop(lowering, id);
  for (const std::size_t k : reduced.carried) {
    const Dims* dims = lowering.dims(node.inputs[k]);
    loop.dims.push_back(dims == nullptr ? std::nullopt : std::optional(*dims));
  }
  for (std::size_t i = states; i < node.inputs.size(); ++i) {
    const auto slice = slice_dims(lowering, node.inputs[i]);
    if (!slice) return "an input whose shape depends on data";
    const std::int64_t length = (*lowering.dims(node.inputs[i]))[0];
    if (i > states && length != loop.form.trips) return "inputs of different lengths";
    loop.form.trips = length;
    loop.dims.push_back(slice);
  }
  if (loop.form.trips == 0) return "no iteration";
  if (Declined reason = loop.plan(reduced, 0, 0, 0); !reason.empty()) return reason;
  std::int64_t trips = loop.form.trips;
  if (Declined reason = loop.check_stacked(scans, trips); !reason.empty()) return reason;
  if (trips != loop.form.trips) return "outputs of another length";
  for (std::size_t s = 0; s < scans; ++s) {
    const ValueId y = loop.output_of(states + s);
    if (y.valid() && lowering.dims(y) == nullptr) return "an output whose shape depends on data";
  }
  for (const auto& [k, outer] : reduced.constant) {
    if (lowering.dims(outer) == nullptr) return "a state whose shape depends on data";
  }

  const auto reversed = [](const std::vector<std::int64_t>& directions, std::size_t i) {
    return i < directions.size() && directions[i] == 1;
  };
  for (std::size_t i = states; i < node.inputs.size(); ++i) {
    Sliced sliced{.input = reduced.carried.size() + i - states,
                  .place = lowering.read(node.inputs[i], Layout::kRowMajor)};
    sliced.bytes = sliced.place.bytes() / static_cast<std::size_t>(loop.form.trips);
    sliced.reverse = reversed(*in_directions, i - states);
    loop.draft.reads.push_back(sliced.place);
    loop.form.sliced.push_back(std::move(sliced));
  }
  std::vector<bool> reverse;
  for (std::size_t s = 0; s < scans; ++s) reverse.push_back(reversed(*out_directions, s));
  loop.take_carried();
  loop.take_stacked(scans, reverse);
  loop.add();
  return {};
}

}  // namespace cycloid
