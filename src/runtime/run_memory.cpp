#include "runtime/run_memory.h"

#include "base/aligned.h"
#include "base/error.h"

namespace cycloid {
Status RunMemory::prepare(std::shared_ptr<const Plan> plan) {
  const std::size_t arena_bytes = align_up(plan->arena_bytes);
  CYCLOID_TRY(memory_.reserve(arena_bytes + plan->scratch_bytes * static_cast<std::size_t>(plan->threads)));
  scratch_ = memory_.data() + arena_bytes;
  base_.assign(plan->buffers.size(), nullptr);
  for (std::size_t i = 0; i < base_.size(); ++i) {
    const Buffer& buffer = plan->buffers[i];
    if (buffer.kind == Buffer::Kind::kArena) base_[i] = memory_.data() + buffer.offset;
    if (buffer.kind == Buffer::Kind::kConstant) base_[i] = const_cast<std::byte*>(buffer.constant);
  }
  if (plan->threads > 1) {
    counter_lines_ = (plan->stages.size() + kLineCounters - 1) / kLineCounters;
    counters_ = std::make_unique<CounterLine[]>(counter_lines_ * (1 + static_cast<std::size_t>(plan->threads)));
  }
  slots_.clear();
  slots_.resize(plan->slot_count);
  plan_ = std::move(plan);
  return {};
}

Status RunMemory::bind(std::span<const RunInput> inputs, std::span<std::byte* const> outputs) {
  std::size_t spare = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == nullptr && !plan_->outputs[i].slot) spare += align_up(plan_->outputs[i].bytes());
  }
  CYCLOID_TRY(spare_.reserve(spare));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!plan_->inputs[i]) continue;
    const BufferId id = *plan_->inputs[i];
    const Buffer& buffer = plan_->buffers[id.index];
    if (buffer.kind == Buffer::Kind::kSlot) {
      slots_[buffer.index] = inputs[i].datum != nullptr ? *inputs[i].datum : Datum();
    } else {
      base_[id.index] = const_cast<std::byte*>(inputs[i].data);
    }
  }
  std::size_t used = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const PlanOutput& output = plan_->outputs[i];
    if (output.slot) continue;
    base_[output.buffer.index] = outputs[i] != nullptr ? outputs[i] : spare_.data() + used;
    if (outputs[i] == nullptr) used += align_up(output.bytes());
  }
  return {};
}

void RunMemory::reset_progress() const {
  for (std::size_t of = 0; of <= static_cast<std::size_t>(plan_->threads); ++of) {
    for (std::size_t i = 0; i < plan_->stages.size(); ++i) counter(of, i).store(0, std::memory_order_relaxed);
  }
}

StepContext RunMemory::context(int thread) const {
  return {.base = base_.data(),
          .scratch = scratch_ + plan_->scratch_bytes * static_cast<std::size_t>(thread),
          .run = state_.get()};
}

}  // namespace cycloid
