// How many plans this process has built, those of bodies and of parts that wait for shapes included: for tests.
#pragma once

#include <cstdint>

namespace cycloid {

std::uint64_t plans_built();

}  // namespace cycloid
