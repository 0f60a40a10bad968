#include "plan/lowering/lowering.h"

#include <algorithm>

#include "base/aligned.h"
#include "base/error.h"
#include "plan/lowering/control.h"
#include "plan/lowering/late.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

// Rough speed of one core, for cost estimates only: they decide how work is shared, not what is computed.
constexpr double kPeakFlopsPerNs = 100;
constexpr double kBytesPerNs = 20;
constexpr double kStepOverheadNs = 100;

// More bytes than any address space has; what kernels add to a size below it (padding, panels) does not overflow.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 56;

// Whether kernels can count with every product of these dims. A 0 among them says nothing of the products of the others;
// one below 0 is of a node that will refuse its inputs.
bool are_countable(const Dims& dims, std::size_t element_bytes) {
  std::int64_t most = kMostBytes / static_cast<std::int64_t>(element_bytes);
  for (const std::int64_t dim : dims) {
    if (dim < 0 || dim > most) return false;
    if (dim > 0) most /= dim;
  }
  return true;
}

std::int64_t spatial(const Dims& dims) {
  std::int64_t count = 1;
  for (std::size_t i = 2; i < dims.size(); ++i) count *= dims[i];
  return count;
}

bool is_view_op(const Node& node) {
  return node.domain.empty() && (node.op_type == "Reshape" || node.op_type == "Flatten" || node.op_type == "Squeeze" ||
                                 node.op_type == "Unsqueeze");
}

}  // namespace

Lowering::Lowering(Plan& plan, const ModelIr& model, const PlanOptions& options)
    : plan_(plan), model_(model), graph_(model.graph), options_(options) {
  if (!options.reference) concats_ = ConcatPlaces(graph_);
  std::uint32_t nodes = 0;
  for (const NodeId id : graph_.nodes()) nodes = std::max(nodes, id.index + 1);
  done_.assign(nodes, false);

  for (std::uint32_t i = 0; i < graph_.inputs().size(); ++i) {
    const ValueId id = graph_.inputs()[i];
    plan_.inputs.emplace_back();
    if (const Dims* d = dims(id)) {
      Place place{.dtype = dtype(id), .dims = *d};
      place.buffer = new_buffer({.kind = Buffer::Kind::kInput, .bytes = place.bytes(), .index = i});
      plan_.inputs.back() = place.buffer;
      places_[id].row_major = place;
    } else {
      plan_.inputs.back() = slot_buffer(slot(id));
    }
  }
  // An output may be written in place by the node that makes it, or by the one that makes what it is a view of.
  for (std::uint32_t i = 0; i < graph_.outputs().size(); ++i) {
    ValueId id = graph_.outputs()[i];
    while (output_of_.try_emplace(id, i).second) {
      const Node* producer = graph_.producer(id);
      if (producer == nullptr || options.reference || !is_view_op(*producer) || !has_elements(id)) break;
      if (!std::ranges::all_of(producer->inputs,
                               [&](ValueId input) { return !input.valid() || dims(input) != nullptr; }))
        break;
      const ValueId source = producer->inputs[0];
      if (graph_.value(source).uses.size() != 1 || graph_.is_output(source)) break;
      id = source;
    }
  }
}

bool Lowering::has_elements(ValueId id) const { return dims(id) != nullptr && element_count(*dims(id)).value() > 0; }

const Dims* Lowering::dims(ValueId id) const {
  if (!id.valid()) return nullptr;
  // Kept per value: known_dims() makes a new vector, and callers hold pointers.
  const ValueType& type = graph_.value(id).type;
  if (!type.is_tensor() || !type.shape || size_of(type.dtype) == 0) return nullptr;
  if (const auto found = dims_.find(id); found != dims_.end()) return found->second ? &*found->second : nullptr;
  std::optional<Dims> known = known_dims(*type.shape);
  if (known && !are_countable(*known, size_of(type.dtype)) && element_count(*known) != 0) known.reset();
  const auto& kept = dims_[id] = std::move(known);
  return kept ? &*kept : nullptr;
}

DType Lowering::dtype(ValueId id) const { return id.valid() ? graph_.value(id).type.dtype : DType::kUndefined; }

NodeId Lowering::only_user(ValueId id) const {
  if (!id.valid() || graph_.is_output(id)) return {};
  const std::vector<Use>& uses = graph_.value(id).uses;
  if (uses.size() != 1 || uses[0].input == Use::kCaptured) return {};
  return uses[0].node;
}

