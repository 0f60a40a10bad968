// Room for what work keeps beside tensors, which charge themselves (work_bounds.h).
#pragma once

#include <cstddef>

#include "cycloid/result.h"

namespace cycloid {

// Bytes that the budget in force on this thread has left, at most `most`.
std::size_t room_left(std::size_t most);

// An error where `count` things of `bytes` each are more than the budget in force on this thread has left, or than a
// terabyte.
Status check_room(std::size_t count, std::size_t bytes);

}  // namespace cycloid
