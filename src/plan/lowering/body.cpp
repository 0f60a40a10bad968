#include "plan/lowering/body.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>

#include "base/aligned.h"
#include "base/error.h"
#include "base/helpers.h"

namespace cycloid {
namespace {

Status check_fits(DType dtype, const Dims& dims, const Place& place) {
  if (dtype == place.dtype && dims == place.dims) return {};
  return invalid_model("an output is {} {}, but {} {} was inferred", to_string(dtype), to_string(dims),
                       to_string(place.dtype), to_string(place.dims));
}

Status copy_to(const StepContext& context, const Datum& datum, const Place& place) {
  const Tensor* tensor = datum.tensor();
  if (tensor == nullptr) return invalid_model("an output is no tensor");
  CYCLOID_TRY(check_fits(tensor->dtype(), tensor->dims(), place));
  if (tensor->byte_count() > 0) std::memcpy(context.at<std::byte>(place), tensor->bytes(), tensor->byte_count());
  return {};
}

}  // namespace

Operand read_operand(Lowering& lowering, ValueId id, Lowering::Draft& draft) {
  Operand operand;
  if (!id.valid()) return operand;
  if (lowering.dims(id) != nullptr) {
    operand.kind = Operand::Kind::kPlace;
    operand.place = lowering.read(id, Layout::kRowMajor);
    draft.reads.push_back(operand.place);
  } else if (lowering.constant(id) == nullptr) {
    operand.kind = Operand::Kind::kSlot;
    operand.slot = lowering.slot(id);
    draft.uses.push_back({.buffer = lowering.slot_buffer(operand.slot)});
  }
  return operand;
}

Operand write_operand(Lowering& lowering, ValueId id, Lowering::Draft& draft) {
  Operand operand;
  if (!id.valid()) return operand;
  if (lowering.dims(id) != nullptr) {
    operand.kind = Operand::Kind::kPlace;
    operand.place = lowering.define(id, Layout::kRowMajor);
    draft.writes.push_back(operand.place);
  } else {
    operand.kind = Operand::Kind::kSlot;
    operand.slot = lowering.slot(id);
    draft.uses.push_back({.buffer = lowering.slot_buffer(operand.slot), .write = true});
  }
  return operand;
}

Result<Body> plan_body(Lowering& lowering, const Graph& graph, std::vector<std::optional<Dims>> dims,
                       Lowering::Draft& draft) {
  ModelIr ir;
  ir.graph = graph;
  ir.opsets = lowering.model().opsets;
  ir.functions = lowering.model().functions;
  ir.ir_version = lowering.model().ir_version;
  Body body;
  const std::vector<ValueId> captures(graph.captures().begin(), graph.captures().end());
  for (const ValueId capture : captures) {
    const Value& value = graph.value(capture);
    ValueId stands_for;
    if (const Tensor* constant = lowering.constant(value.outer)) {
      stands_for = ir.graph.add_constant(value.name, *constant);
    } else {
      stands_for = ir.graph.add_input(value.name, lowering.graph().value(value.outer).type);
      const Dims* known = lowering.dims(value.outer);
      dims.push_back(known == nullptr ? std::nullopt : std::optional(*known));
      body.captures.push_back(read_operand(lowering, value.outer, draft));
    }
    ir.graph.replace_uses(capture, stands_for);
  }
  ir.graph.remove_dead();
  PlanOptions options = lowering.options();
  options.threads = 1;
  CYCLOID_ASSIGN(body.plan, build_plan(std::make_shared<const ModelIr>(std::move(ir)), dims, options));
  return body;
}

std::string describe_body(const Plan& plan) {
  if (plan.info.reference_steps == 0) return {};
  std::set<std::string> ops;
  for (const StepInfo& step : plan.info.steps) {
    if (step.kernel == "reference") ops.insert(step.op);
  }
  std::string text =
      fmt::format("{} of {} steps of the body by reference evaluation:", plan.info.reference_steps, plan.steps.size());
  for (const std::string& op : ops) text += " " + op;
  return text;
}

double cost_of_body(const Plan& plan) {
  double cost = 0;
  for (const PlannedStep& step : plan.steps) cost += step.cost;
  return cost;
}

std::size_t BodyRun::scratch_bytes(const Plan& plan) {
  return align_up(plan.buffers.size() * sizeof(std::byte*)) + align_up(plan.arena_bytes) +
         static_cast<std::size_t>(plan.threads) * align_up(plan.scratch_bytes);
}

BodyRun::BodyRun(const Body& body, const StepContext& outer, std::byte* scratch)
    : plan_(*body.plan), outer_(*outer.run), base_(reinterpret_cast<std::byte**>(scratch)) {
  std::byte* arena = scratch + align_up(plan_.buffers.size() * sizeof(std::byte*));
  inner_scratch_ = arena + align_up(plan_.arena_bytes);
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& buffer = plan_.buffers[i];
    base_[i] = buffer.kind == Buffer::Kind::kArena      ? arena + buffer.offset
               : buffer.kind == Buffer::Kind::kConstant ? const_cast<std::byte*>(buffer.constant)
                                                        : nullptr;
  }
  slots_.resize(plan_.slot_count);
  for (std::size_t i = 0; i < body.captures.size(); ++i) {
    const Operand& operand = body.captures[i];
    if (operand.kind == Operand::Kind::kPlace) set_input(body.inputs() + i, outer.at<const std::byte>(operand.place));
    if (operand.kind == Operand::Kind::kSlot) set_input(body.inputs() + i, outer.run->slots[operand.slot]);
  }
}