bool Lowering::available(ValueId id) const {
  return id.valid() &&
         (graph_.constant(id) != nullptr || places_.contains(id) || slots_.contains(id) || waiting_.contains(id));
}

const Node* Lowering::waiting(ValueId id) const {
  const auto found = waiting_.find(id);
  return found == waiting_.end() ? nullptr : &graph_.node(found->second);
}

NodeId Lowering::absorb(ValueId id) {
  const auto found = waiting_.find(id);
  CYCLOID_CHECK(found != waiting_.end());
  const NodeId node = found->second;
  waiting_.erase(found);
  return node;
}

Layout Lowering::layout_of(ValueId id) const {
  const auto found = places_.find(id);
  return found != places_.end() && found->second.channels_last ? Layout::kChannelsLast : Layout::kRowMajor;
}

Place Lowering::read(ValueId id, Layout layout) {
  if (waiting_.contains(id)) {
    const Status lowered = lower_now(absorb(id));
    CYCLOID_CHECK(static_cast<bool>(lowered));  // only nodes wait that a kernel or the reference evaluation takes
  }
  Places& places = places_[id];
  if (!places.row_major && !places.channels_last) {
    const Tensor* tensor = graph_.constant(id);
    CYCLOID_CHECK(tensor != nullptr);
    places.row_major = constant_place(*tensor);
  }
  std::optional<Place>& wanted = layout == Layout::kRowMajor ? places.row_major : places.channels_last;
  if (wanted) return *wanted;
  const Place from = layout == Layout::kRowMajor ? *places.channels_last : *places.row_major;
  Place to = from;
  to.layout = layout;
  to.pixel_stride = layout == Layout::kChannelsLast ? to.channels() : 0;
  const bool same_memory = from.dense() && (spatial(from.dims) == 1 || from.channels() == 1);
  if (!same_memory) {
    // define() puts a channels-last copy into its concatenation, a row-major one into the caller's memory.
    to = place_for(id, layout);
    convert(from, to);
  }
  Places& again = places_[id];
  (layout == Layout::kRowMajor ? again.row_major : again.channels_last) = to;
  return to;
}

Place Lowering::place_for(ValueId id, Layout layout) {
  const Dims* d = dims(id);
  CYCLOID_CHECK(d != nullptr);
  Place place{.dtype = dtype(id), .dims = *d, .layout = layout};
  if (layout == Layout::kChannelsLast) {
    place.pixel_stride = place.channels();
    if (const auto part = concats_.find(id); part && place.dtype == DType::kFloat32) {
      auto [whole, fresh] = concat_buffers_.try_emplace(part->whole);
      if (fresh) {
        const auto bytes = static_cast<std::size_t>(element_count(*dims(part->whole)).value()) * sizeof(float);
        whole->second = new_buffer({.kind = Buffer::Kind::kArena, .bytes = bytes});
      }
      place.buffer = whole->second;
      place.offset = static_cast<std::size_t>(part->channel) * sizeof(float);
      place.pixel_stride = part->channels;
      return place;
    }
  }
  if (layout == Layout::kRowMajor || spatial(*d) == 1 || place.channels() == 1) {
    const auto output = output_of_.find(id);
    if (output != output_of_.end() && !output_buffers_.contains(output->second)) {
      place.buffer = new_buffer({.kind = Buffer::Kind::kOutput, .bytes = place.bytes(), .index = output->second});
      output_buffers_[output->second] = place.buffer;
      return place;
    }
  }
  place.buffer = new_buffer({.kind = Buffer::Kind::kArena, .bytes = place.bytes()});
  return place;
}

Place Lowering::define(ValueId id, Layout layout) {
  CYCLOID_CHECK(!places_.contains(id));
  const Place place = place_for(id, layout);
  alias(id, place);
  return place;
}

void Lowering::alias(ValueId id, const Place& place) {
  Places& places = places_[id];
  (place.layout == Layout::kRowMajor ? places.row_major : places.channels_last) = place;
}

Place Lowering::temporary(DType type, Dims d) {
  Place place{.dtype = type, .dims = std::move(d)};
  place.buffer = new_buffer({.kind = Buffer::Kind::kArena, .bytes = place.bytes()});
  return place;
}

std::byte* Lowering::constant_memory(std::size_t bytes, BufferId& buffer) {
  std::byte* data = plan_.packed.allocate(bytes);
  buffer = new_buffer({.kind = Buffer::Kind::kConstant, .bytes = bytes, .constant = data});
  return data;
}

