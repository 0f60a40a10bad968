#include "base/work_room.h"

#include <algorithm>

#include "base/error.h"
#include "base/work_bounds.h"

namespace cycloid {

std::size_t room_left(std::size_t most) {
  const WorkBounds* bounds = work_bounds();
  return bounds != nullptr && bounds->memory != nullptr ? std::min(bounds->memory->left(), most) : most;
}

Status check_room(std::size_t count, std::size_t bytes) {
  constexpr std::size_t kMemory = std::size_t{1} << 40;
  if (count <= room_left(kMemory) / bytes) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "no memory for {} parts of {} bytes, or none left of the limit (max_memory)", count, bytes);
}

}  // namespace cycloid
