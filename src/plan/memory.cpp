#include "plan/memory.h"

#include <algorithm>
#include <numeric>

#include "base/aligned.h"

namespace cycloid {

MemoryLayout assign_offsets(std::span<const Lifetime> blocks, std::size_t alignment) {
  MemoryLayout layout;
  layout.offsets.assign(blocks.size(), 0);
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  const auto size_at = [&](std::size_t b) { return (blocks[b].bytes + alignment - 1) / alignment * alignment; };
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t b : order) {
    if (blocks[b].bytes == 0) continue;
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      if (blocks[other].last < blocks[b].first || blocks[b].last < blocks[other].first) continue;
      if (offset + size_at(b) <= layout.offsets[other]) break;
      offset = std::max(offset, layout.offsets[other] + size_at(other));
    }
    layout.offsets[b] = offset;
    layout.bytes = std::max(layout.bytes, offset + size_at(b));
    const auto at = std::ranges::upper_bound(placed, offset, {}, [&](std::size_t p) { return layout.offsets[p]; });
    placed.insert(at, b);
  }
  return layout;
}

void plan_memory(Plan& plan) {
  std::vector<Lifetime> lives(plan.buffers.size());
  std::vector<bool> used(plan.buffers.size());
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (std::uint32_t s = plan.stages[i].begin; s < plan.stages[i].end; ++s) {
      for (const BufferUse& use : plan.steps[s].uses) {
        Lifetime& life = lives[use.buffer.index];
        if (!used[use.buffer.index]) life.first = i;
        used[use.buffer.index] = true;
        life.last = i;
      }
    }
  }
  for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
    if (used[b] && plan.buffers[b].kind == Buffer::Kind::kArena) lives[b].bytes = plan.buffers[b].bytes;
  }
  const MemoryLayout layout = assign_offsets(lives, kVectorAlignment);
  for (std::size_t b = 0; b < plan.buffers.size(); ++b) plan.buffers[b].offset = layout.offsets[b];
  plan.arena_bytes = layout.bytes;
}

}  // namespace cycloid
