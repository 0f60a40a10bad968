#include "base/error.h"
#include "runtime/session_state.h"

namespace cycloid {
namespace {

Result<std::size_t> find(std::span<const ValueInfo> infos, std::string_view what, std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name == name) return i;
    names += (i > 0 ? ", '" : "'") + infos[i].name + "'";
  }
  return invalid_argument("there is no {} '{}'; the model has {}", what, name, names);
}

}  // namespace

RunContext::RunContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunContext::RunContext(RunContext&&) noexcept = default;
RunContext& RunContext::operator=(RunContext&&) noexcept = default;
RunContext::~RunContext() = default;

Status RunContext::bind_input(std::size_t i, const TensorView& tensor) {
  CYCLOID_TRY(state_->session->check_input(i, tensor));
  CYCLOID_TRY(state_->session->set_input(*state_->execution, i, tensor));
  state_->bound[i] = true;
  state_->prepared = false;
  return {};
}

Status RunContext::bind_input(std::string_view name, const TensorView& tensor) {
  CYCLOID_ASSIGN(const std::size_t i, find(state_->session->model.inputs(), "input", name));
  return bind_input(i, tensor);
}

Status RunContext::bind_output(std::size_t i, const MutableTensorView& tensor) {
  const std::size_t count = state_->outputs.size();
  if (i >= count) return invalid_argument("there is no output {}: the model has {}", i, count);
  state_->output_dims[i].assign(tensor.shape.begin(), tensor.shape.end());
  state_->outputs[i] = tensor;
  state_->outputs[i].shape = state_->output_dims[i];
  state_->prepared = false;
  return {};
}

Status RunContext::bind_output(std::string_view name, const MutableTensorView& tensor) {
  CYCLOID_ASSIGN(const std::size_t i, find(state_->session->model.outputs(), "output", name));
  return bind_output(i, tensor);
}

Status RunContext::prepare() {
  State& state = *state_;
  if (state.prepared) return {};
  const std::span<const ValueInfo> inputs = state.session->model.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!state.bound[i]) return invalid_argument("input '{}' is not bound", inputs[i].name);
  }
  Execution& execution = *state.execution;
  const CallBounds bounds(state.session->options);
  CYCLOID_TRY(state.session->prepare(execution));
  const Plan& plan = *execution.memory.plan();
  const WorkBounds bounds_of_run = state.session->bounds_of_run(plan);
  const BoundsScope scope(bounds_of_run);
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    CYCLOID_TRY(state.session->check_output(plan, i, state.outputs[i]));
    execution.outputs[i] = static_cast<std::byte*>(state.outputs[i].data);
    if (execution.outputs[i] != nullptr || plan.outputs[i].slot) continue;
    CYCLOID_ASSIGN(state.owned[i], Tensor::zeros(plan.outputs[i].dtype, plan.outputs[i].dims)
                                       .in(fmt::format("output '{}'", state.session->model.outputs()[i].name)));
    execution.outputs[i] = state.owned[i].mutable_bytes();
  }
  CYCLOID_TRY(execution.memory.bind(execution.inputs, execution.outputs));
  state.times = {};
  state.prepared = true;
  return {};
}

Status RunContext::run() {
  State& state = *state_;
  CYCLOID_TRY(prepare());
  const CallBounds bounds(state.session->options);
  Execution& execution = *state.execution;
  bool slots = false;
  for (std::size_t i = 0; i < state.outputs.size(); ++i) slots = slots || execution.memory.plan()->outputs[i].slot;
  // A run empties the slots of inputs when it is done with them.
  if (execution.memory.plan()->slot_count > 0) CYCLOID_TRY(execution.memory.bind(execution.inputs, execution.outputs));
  CYCLOID_TRY(state.session->run(execution, state.profiling ? &state.times : nullptr));
  if (!slots) return {};
  for (std::size_t i = 0; i < state.outputs.size(); ++i)
    CYCLOID_TRY(state.session->copy_output(execution, i, state.outputs[i]));
  return {};
}

Result<AnyValue> RunContext::output(std::size_t i) const {
  const State& state = *state_;
  if (i >= state.outputs.size())
    return invalid_argument("there is no output {}: the model has {}", i, state.outputs.size());
  if (!state.prepared) return invalid_argument("output {} is asked for before a run", i);
  const PlanOutput& output = state.execution->memory.plan()->outputs[i];
  if (output.slot) return AnyValue(state.execution->memory.slot_output(i));
  return AnyValue::borrow({output.dtype, output.dims, state.execution->outputs[i], output.bytes()}, nullptr);
}

Result<std::vector<std::int64_t>> RunContext::output_shape(std::size_t i) const {
  const State& state = *state_;
  if (i >= state.outputs.size())
    return invalid_argument("there is no output {}: the model has {}", i, state.outputs.size());
  if (!state.prepared) return invalid_argument("the shape of output {} is asked for before prepare()", i);
  const PlanOutput& output = state.execution->memory.plan()->outputs[i];
  if (!output.slot) return output.dims;
  const Tensor* tensor = state.execution->memory.slot_output(i).tensor();
  if (tensor == nullptr)
    return invalid_argument("the shape of output '{}' depends on data: run first",
                            state.session->model.outputs()[i].name);
  return tensor->dims();
}

Result<PlanInfo> RunContext::plan() const {
  if (!state_->prepared) return invalid_argument("the plan is asked for before prepare()");
  return state_->execution->memory.plan()->info;
}

void RunContext::set_profiling(bool on) {
  state_->profiling = on;
  state_->times = {};
}

std::vector<StepProfile> RunContext::profile() const { return state_->times.steps; }

std::vector<StepSpan> RunContext::spans() const {
  std::vector<StepSpan> spans;
  if (state_->times.spans.empty()) return spans;
  const std::size_t threads = state_->times.spans.size() / state_->times.steps.size();
  for (std::size_t i = 0; i < state_->times.spans.size(); ++i) {
    const StepTimes::Span& span = state_->times.spans[i];
    if (span.end > 0)
      spans.push_back({static_cast<std::uint32_t>(i / threads), static_cast<int>(i % threads), span.begin, span.end});
  }
  return spans;
}

}  // namespace cycloid
