#pragma once

#include <string_view>

#include "cycloid/export.h"

namespace CYCLOID_API cycloid {

// The library's version, "major.minor.patch".
std::string_view version();

}  // namespace CYCLOID_API cycloid