Place Lowering::constant_place(const Tensor& tensor) {
  plan_.constants.push_back(tensor);
  Place place{.dtype = tensor.dtype(), .dims = tensor.dims()};
  place.buffer = new_buffer(
      {.kind = Buffer::Kind::kConstant, .bytes = tensor.byte_count(), .constant = plan_.constants.back().bytes()});
  return place;
}

std::uint32_t Lowering::slot(ValueId id) {
  const auto [found, fresh] = slots_.try_emplace(id, plan_.slot_count);
  if (fresh) {
    ++plan_.slot_count;
    slot_buffers_.push_back(new_buffer({.kind = Buffer::Kind::kSlot, .index = found->second}));
  }
  return found->second;
}

std::optional<std::uint32_t> Lowering::find_slot(ValueId id) const {
  const auto found = slots_.find(id);
  return found == slots_.end() ? std::nullopt : std::optional(found->second);
}

BufferId Lowering::new_buffer(Buffer buffer) {
  if (buffer.kind == Buffer::Kind::kArena) largest_buffer_ = std::max(largest_buffer_, buffer.bytes);
  plan_.buffers.push_back(buffer);
  return {static_cast<std::uint32_t>(plan_.buffers.size() - 1)};
}

void Lowering::convert(const Place& from, const Place& to) {
  if (plan_.buffers[from.buffer.index].kind == Buffer::Kind::kConstant) {
    // At plan time, once.
    std::byte* memory = nullptr;
    if (plan_.buffers[to.buffer.index].kind == Buffer::Kind::kArena && to.dense()) {
      memory = plan_.packed.allocate(to.bytes());
      move_now(from, to, plan_.buffers[from.buffer.index].constant + from.offset, memory, options_.isa);
      plan_.buffers[to.buffer.index] = {.kind = Buffer::Kind::kConstant, .bytes = to.bytes(), .constant = memory};
      return;
    }
  }
  ++plan_.info.conversions;
  add_move(*this, from, to, to.layout == Layout::kRowMajor ? "to row-major" : "to channels-last");
}

void Lowering::copy(const Place& from, const Place& to) {
  ++plan_.info.conversions;
  add_move(*this, from, to, "copy");
}

void Lowering::add(std::unique_ptr<const Step> step, Draft draft) {
  PlannedStep planned;
  planned.step = std::move(step);
  planned.uses = std::move(draft.uses);
  double bytes = draft.bytes, constant_bytes = draft.bytes;
  for (const Place& place : draft.reads) {
    planned.uses.push_back(place.use(false));
    bytes += static_cast<double>(place.bytes());
    if (plan_.buffers[place.buffer.index].kind == Buffer::Kind::kConstant)
      constant_bytes += static_cast<double>(place.bytes());
  }
  for (const Place& place : draft.writes) {
    planned.uses.push_back(place.use(true));
    bytes += static_cast<double>(place.bytes());
  }
  planned.units = draft.units;
  planned.scratch_bytes = align_up(draft.scratch_bytes);
  planned.cost =
      kStepOverheadNs +
      (draft.cost_ns > 0 ? draft.cost_ns : draft.flops / (kPeakFlopsPerNs * draft.speed) + bytes / kBytesPerNs);
  planned.range_cost = draft.range_ns;

  StepInfo& info = planned.info;
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const Node& node = graph_.node(draft.nodes[i]);
    std::string name = node.name;
    if (name.empty() && !node.outputs.empty() && node.outputs[0].valid()) name = graph_.value(node.outputs[0]).name;
    info.node += (i > 0 ? " + " : "") + name;
    if (draft.op.empty()) info.op += (i > 0 ? "+" : "") + node.op_type;
    done_[draft.nodes[i].index] = true;
  }
  if (!draft.op.empty()) info.op = std::move(draft.op);
  info.kernel = std::move(draft.kernel);
  info.reason = std::move(draft.reason);
  info.units = draft.units;
  info.flops = draft.flops;
  info.arithmetic = draft.arithmetic > 0 ? draft.arithmetic : draft.flops;
  info.bytes = bytes;
  info.constant_bytes = constant_bytes;
  if (!draft.writes.empty()) {
    info.shape = to_string(draft.writes[0].dims);
    info.layout = describe_layout(draft.writes[0]);
  }
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, planned.scratch_bytes);
  plan_.steps.push_back(std::move(planned));
}

