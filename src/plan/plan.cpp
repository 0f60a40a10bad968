#include "plan/plan.h"

namespace cycloid {

BufferUse Place::use(bool write) const {
  BufferUse use{.buffer = buffer, .write = write};
  if (layout == Layout::kChannelsLast && pixel_stride != channels()) {
    const auto size = static_cast<std::int64_t>(size_of(dtype));
    use.pitch = pixel_stride * size;
    use.begin = static_cast<std::int64_t>(offset) % use.pitch;
    use.end = use.begin + channels() * size;
  }
  return use;
}

}  // namespace cycloid
