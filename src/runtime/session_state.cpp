#include "runtime/session_state.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace cycloid {
namespace {

std::string describe_view(DType dtype, std::span<const std::int64_t> shape) {
  return fmt::format("{} {}", to_string(dtype), to_string(Dims(shape.begin(), shape.end())));
}

// Whether `bytes` at `data` hold `count` elements.
Status check_memory(DType dtype, std::int64_t count, const void* data, std::size_t bytes) {
  const std::size_t each = dtype == DType::kString ? sizeof(std::string) : size_of(dtype);
  if (static_cast<std::size_t>(count) > SIZE_MAX / each) return invalid_argument("it has too many elements");
  const std::size_t needed = static_cast<std::size_t>(count) * each;
  if (bytes < needed) return invalid_argument("its memory has {} bytes, but {} are needed", bytes, needed);
  if (needed > 0 && data == nullptr) return invalid_argument("its memory is null");
  return {};
}

// The elements of a shape; nullopt where a size is negative or the product overflows. Allocates nothing.
std::optional<std::int64_t> count_of(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return {};
  }
  return count;
}

}  // namespace

Status Session::State::check_input(std::size_t i, const TensorView& view) const {
  if (i >= model.inputs().size())
    return invalid_argument("there is no input {}: the model has {}", i, model.inputs().size());
  const ValueInfo& info = model.inputs()[i];
  const auto wrong = [&](std::string_view what) { return invalid_argument("input '{}': {}", info.name, what); };
  if (info.kind != ValueInfo::Kind::kTensor && info.kind != ValueInfo::Kind::kUnknown &&
      info.kind != ValueInfo::Kind::kOptional) {
    return wrong(fmt::format("it is {}, not a tensor; use evaluate()", info.type));
  }
  bool fits = view.dtype != DType::kUndefined && (info.dtype == DType::kUndefined || view.dtype == info.dtype);
  if (fits && info.has_rank) {
    fits = view.shape.size() == info.shape.size();
    for (std::size_t d = 0; fits && d < view.shape.size(); ++d)
      fits = info.shape[d] < 0 || view.shape[d] == info.shape[d];
  }
  if (!fits)
    return wrong(fmt::format("{} is expected, but {} was given", info.type, describe_view(view.dtype, view.shape)));
  const std::optional<std::int64_t> count = count_of(view.shape);
  if (!count)
    return wrong(fmt::format("{} has a negative size or too many elements", describe_view(view.dtype, view.shape)));
  if (Status status = check_memory(view.dtype, *count, view.data, view.bytes); !status)
    return wrong(status.error().message());
  return {};
}

Status Session::State::check_output(const Plan& plan, std::size_t i, const MutableTensorView& view) const {
  const ValueInfo& info = model.outputs()[i];
  const PlanOutput& output = plan.outputs[i];
  if (view.data == nullptr && view.bytes == 0) return {};
  const auto wrong = [&](std::string_view what) { return invalid_argument("output '{}': {}", info.name, what); };
  if (output.slot) {
    if (info.kind != ValueInfo::Kind::kTensor && info.kind != ValueInfo::Kind::kUnknown)
      return wrong(fmt::format("it is {}, not a tensor; use evaluate()", info.type));
    return {};  // checked when its shape is known
  }
  const std::optional<std::int64_t> count = count_of(output.dims);
  if (!count || view.dtype != output.dtype || !std::ranges::equal(view.shape, output.dims)) {
    return wrong(fmt::format("the model gives {}, but the memory is for {}", describe_view(output.dtype, output.dims),
                             describe_view(view.dtype, view.shape)));
  }
  if (Status status = check_memory(output.dtype, *count, view.data, view.bytes); !status)
    return wrong(status.error().message());
  return {};
}