Status Lowering::lower(NodeId id) {
  const Node& node = graph_.node(id);
  if (options_.reference) return lower_reference(*this, id, "the session was asked for the reference evaluation");
  const Lower lower_op = find_lowering(node.domain, node.op_type);
  if (lower_op == nullptr) return lower_reference(*this, id, "no native kernel for this operator yet");
  if (takes_any_shape(lower_op)) {
    Declined declined = lower_op(*this, id);
    return declined.empty() ? Status() : lower_reference(*this, id, std::move(declined));
  }
  for (const ValueId input : node.inputs) {
    if (input.valid() && dims(input) == nullptr)
      return lower_reference(*this, id, fmt::format("the shape of '{}' depends on data", graph_.value(input).name));
    if (input.valid() && !are_countable(*dims(input), size_of(dtype(input))))
      return lower_reference(*this, id,
                             fmt::format("'{}' has no elements, but too many rows", graph_.value(input).name));
  }
  for (const ValueId output : node.outputs) {
    if (output.valid() && dims(output) == nullptr) {
      Declined declined = lower_by_amounts(*this, id);
      return declined.empty() ? Status() : lower_reference(*this, id, std::move(declined));
    }
    if (output.valid() && element_count(*dims(output)).value() == 0)
      return lower_reference(*this, id, "the output has no elements");
  }
  if (waits_for_user(*this, id)) {
    waiting_[node.outputs[0]] = id;
    return {};
  }
  return lower_now(id);
}

Status Lowering::lower_now(NodeId id) {
  const Node& node = graph_.node(id);
  const Lower lower_op = find_lowering(node.domain, node.op_type);
  if (lower_op == nullptr) return lower_reference(*this, id, "no native kernel for this operator yet");
  Declined reason = lower_op(*this, id);
  if (reason.empty()) {
    done_[id.index] = true;
    return {};
  }
  return lower_reference(*this, id, std::move(reason));
}

Status Lowering::give_outputs() {
  for (std::uint32_t i = 0; i < graph_.outputs().size(); ++i) {
    const ValueId id = graph_.outputs()[i];
    PlanOutput output{.dtype = dtype(id)};
    const Dims* d = dims(id);
    if (d == nullptr) {
      output.slot = true;
      output.shape = graph_.value(id).type.is_tensor() ? graph_.value(id).type.shape : std::nullopt;
      if (const Tensor* tensor = constant(id)) {
        // A constant of strings: give it a slot of its own by a step.
        (void)tensor;
        CYCLOID_TRY(lower_constant_output(id));
      }
      output.buffer = slot_buffer(slot(id));
      plan_.outputs.push_back(std::move(output));
      continue;
    }
    output.dims = *d;
    const auto written = output_buffers_.find(i);
    if (written == output_buffers_.end()) {
      const Place from = read(id);
      Place to{.dtype = from.dtype, .dims = *d};
      if (const auto now = output_buffers_.find(i); now == output_buffers_.end()) {
        to.buffer = new_buffer({.kind = Buffer::Kind::kOutput, .bytes = to.bytes(), .index = i});
        output_buffers_[i] = to.buffer;
        from.layout == Layout::kRowMajor ? copy(from, to) : convert(from, to);
      }
    }
    output.buffer = output_buffers_.at(i);
    plan_.outputs.push_back(std::move(output));
  }
  return {};
}

Status Lowering::lower_constant_output(ValueId id) {
  add_constant_slot(*this, *graph_.constant(id), slot(id));
  return {};
}

Status Lowering::run() {
  const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const NodeId id = order[i];
    if (done_[id.index]) continue;
    CYCLOID_TRY(check_stop().in(describe(graph_, graph_.node(id))));
    if (!options_.reference && is_late_node(*this, id)) {
      // What does not wait for it goes first, so that it can be read by the same step.
      const std::span<const NodeId> rest = std::span(order).subspan(i);
      for (const NodeId other : rest) {
        if (!done_[other.index] && !is_late_node(*this, other) && is_ready(*this, other)) CYCLOID_TRY(lower(other));
      }
      CYCLOID_TRY(lower_late(*this, late_nodes(*this, rest, done_)));
    } else {
      CYCLOID_TRY(lower(id));
    }
    if (options_.max_memory > 0 && largest_buffer_ > options_.max_memory) {
      return make_error(ErrorCode::kResourceExhausted, "{}: it needs {} bytes, more than the bound of {} (max_memory)",
                        describe(graph_, graph_.node(id)), largest_buffer_, options_.max_memory);
    }
  }
  return give_outputs();
}

std::string describe_layout(const Place& place) {
  if (place.layout == Layout::kRowMajor) return "row-major";
  return place.dense() ? "channels-last" : "channels-last in a concatenation";
}

}  // namespace cycloid
