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
  // Of a run by several threads: the pieces of a stage that are done, and, by the thread that they were meant for, the first one
  // that nobody has taken.
  std::atomic<std::uint32_t>& pieces_done(std::size_t stage) const { return counter(0, stage); }
  std::atomic<std::uint32_t>& next_piece(std::size_t stage, std::size_t thread) const {
    return counter(1 + thread, stage);
  }
  // Before each run by several threads, while none of them is in it.
  void reset_progress() const;
  // Empties a slot.
  void clear_slot(std::uint32_t slot) const { slots_[slot] = Datum(); }

 private:
  std::shared_ptr<const Plan> plan_;
  PagedMemory memory_;            // the arena, then each thread's scratch: together they often fit one huge page
  std::byte* scratch_ = nullptr;  // of the first thread
  PagedMemory spare_;             // for outputs without memory
  std::vector<std::byte*> base_;
  mutable std::vector<Datum> slots_;
  std::unique_ptr<RunState> state_ = std::make_unique<RunState>();
  // [1 + threads][stages, in whole cache lines]: a thread takes its own pieces from a line that others seldom touch.
  static constexpr std::size_t kLineCounters = 64 / sizeof(std::uint32_t);
  struct alignas(64) CounterLine {
    std::atomic<std::uint32_t> counters[kLineCounters];
  };
  std::atomic<std::uint32_t>& counter(std::size_t of, std::size_t stage) const {
    return counters_[of * counter_lines_ + stage / kLineCounters].counters[stage % kLineCounters];
  }
  std::unique_ptr<CounterLine[]> counters_;
  std::size_t counter_lines_ = 0;  // for all stages
};

}  // namespace cycloid
