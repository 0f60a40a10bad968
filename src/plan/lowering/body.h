// The bodies of If, Loop and Scan as plans of their own, and their runs within a step of the outer plan.
#pragma once

#include <memory>
#include <vector>

#include "plan/lowering/lowering.h"

namespace cycloid {

// A value of the outer graph as a step sees it.
struct Operand {
  enum class Kind { kAbsent, kPlace, kSlot };
  Kind kind = Kind::kAbsent;
  Place place;
  std::uint32_t slot = 0;
};

// The value for reading, row-major; noted in `draft`. Constants without a plain form (strings) have no operand: absent.
Operand read_operand(Lowering& lowering, ValueId id, Lowering::Draft& draft);
// The value for writing, once.
Operand write_operand(Lowering& lowering, ValueId id, Lowering::Draft& draft);

// A body made ready. Its inputs are those of the graph that was given, then one for each captured value that is no
// constant.
struct Body {
  std::shared_ptr<const Plan> plan;
  std::vector<Operand> captures;

  std::size_t inputs() const { return plan->inputs.size() - captures.size(); }
};

// Plans `graph` for inputs of these dims (nullopt: known in the run), in one thread. Adds what it captures to `draft`.
Result<Body> plan_body(Lowering& lowering, const Graph& graph, std::vector<std::optional<Dims>> dims,
                       Lowering::Draft& draft);

// "2 of 7 steps of the body by reference evaluation: Foo, Bar", or nothing.
std::string describe_body(const Plan& plan);
double cost_of_body(const Plan& plan);

// One body within a step: its memory is part of the step's scratch.
class BodyRun {
 public:
  // For all threads of the plan.
  static std::size_t scratch_bytes(const Plan& plan);

  // Binds the captures.
  BodyRun(const Body& body, const StepContext& outer, std::byte* scratch);

  void set_input(std::size_t i, const std::byte* data);
  void set_input(std::size_t i, Datum datum);
  // Of an output that is in no slot.
  void set_output(std::size_t i, std::byte* data) { base_[plan_.outputs[i].buffer.index] = data; }
  const Datum& slot_output(std::size_t i) const { return slots_[plan_.buffers[plan_.outputs[i].buffer.index].index]; }

  // Under the outer run's bounds. The error of the step that failed. A plan for several threads is run by those of the outer
  // run that have nothing else to do.
  Status run();

  // Runs, and gives each output to the operand at its index: written in place where both shapes are known, else as a new
  // tensor, or copied. An error where an operand's place has another shape or type than the output.
  Status run_into(const StepContext& outer, std::span<const Operand> outputs);

 private:
  void share(std::size_t stage, RunState& state) const;
  StepContext context(RunState& state, int thread) const;

  const Plan& plan_;
  RunState& outer_;
  std::byte** base_;
  std::byte* inner_scratch_;
  std::vector<Datum> slots_;
};

}  // namespace cycloid
