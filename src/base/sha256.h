// SHA-256 (FIPS 180-4), to say which file was measured.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

// 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace cycloid
