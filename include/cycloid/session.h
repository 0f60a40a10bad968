// Session: a model made ready to run on this machine.
//
//   auto model = cycloid::Model::load("squeezenet.onnx");
//   auto session = cycloid::Session::create(*model, {.threads = 2});
//   std::vector<float> x(1 * 3 * 224 * 224), y(1000);
//   std::int64_t x_shape[] = {1, 3, 224, 224}, y_shape[] = {1, 1000, 1, 1};
//   cycloid::TensorView in[] = {{std::span(x), x_shape}};
//   cycloid::MutableTensorView out[] = {{std::span(y), y_shape}};
//   cycloid::Status status = session->run(in, out);
//
// A session makes a plan for each set of input shapes that it meets and keeps the most recently used ones. With shapes
// seen before, a run whose plan has no reference steps (PlanInfo) allocates nothing, makes no system call, and takes no
// lock that can sleep; threads that wait for each other spin for a bounded time, then sleep.
//
// Bits: the same input gives the same output bits on the same machine with the same options (and, where they ask for
// tuning, the same cache), whichever thread runs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/any_value.h"
#include "cycloid/export.h"
#include "cycloid/model.h"
#include "cycloid/plan_info.h"
#include "cycloid/result.h"
#include "cycloid/tensor_view.h"

namespace CYCLOID_API cycloid {

struct SessionOptions {
  // Threads that share the work of one run, the caller's included. 0: as many as the allowed processors and the
  // control group's quota give. A plan whose work is too small to share uses one.
  int threads = 0;
  // "scalar", "avx2", "avx512"; empty: the environment variable CYCLOID_ISA, or else the best this machine has.
  std::string isa;
  // Keep subnormal floats. Otherwise they are read and written as zero while the session computes.
  bool denormals = false;
  // Only sums with the error of a direct convolution: nothing that trades accuracy for speed (Winograd).
  bool strict = false;
  // Chooses kernels and their register tiles by measuring them when a plan is made, on the calling thread, once for each
  // processor and shape; what was measured is kept in `tune_cache`. A plan takes seconds longer the first time. Never chooses
  // what was not measured to be faster than the choice without it. Errors stay within the same tolerance, but other
  // kernels give other bits: with the same cache, sessions choose the same and give the same bits.
  bool tune = false;
  // The file of measurements; empty: one for the processor in $XDG_CACHE_HOME/cycloid/tune, or ~/.cache/cycloid/tune. Shared
  // by processes; a damaged one is measured anew; one that cannot be written is said in PlanInfo::tuning, and no error.
  std::string tune_cache;
  // Bound of the measuring for one plan; shapes that it does not reach are chosen by estimate, and measured another time.
  int tune_milliseconds = 20000;
  // Everything by the reference evaluation: slow, for comparison.
  bool reference = false;
  // Bound in bytes for the tensors and scratch of one run, outputs that it allocates included, and for what making a plan
  // folds (0: none). More is an error (kResourceExhausted). The weights and the caller's own memory are not counted.
  std::size_t max_memory = 0;
  // Bound in milliseconds for one run, planning included, and for create() (0: none). Later is an error
  // (kResourceExhausted) that names the place. It is checked between steps and parts of long steps, between the nodes and
  // iterations of reference evaluation and inside its long loops, so a run may take a little longer.
  double timeout_ms = 0;
  // Asked by the calling thread about every 50 ms while it runs or plans; true ends that with an error (kFailed). It must
  // not throw. Empty: nobody asks.
  std::function<bool()> interrupted;
  // Plans kept, least recently used first to go; at least 1.
  int max_plans = 16;
  // How long a thread spins for another before it sleeps. Less than the interruptions that a machine has makes short runs uneven
  // (a thread that sleeps must be woken); much more takes time from other programs.
  int spin_microseconds = 60;
  // Ties the session's own threads to processors.
  bool pin_threads = false;
};

class RunContext;

// Movable, not copyable. All const functions may be called from several threads at once. Each run at the same time gets
// memory of its own (kept for later runs). The session's threads serve one run at a time: a run that finds them busy
// computes on its caller's thread alone, with the same bits. A session must outlive its RunContexts.
class Session {
 public:
  // Plans at once where all input shapes are fixed, so that the first run is not slower.
  // Errors: kInvalidArgument (options), kUnsupported (an operator, named with its node), kResourceExhausted.
  static Result<Session> create(const Model& model, const SessionOptions& options = {});

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  std::span<const ValueInfo> inputs() const;
  std::span<const ValueInfo> outputs() const;
  std::optional<std::size_t> find_input(std::string_view name) const;
  std::optional<std::size_t> find_output(std::string_view name) const;
  const SessionOptions& options() const;  // as in force: threads and isa resolved

