#include "cycloid/session.h"

#include <algorithm>
#include <cmath>

#include "base/cgroup.h"
#include "base/error.h"
#include "plan/tune/tuner.h"
#include "runtime/session_state.h"

namespace cycloid {
namespace {

// An execution that goes back to the session at the end of its scope.
template <class State>
class Borrowed {
 public:
  Borrowed(State& session, std::unique_ptr<Execution> execution)
      : session_(session), execution_(std::move(execution)) {}
  ~Borrowed() { session_.give_back(std::move(execution_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Execution& operator*() const { return *execution_; }

 private:
  State& session_;
  std::unique_ptr<Execution> execution_;
};

Status check_count(std::string_view what, std::size_t given, std::span<const ValueInfo> infos) {
  if (given == infos.size()) return {};
  std::string names;
  for (const ValueInfo& info : infos) names += (names.empty() ? "'" : ", '") + info.name + "'";
  return invalid_argument("{} {} were given, but the model has {}: {}", given, what, infos.size(), names);
}

std::optional<std::size_t> find_name(std::span<const ValueInfo> infos, std::string_view name) {
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name == name) return i;
  }
  return {};
}

}  // namespace

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Model& model, const SessionOptions& options) {
  SessionOptions in_force = options;
  if (options.threads < 0 || options.threads > ThreadTeam::kMaxThreads) {
    return invalid_argument("threads is {}, but must be from 0 (all) to {}", options.threads, ThreadTeam::kMaxThreads);
  }
  if (!(options.timeout_ms >= 0))
    return invalid_argument("timeout is {} ms, but must not be negative", options.timeout_ms);
  if (options.max_plans < 1) return invalid_argument("max_plans is {}, but must be at least 1", options.max_plans);
  if (options.spin_microseconds < 0)
    return invalid_argument("spin_microseconds is {}, but must not be negative", options.spin_microseconds);
  CYCLOID_ASSIGN(const Isa isa, options.isa.empty() ? choose_isa() : parse_isa(options.isa));
  in_force.isa = to_string(isa);
  if (in_force.threads == 0) in_force.threads = usable_cpus();
  std::unique_ptr<ThreadTeam> team;
  if (in_force.threads > 1) {
    CYCLOID_ASSIGN(team, ThreadTeam::create({.threads = in_force.threads,
                                             .pin = options.pin_threads,
                                             .flush_denormals = !options.denormals,
                                             .spin_microseconds = options.spin_microseconds}));
  }
  if (options.tune_milliseconds < 0)
    return invalid_argument("tune_milliseconds is {}, but must not be negative", options.tune_milliseconds);
  std::shared_ptr<Tuner> tuner;
  if (options.tune && !options.reference) {
    if (in_force.tune_cache.empty()) in_force.tune_cache = tune_cache_path();
    tuner = std::make_shared<Tuner>(in_force.tune_cache, options.tune_milliseconds * 1e-3);
  }
  const PlanOptions plan_options{.threads = in_force.threads,
                                 .isa = isa,
                                 .strict = options.strict,
                                 .subnormals = options.denormals,
                                 .reference = options.reference,
                                 .max_memory = options.max_memory,
                                 .tuner = std::move(tuner)};
  Session session(std::make_unique<State>(model, std::move(in_force), plan_options, std::move(team)));

  bool fixed = true;
  for (const ValueInfo& info : model.inputs()) {
    fixed = fixed && (info.kind != ValueInfo::Kind::kTensor || info.has_rank);
    for (const std::int64_t size : info.shape) fixed = fixed && size >= 0;
  }
  if (fixed) {
    const CallBounds bounds(session.state_->options);
    std::unique_ptr<Execution> execution = session.state_->new_execution();
    for (std::size_t i = 0; i < model.inputs().size(); ++i) execution->input_dims[i] = model.inputs()[i].shape;
    CYCLOID_TRY(session.state_->prepare(*execution));
    session.state_->give_back(std::move(execution));
  }
  return session;
}

std::span<const ValueInfo> Session::inputs() const { return state_->model.inputs(); }
std::span<const ValueInfo> Session::outputs() const { return state_->model.outputs(); }
std::optional<std::size_t> Session::find_input(std::string_view name) const { return find_name(inputs(), name); }
std::optional<std::size_t> Session::find_output(std::string_view name) const { return find_name(outputs(), name); }
const SessionOptions& Session::options() const { return state_->options; }

Status Session::run(std::span<const TensorView> inputs, std::span<const MutableTensorView> outputs) const {
  State& state = *state_;
  CYCLOID_TRY(check_count("inputs", inputs.size(), this->inputs()));
  CYCLOID_TRY(check_count("outputs", outputs.size(), this->outputs()));
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(state.check_input(i, inputs[i]));
  const CallBounds bounds(state.options);
  const Borrowed borrowed(state, state.take(inputs));
  Execution& execution = *borrowed;
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(state.set_input(execution, i, inputs[i]));
  CYCLOID_TRY(state.prepare(execution));
  const Plan& plan = *execution.memory.plan();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CYCLOID_TRY(state.check_output(plan, i, outputs[i]));
    execution.outputs[i] = static_cast<std::byte*>(outputs[i].data);
  }
  CYCLOID_TRY(execution.memory.bind(execution.inputs, execution.outputs));
  CYCLOID_TRY(state.run(execution, nullptr));
  for (std::size_t i = 0; i < outputs.size(); ++i) CYCLOID_TRY(state.copy_output(execution, i, outputs[i]));
  return {};
}