Status Session::State::set_input(Execution& execution, std::size_t i, const TensorView& view) const {
  execution.input_dims[i].assign(view.shape.begin(), view.shape.end());
  execution.inputs[i] = {.data = static_cast<const std::byte*>(view.data)};
  if (view.dtype == DType::kString || model.inputs()[i].kind != ValueInfo::Kind::kTensor ||
      model.inputs()[i].dtype == DType::kUndefined) {
    CYCLOID_ASSIGN(const AnyValue copy, AnyValue::copy_of(view));
    execution.input_values[i] = copy.datum();
    execution.inputs[i].datum = &execution.input_values[i];
  }
  return {};
}

Status Session::State::set_input(Execution& execution, std::size_t i, const AnyValue& value) const {
  const ValueInfo& info = model.inputs()[i];
  if (value.kind() == AnyValue::Kind::kTensor) CYCLOID_TRY(check_input(i, value.tensor()));
  const AnyValue::Kind kind = value.kind();
  const bool fits = info.kind == ValueInfo::Kind::kUnknown || info.kind == ValueInfo::Kind::kOptional ||
                    (info.kind == ValueInfo::Kind::kTensor && kind == AnyValue::Kind::kTensor) ||
                    (info.kind == ValueInfo::Kind::kSequence && kind == AnyValue::Kind::kSequence) ||
                    (info.kind == ValueInfo::Kind::kMap && kind == AnyValue::Kind::kMap);
  if (!fits)
    return invalid_argument("input '{}': {} is expected, but a value of another kind was given", info.name, info.type);
  execution.input_values[i] = value.datum();
  execution.inputs[i] = {.datum = &execution.input_values[i]};
  execution.input_dims[i].clear();
  if (const Tensor* tensor = execution.input_values[i].tensor()) {
    execution.input_dims[i] = tensor->dims();
    if (tensor->dtype() != DType::kString) execution.inputs[i].data = tensor->bytes();
  }
  return {};
}

Status Session::State::prepare(Execution& execution) {
  if (execution.memory.plan() != nullptr && execution.memory.plan()->input_dims == execution.input_dims) return {};
  std::shared_ptr<const Plan> plan = plans.find(execution.input_dims);
  if (plan == nullptr) {
    std::vector<std::optional<Dims>> dims(execution.input_dims.size());
    std::map<std::string, std::pair<std::int64_t, std::string>> sizes;  // symbol -> size, and where it was seen
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const ValueInfo& info = model.inputs()[i];
      if (info.kind != ValueInfo::Kind::kTensor) continue;
      dims[i] = execution.input_dims[i];
      for (std::size_t d = 0; d < info.symbols.size(); ++d) {
        if (info.symbols[d].empty()) continue;
        const auto [seen, fresh] = sizes.try_emplace(info.symbols[d], (*dims[i])[d], info.name);
        if (!fresh && seen->second.first != (*dims[i])[d]) {
          return invalid_argument("input '{}': its size {} ('{}') is {}, but in input '{}' it is {}", info.name, d,
                                  info.symbols[d], (*dims[i])[d], seen->second.second, seen->second.first);
        }
      }
    }
    CYCLOID_ASSIGN(plan, plans.make(dims));
  }
  return execution.memory.prepare(std::move(plan));
}

std::shared_ptr<MemoryBudget> Session::State::budget_for(const Plan& plan) const {
  if (options.max_memory == 0) return nullptr;
  const std::size_t own = plan.arena_bytes + plan.scratch_bytes * static_cast<std::size_t>(plan.threads);
  return std::make_shared<MemoryBudget>(options.max_memory - std::min(options.max_memory, own));
}

WorkBounds Session::State::bounds_of_run(const Plan& plan) const {
  WorkBounds bounds = work_bounds() != nullptr ? *work_bounds() : WorkBounds();
  bounds.memory = budget_for(plan);
  return bounds;
}

Status Session::State::run(Execution& execution, StepTimes* times) {
  const Plan& plan = *execution.memory.plan();
  WorkBounds& bounds = execution.memory.state().bounds;
  if (const WorkBounds* in_force = work_bounds()) bounds = *in_force;
  if (bounds.memory == nullptr) bounds.memory = budget_for(plan);
  ThreadTeam* use = nullptr;
  if (plan.threads > 1 && team != nullptr && !team_busy_.exchange(true, std::memory_order_acquire)) use = team.get();
  Status status = execute(execution.memory, use, !options.denormals, times);
  if (use != nullptr) team_busy_.store(false, std::memory_order_release);
  bounds = {};
  return status;
}

