#include "plan/lowering/body.h"

#include <set>

#include "base/aligned.h"
#include "base/error.h"

namespace cycloid {

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
    const Value value = graph.value(capture);
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
  return align_up(plan.buffers.size() * sizeof(std::byte*)) + align_up(plan.arena_bytes) + align_up(plan.scratch_bytes);
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
  const StepContext context{.base = base_, .scratch = inner_scratch_, .run = &state};
  for (const PlannedStep& step : plan_.steps) {
    if (state.bounds.stop != nullptr) CYCLOID_TRY(state.bounds.stop->check());
    step.step->run(context, 0, step.units);
    if (state.failed.load(std::memory_order_relaxed)) return *state.error;
  }
  return {};
}

}  // namespace cycloid
