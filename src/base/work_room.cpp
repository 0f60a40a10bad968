#include "base/work_room.h"

#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"

namespace cycloid {

Status check_room(std::size_t count, std::size_t bytes) {
  constexpr std::size_t kMemory = std::size_t{1} << 40;
  const WorkBounds* bounds = work_bounds();
  const std::size_t left = bounds != nullptr && bounds->memory != nullptr ? bounds->memory->left() : kMemory;
  if (count <= std::min(left, kMemory) / bytes) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "no memory for {} parts of {} bytes, or none left of the limit (max_memory)", count, bytes);
}

}  // namespace cycloid
