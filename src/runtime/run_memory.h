// The memory of one run at a time: arena, scratch, base addresses, slots.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/paged_memory.h"
#include "plan/plan.h"

namespace cycloid {

// An input of a run: plain elements, or a Datum where the plan has the input in a slot.
struct RunInput {
  const std::byte* data = nullptr;
  const Datum* datum = nullptr;
};

// How far a stage of a run by several threads is.
struct StageProgress {
  std::atomic<std::uint32_t>& done;  // pieces
  std::atomic<std::uint32_t>* next;  // by thread that they were meant for: the first piece that nobody has taken
};

class RunMemory {
 public:
  // Makes ready for `plan`. Allocates only what earlier plans did not need.
  Status prepare(std::shared_ptr<const Plan> plan);
  const std::shared_ptr<const Plan>& plan() const { return plan_; }

  // Points the plan's buffers at the caller's. An output without memory gets some of this object's own.
  Status bind(std::span<const RunInput> inputs, std::span<std::byte* const> outputs);

  StepContext context(int thread) const;
  RunState& state() const { return *state_; }
  // After a run: an output that is in a slot.
  const Datum& slot_output(std::size_t i) const { return slots_[plan_->buffers[plan_->outputs[i].buffer.index].index]; }
  const std::byte* output_address(std::size_t i) const { return base_[plan_->outputs[i].buffer.index]; }
  Datum* slots() const { return slots_.data(); }
  StageProgress progress(std::size_t stage) const {
    std::atomic<std::uint32_t>* const counters = progress_.get() + stage * progress_stride_;
    return {*counters, counters + 1};
  }
  // Before each run by several threads, while none of them is in it.
  void reset_progress() const;
  // Empties a slot.
  void clear_slot(std::uint32_t slot) const { slots_[slot] = Datum(); }

 private:
  std::shared_ptr<const Plan> plan_;
  PagedMemory arena_;
  PagedMemory scratch_;
  PagedMemory spare_;  // for outputs without memory
  std::vector<std::byte*> base_;
  mutable std::vector<Datum> slots_;
  std::unique_ptr<RunState> state_ = std::make_unique<RunState>();
  // [stage][1 + threads, in whole cache lines]
  std::unique_ptr<std::atomic<std::uint32_t>[]> progress_;
  std::size_t progress_stride_ = 0, progress_count_ = 0;
};

}  // namespace cycloid
