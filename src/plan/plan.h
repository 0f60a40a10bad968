// Plan: a model made ready for one set of input shapes: a flat list of immutable steps over buffers.
//
// Every step says which buffers it reads and writes (BufferUse). From that alone follow the stages (steps that may run
// at the same time), the lifetimes, and the arena offsets. A plan is const once built; runs at the same time share it and
// bring memory of their own (RunMemory, in the runtime).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/work_bounds.h"
#include "cycloid/plan_info.h"
#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "plan/constant_memory.h"
#include "tensor/tensor.h"

namespace cycloid {

using BufferId = Id<struct BufferTag>;

// Memory that steps read and write.
struct Buffer {
  enum class Kind {
    kArena,     // of a run; offset in the arena
    kConstant,  // of the plan
    kInput,     // the caller's; index: which input
    kOutput,    // the caller's; index: which output
    kSlot,      // a Datum of a run: what has no static shape or is no plain tensor; index: which slot
  };
  Kind kind = Kind::kArena;
  std::size_t bytes = 0;
  std::size_t offset = 0;   // kArena, set by plan_memory()
  std::uint32_t index = 0;  // kInput, kOutput, kSlot
  const std::byte* constant = nullptr;
};

// What a step does with a buffer. Channels-last parts of a concatenation touch a slice of the channels: two uses of
// disjoint slices do not meet.
struct BufferUse {
  BufferId buffer;
  bool write = false;
  std::int64_t begin = 0;  // bytes within a pixel of `pitch` bytes
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::int64_t pitch = 0;  // 0: the whole buffer
};

enum class Layout : std::uint8_t { kRowMajor, kChannelsLast };

// Where the elements of a tensor lie. `dims` are always the logical ones (NCHW); in channels-last, pixel p of the
// batch x spatial pixels has channel c at element p * pixel_stride + c.
struct Place {
  BufferId buffer;
  std::size_t offset = 0;  // bytes
  DType dtype = DType::kFloat32;
  Dims dims;
  Layout layout = Layout::kRowMajor;
  std::int64_t pixel_stride = 0;  // elements; channels-last only

  std::int64_t count() const { return element_count(dims).value(); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype); }
  std::int64_t channels() const { return dims.size() > 1 ? dims[1] : 1; }
  std::int64_t pixels() const { return channels() == 0 ? 0 : count() / channels(); }
  bool dense() const { return layout == Layout::kRowMajor || pixel_stride == channels(); }
  BufferUse use(bool write) const;
};

// What the steps of one run share. A failed step stores the first error; later steps are skipped.
struct RunState {
  Datum* slots = nullptr;
  // The caller's bounds on the run. Steps that work long or take memory by themselves put them in force.
  WorkBounds bounds;
  std::atomic<bool> failed{false};
  std::optional<Error> error;

  // Called by any thread; the first error is kept.
  void fail(Error e) {
    if (!failed.exchange(true)) error.emplace(std::move(e));
  }
};

// What a step sees of a run.
struct StepContext {
  std::byte* const* base = nullptr;  // by BufferId; null for slots
  std::byte* scratch = nullptr;      // this thread's, at a multiple of 64
  RunState* run = nullptr;

  template <class T>
  T* at(const Place& place) const {
    return reinterpret_cast<T*>(base[place.buffer.index] + place.offset);
  }
};

// One unit of execution: const and without state, so that runs and threads share it.
class Step {
 public:
  virtual ~Step() = default;
  // Computes work units [begin, end). Different ranges may run on several threads at once.
  virtual void run(const StepContext& context, std::int64_t begin, std::int64_t end) const = 0;
};

struct PlannedStep {
  std::unique_ptr<const Step> step;
  StepInfo info;
  std::vector<BufferUse> uses;
  std::int64_t units = 1;
  std::size_t scratch_bytes = 0;
  double cost = 0;        // estimated ns of one thread
  double range_cost = 0;  // of these: what each range of units costs beside the units
};

// A range of a step's units, for one thread.
struct Work {
  std::uint32_t step = 0;
  std::int64_t begin = 0, end = 0;
};

// Steps [begin, end) that may run at the same time. The work meant for thread t is work[threads * stage + t], in pieces that
// another thread may take in its place.
struct Stage {
  std::uint32_t begin = 0, end = 0;
  bool shared = false;  // there is enough work to wake others for
};

// How a run gives one of the model's outputs.
struct PlanOutput {
  BufferId buffer;
  bool slot = false;  // a Datum, whose shape is known after the run; else a dense tensor in the caller's memory:
  DType dtype = DType::kUndefined;
  Dims dims;
  std::optional<Shape> shape;  // of a slot: what is known before
  std::size_t bytes() const { return static_cast<std::size_t>(element_count(dims).value()) * size_of(dtype); }
};

struct Plan {
  std::vector<Dims> input_dims;
  std::vector<std::optional<BufferId>> inputs;  // nullopt where no step reads the input
  std::vector<PlanOutput> outputs;
  std::vector<Buffer> buffers;
  std::vector<PlannedStep> steps;
  std::vector<Stage> stages;
  std::vector<std::vector<Work>> work;  // [stage * threads + thread]
  std::vector<std::uint32_t> pieces;    // of each stage, over all threads
  int threads = 1;
  double cost = 0;  // of all steps: estimated ns of one thread
  std::size_t arena_bytes = 0;
  std::size_t scratch_bytes = 0;  // of one thread
  std::uint32_t slot_count = 0;
  // Slots to be emptied after a stage, by stage.
  std::vector<std::vector<std::uint32_t>> release;

  // What the steps point into.
  std::shared_ptr<const ModelIr> model;
  ConstantMemory packed;
  std::vector<Tensor> constants;

  PlanInfo info;
};

struct PlanOptions {
  int threads = 1;
  Isa isa = Isa::kScalar;
  bool strict = false;
  bool subnormals = false;  // are kept
  bool reference = false;
  std::size_t max_memory = 0;          // of a run, and of what is folded while planning; 0: no bound
  std::shared_ptr<class Tuner> tuner;  // null: kernels are chosen by estimate (plan/tune/tuner.h)
};

// Plans `model` (in normal form, types inferred) for inputs of these dims, in the order of the graph's inputs; nullopt
// for inputs that are no tensors. Errors: shapes the model does not allow, an operator that cannot be run, memory beyond
// the bound, a stop signal that is in force (base/work_bounds.h).
Result<std::shared_ptr<const Plan>> build_plan(const std::shared_ptr<const ModelIr>& model,
                                               const std::vector<std::optional<Dims>>& input_dims,
                                               const PlanOptions& options);

}  // namespace cycloid
