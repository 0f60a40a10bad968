// What Session and RunContext share.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/spin_lock.h"
#include "base/threads.h"
#include "base/work_bounds.h"
#include "cycloid/session.h"
#include "runtime/executor.h"
#include "runtime/plan_cache.h"
#include "runtime/run_memory.h"

namespace cycloid {

// A run's memory with what is bound to it; the vectors keep their capacity, so that binding again allocates nothing.
struct Execution {
  RunMemory memory;
  std::vector<Dims> input_dims;
  std::vector<RunInput> inputs;
  std::vector<Datum> input_values;  // of inputs that are no plain tensors
  std::vector<std::byte*> outputs;
};

// The bounds of one call of the user: made on the calling thread, and in force on it until the call ends.
class CallBounds {
 public:
  explicit CallBounds(const SessionOptions& options) {
    if (options.timeout_ms <= 0 && !options.interrupted) return;
    stop_.emplace(StopSignal::Options{.timeout_ms = options.timeout_ms,
                                      .interrupted = options.interrupted ? &options.interrupted : nullptr});
    bounds_.stop = &*stop_;
    scope_.emplace(bounds_);
  }

 private:
  std::optional<StopSignal> stop_;
  WorkBounds bounds_;
  std::optional<BoundsScope> scope_;
};

struct Session::State {
  State(const Model& of, SessionOptions in_force, PlanOptions plan_options, std::unique_ptr<ThreadTeam> threads)
      : model(of),
        options(std::move(in_force)),
        team(std::move(threads)),
        plans(of.ir(), std::move(plan_options), static_cast<std::size_t>(options.max_plans)) {}

  Model model;
  SessionOptions options;
  std::unique_ptr<ThreadTeam> team;  // null for one thread
  PlanCache plans;

  // --- Checks of what callers pass; errors name the input or output.
  Status check_input(std::size_t i, const TensorView& view) const;
  Status check_output(const Plan& plan, std::size_t i, const MutableTensorView& view) const;
  // Sets input i of the execution to the view, which check_input() has passed.
  Status set_input(Execution& execution, std::size_t i, const TensorView& view) const;
  Status set_input(Execution& execution, std::size_t i, const AnyValue& value) const;

  // The plan for the execution's input dims, made ready in its memory.
  Status prepare(Execution& execution);
  // Runs what is bound, under the bounds in force on this thread: with the team if it is free, else on this thread alone.
  Status run(Execution& execution, StepTimes* times);
  // Copies output i, which is in a slot, into the view.
  Status copy_output(const Execution& execution, std::size_t i, const MutableTensorView& view) const;
  // Output i as a value; those not in slots were written to `memory`.
  Result<std::vector<AnyValue>> run_owned(Execution& execution);

  // The bounds in force on this thread, with the memory that max_memory leaves a run beside its arena and scratch.
  WorkBounds bounds_of_run(const Plan& plan) const;

  // An execution that nobody uses; best one that is ready for these shapes.
  std::unique_ptr<Execution> take();
  std::unique_ptr<Execution> take(std::span<const TensorView> inputs);
  void give_back(std::unique_ptr<Execution> execution);
  std::unique_ptr<Execution> new_execution() const;

 private:
  // That memory; null where there is no bound.
  std::shared_ptr<MemoryBudget> budget_for(const Plan& plan) const;

  SpinLock idle_lock_;
  std::vector<std::unique_ptr<Execution>> idle_;  // capacity is reserved, so that giving back seldom allocates
  std::atomic<bool> team_busy_{false};
};

struct RunContext::State {
  Session::State* session = nullptr;
  std::unique_ptr<Execution> execution;
  std::vector<bool> bound;                 // by input
  std::vector<MutableTensorView> outputs;  // as bound; shape spans point into output_dims
  std::vector<Dims> output_dims;
  std::vector<Tensor> owned;  // outputs that are not bound
  bool prepared = false;      // the memory is ready for what is bound
  bool profiling = false;
  StepTimes times;
};

}  // namespace cycloid