Status Session::State::copy_output(const Execution& execution, std::size_t i, const MutableTensorView& view) const {
  if (!execution.memory.plan()->outputs[i].slot || (view.data == nullptr && view.bytes == 0)) return {};
  const std::string& name = model.outputs()[i].name;
  const Tensor* tensor = execution.memory.slot_output(i).tensor();
  if (tensor == nullptr) return invalid_argument("output '{}': it is no tensor; use evaluate()", name);
  if (tensor->dtype() != view.dtype || !std::ranges::equal(tensor->dims(), view.shape)) {
    return invalid_argument("output '{}': the model gave {}, but the memory is for {}", name,
                            describe_view(tensor->dtype(), tensor->dims()), describe_view(view.dtype, view.shape));
  }
  if (Status status = check_memory(tensor->dtype(), tensor->element_count(), view.data, view.bytes); !status) {
    return invalid_argument("output '{}': {}", name, status.error().message());
  }
  if (tensor->dtype() == DType::kString) {
    std::ranges::copy(tensor->data<std::string>(), static_cast<std::string*>(view.data));
  } else if (tensor->byte_count() > 0) {
    std::memcpy(view.data, tensor->bytes(), tensor->byte_count());
  }
  return {};
}

Result<std::vector<AnyValue>> Session::State::run_owned(Execution& execution) {
  CYCLOID_TRY(prepare(execution));
  const Plan& plan = *execution.memory.plan();
  const WorkBounds bounds = bounds_of_run(plan);
  const BoundsScope scope(bounds);
  std::vector<Tensor> tensors(plan.outputs.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    execution.outputs[i] = nullptr;
    if (plan.outputs[i].slot) continue;
    CYCLOID_ASSIGN(tensors[i], Tensor::empty(plan.outputs[i].dtype, plan.outputs[i].dims));
    execution.outputs[i] = tensors[i].mutable_bytes();
  }
  CYCLOID_TRY(execution.memory.bind(execution.inputs, execution.outputs));
  CYCLOID_TRY(run(execution, nullptr));
  std::vector<AnyValue> values;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    values.emplace_back(plan.outputs[i].slot ? execution.memory.slot_output(i) : Datum(std::move(tensors[i])));
  }
  return values;
}

std::unique_ptr<Execution> Session::State::new_execution() const {
  auto execution = std::make_unique<Execution>();
  const std::size_t inputs = model.inputs().size();
  execution->input_dims.resize(inputs);
  for (Dims& dims : execution->input_dims) dims.reserve(8);
  execution->inputs.resize(inputs);
  execution->input_values.resize(inputs);
  execution->outputs.resize(model.outputs().size());
  return execution;
}

std::unique_ptr<Execution> Session::State::take(std::span<const TensorView> inputs) {
  {
    const std::lock_guard guard(idle_lock_);
    const auto ready = std::ranges::find_if(idle_, [&](const std::unique_ptr<Execution>& execution) {
      return std::ranges::equal(execution->input_dims, inputs, [](const Dims& dims, const TensorView& view) {
        return std::ranges::equal(dims, view.shape);
      });
    });
    if (!idle_.empty()) {
      const auto best = ready != idle_.end() ? ready : idle_.end() - 1;
      std::unique_ptr<Execution> execution = std::move(*best);
      *best = std::move(idle_.back());
      idle_.pop_back();
      return execution;
    }
  }
  return new_execution();
}

std::unique_ptr<Execution> Session::State::take() { return take(std::span<const TensorView>()); }

void Session::State::give_back(std::unique_ptr<Execution> execution) {
  for (Datum& value : execution->input_values) value = Datum();
  const std::lock_guard guard(idle_lock_);
  idle_.push_back(std::move(execution));
}

}  // namespace cycloid