  // Runs on tensors in the order of inputs(), into memory in the order of outputs(). An output view with null data and
  // 0 bytes is not wanted. Errors (kInvalidArgument): a wrong count, dtype, rank or size, too small or null memory, an
  // output whose shape is not what the model gives; nothing is written then. Outputs that are no tensors need evaluate().
  Status run(std::span<const TensorView> inputs, std::span<const MutableTensorView> outputs) const;

  // The same into memory of the result's own: for shapes that depend on data. Allocates.
  Result<std::vector<AnyValue>> run(std::span<const TensorView> inputs) const;
  // The same for models whose inputs are sequences or optionals.
  Result<std::vector<AnyValue>> evaluate(std::span<const AnyValue> inputs) const;

  // The shapes of the outputs for these shapes of the inputs; -1 for sizes that depend on data, and nullopt where not
  // even the rank is known or the output is no tensor. Makes (and keeps) the plan for the shapes.
  using ShapeView = std::span<const std::int64_t>;
  Result<std::vector<std::optional<std::vector<std::int64_t>>>> output_shapes(
      std::span<const ShapeView> input_shapes) const;

  // What is run for these input shapes; none: the fixed shapes of the model.
  Result<PlanInfo> plan(std::span<const ShapeView> input_shapes = {}) const;

  // A context to bind once and run many times.
  RunContext new_context() const;

 private:
  friend class RunContext;
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Inputs and outputs bound to one run at a time. Movable, not copyable; for one thread at a time.
class RunContext {
 public:
  RunContext(RunContext&&) noexcept;
  RunContext& operator=(RunContext&&) noexcept;
  ~RunContext();

  // Binds the memory of input `i`; its shape is copied, its elements are read by each run. Binding another shape makes
  // another plan at the next prepare() or run(). Errors (kInvalidArgument): no such input, wrong dtype, rank or size.
  Status bind_input(std::size_t i, const TensorView& tensor);
  Status bind_input(std::string_view name, const TensorView& tensor);
  // Binds memory for output `i`; without it the context owns the output: see output().
  Status bind_output(std::size_t i, const MutableTensorView& tensor);
  Status bind_output(std::string_view name, const MutableTensorView& tensor);

  // Does now what the first run would do: plan, allocate, check the outputs' memory. All inputs must be bound.
  Status prepare();
  Status run();

  // After run(): the value of output `i`, valid until the next bind or run: bound memory, or the context's own.
  Result<AnyValue> output(std::size_t i) const;
  // After prepare() or run(): its shape; an error where it depends on data and nothing has run.
  Result<std::vector<std::int64_t>> output_shape(std::size_t i) const;

  // After prepare(): what is run.
  Result<PlanInfo> plan() const;
  // Measures each step from the next run on, from zero. Costs two clock readings a step and thread.
  void set_profiling(bool on);
  // By step of plan(), over the runs since set_profiling(true). Empty where there were none.
  std::vector<StepProfile> profile() const;
  // Of the last run while profiling was on: when each thread worked at each step, by step, then thread.
  std::vector<StepSpan> spans() const;

 private:
  friend class Session;
  struct State;
  explicit RunContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cycloid