Result<std::vector<AnyValue>> Session::run(std::span<const TensorView> inputs) const {
  State& state = *state_;
  CYCLOID_TRY(check_count("inputs", inputs.size(), this->inputs()));
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(state.check_input(i, inputs[i]));
  const CallBounds bounds(state.options);
  const Borrowed borrowed(state, state.take(inputs));
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(state.set_input(*borrowed, i, inputs[i]));
  return state.run_owned(*borrowed);
}

Result<std::vector<AnyValue>> Session::evaluate(std::span<const AnyValue> inputs) const {
  State& state = *state_;
  CYCLOID_TRY(check_count("inputs", inputs.size(), this->inputs()));
  const CallBounds bounds(state.options);
  const Borrowed borrowed(state, state.take());
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(state.set_input(*borrowed, i, inputs[i]));
  return state.run_owned(*borrowed);
}

namespace {

template <class State>
Result<std::shared_ptr<const Plan>> plan_for(State& state, std::span<const Session::ShapeView> input_shapes) {
  const std::span<const ValueInfo> inputs = state.model.inputs();
  CYCLOID_TRY(check_count("input shapes", input_shapes.size(), inputs));
  std::unique_ptr<Execution> execution = state.new_execution();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& info = inputs[i];
    const Dims dims(input_shapes[i].begin(), input_shapes[i].end());
    bool fits = !info.has_rank || dims.size() == info.shape.size();
    for (std::size_t d = 0; fits && info.has_rank && d < dims.size(); ++d)
      fits = dims[d] >= 0 && (info.shape[d] < 0 || info.shape[d] == dims[d]);
    if (!fits || !element_count(dims))
      return invalid_argument("input '{}': {} is expected, but the shape {} was given", info.name, info.type,
                              to_string(dims));
    execution->input_dims[i] = dims;
  }
  const CallBounds bounds(state.options);
  CYCLOID_TRY(state.prepare(*execution));
  std::shared_ptr<const Plan> plan = execution->memory.plan();
  state.give_back(std::move(execution));
  return plan;
}

}  // namespace

Result<std::vector<std::optional<std::vector<std::int64_t>>>> Session::output_shapes(
    std::span<const ShapeView> input_shapes) const {
  CYCLOID_ASSIGN(const std::shared_ptr<const Plan> plan, plan_for(*state_, input_shapes));
  std::vector<std::optional<std::vector<std::int64_t>>> shapes;
  for (const PlanOutput& output : plan->outputs) {
    auto& shape = shapes.emplace_back();
    if (!output.slot) shape = output.dims;
    if (!output.slot || !output.shape) continue;
    shape.emplace();
    for (const Dim& dim : *output.shape) shape->push_back(dim.known().value_or(-1));
  }
  return shapes;
}

Result<PlanInfo> Session::plan(std::span<const ShapeView> input_shapes) const {
  std::vector<ShapeView> fixed;
  if (input_shapes.empty()) {
    for (const ValueInfo& info : inputs()) fixed.emplace_back(info.shape);
    input_shapes = fixed;
  }
  CYCLOID_ASSIGN(const std::shared_ptr<const Plan> plan, plan_for(*state_, input_shapes));
  return plan->info;
}

RunContext Session::new_context() const {
  auto state = std::make_unique<RunContext::State>();
  state->session = state_.get();
  state->execution = state_->new_execution();
  state->bound.assign(inputs().size(), false);
  state->outputs.resize(outputs().size());
  state->output_dims.resize(outputs().size());
  state->owned.resize(outputs().size());
  return RunContext(std::move(state));
}

}  // namespace cycloid