void BodyRun::set_input(std::size_t i, const std::byte* data) {
  if (plan_.inputs[i]) base_[plan_.inputs[i]->index] = const_cast<std::byte*>(data);
}

void BodyRun::set_input(std::size_t i, Datum datum) {
  if (plan_.inputs[i]) slots_[plan_.buffers[plan_.inputs[i]->index].index] = std::move(datum);
}

Status BodyRun::run() {
  RunState state;
  state.slots = slots_.data();
  state.bounds = outer_.bounds;
  const Helpers* const helpers = current_helpers();
  const bool shares = plan_.threads > 1 && helpers != nullptr && helpers->threads() <= plan_.threads;
  for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
    const Stage& stage = plan_.stages[i];
    if (state.bounds.stop != nullptr) CYCLOID_TRY(state.bounds.stop->check());
    if (shares && stage.shared) {
      share(i, state);
    } else {
      for (std::uint32_t s = stage.begin; s < stage.end; ++s)
        plan_.steps[s].step->run(context(state, 0), 0, plan_.steps[s].units);
    }
    if (state.failed.load(std::memory_order_acquire)) return *state.error;
  }
  return {};
}

Status BodyRun::run_into(const StepContext& outer, std::span<const Operand> outputs) {
  std::vector<Tensor> made;  // empty where none is needed: a branch whose shapes are known allocates nothing
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const PlanOutput& output = plan_.outputs[i];
    if (output.slot) continue;
    if (outputs[i].kind == Operand::Kind::kPlace) {
      CYCLOID_TRY(check_fits(output.dtype, output.dims, outputs[i].place));
      set_output(i, outer.at<std::byte>(outputs[i].place));
      continue;
    }
    made.resize(outputs.size());
    CYCLOID_ASSIGN(made[i], Tensor::empty(output.dtype, output.dims));
    set_output(i, made[i].mutable_bytes());
  }
  CYCLOID_TRY(run());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Operand& to = outputs[i];
    const bool in_slot = plan_.outputs[i].slot;
    if (to.kind == Operand::Kind::kSlot && in_slot) outer.run->slots[to.slot] = slot_output(i);
    if (to.kind == Operand::Kind::kSlot && !in_slot) outer.run->slots[to.slot] = Datum(std::move(made[i]));
    if (to.kind == Operand::Kind::kPlace && in_slot) CYCLOID_TRY(copy_to(outer, slot_output(i), to.place));
  }
  return {};
}

StepContext BodyRun::context(RunState& state, int thread) const {
  return {.base = base_,
          .scratch = inner_scratch_ + static_cast<std::size_t>(thread) * align_up(plan_.scratch_bytes),
          .run = &state};
}

// The pieces of all threads, in turns.
void BodyRun::share(std::size_t stage, RunState& state) const {
  const auto threads = static_cast<std::size_t>(plan_.threads);
  const std::span<const std::vector<Work>> work = std::span(plan_.work).subspan(stage * threads, threads);
  std::size_t most = 0;
  for (const std::vector<Work>& pieces : work) most = std::max(most, pieces.size());
  current_helpers()->share(static_cast<std::int64_t>(most * threads), [&](std::int64_t part, int helper) {
    const std::vector<Work>& pieces = work[static_cast<std::size_t>(part) % threads];
    const std::size_t at = static_cast<std::size_t>(part) / threads;
    if (at >= pieces.size()) return;
    const Work& piece = pieces[at];
    plan_.steps[piece.step].step->run(context(state, helper), piece.begin, piece.end);
  });
}

}  // namespace cycloid
