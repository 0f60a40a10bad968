#include "runtime/run_memory.h"

#include "base/aligned.h"
#include "base/error.h"

namespace cycloid {
Status RunMemory::prepare(std::shared_ptr<const Plan> plan) {
  CYCLOID_TRY(arena_.reserve(plan->arena_bytes));
  CYCLOID_TRY(scratch_.reserve(plan->scratch_bytes * static_cast<std::size_t>(plan->threads)));
  base_.assign(plan->buffers.size(), nullptr);
  for (std::size_t i = 0; i < base_.size(); ++i) {
    const Buffer& buffer = plan->buffers[i];
    if (buffer.kind == Buffer::Kind::kArena) base_[i] = arena_.data() + buffer.offset;
    if (buffer.kind == Buffer::Kind::kConstant) base_[i] = const_cast<std::byte*>(buffer.constant);
  }
  if (plan->threads > 1) {
    constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
    progress_stride_ = (1 + static_cast<std::size_t>(plan->threads) + kLine - 1) / kLine * kLine;
    progress_count_ = progress_stride_ * plan->stages.size();
    progress_ = std::make_unique<std::atomic<std::uint32_t>[]>(progress_count_);
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
  for (std::size_t i = 0; i < progress_count_; ++i) progress_[i].store(0, std::memory_order_relaxed);
}

StepContext RunMemory::context(int thread) const {
  return {.base = base_.data(),
          .scratch = scratch_.data() + plan_->scratch_bytes * static_cast<std::size_t>(thread),
          .run = state_.get()};
}

}  // namespace cycloid
