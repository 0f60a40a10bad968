// Checks of this library's own invariants. A failed check is a bug: it prints the place and stops the program.
// What a caller can cause is a Result (cycloid/result.h), never a check.
#pragma once

#include <string_view>

namespace cycloid {

[[noreturn]] void check_failed(const char* file, int line, std::string_view what);

}  // namespace cycloid

#define CYCLOID_CHECK(condition)                               \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::cycloid::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
