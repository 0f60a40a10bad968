// Shorthands that make an Error from a format string: invalid_argument("input '{}' has rank {}", name, rank).
#pragma once

#include <fmt/format.h>

#include <utility>

#include "cycloid/result.h"

namespace cycloid {

template <class... Args>
Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

template <class... Args>
Error invalid_argument(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

template <class... Args>
Error invalid_model(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidModel, format, std::forward<Args>(args)...);
}

template <class... Args>
Error unsupported(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kUnsupported, format, std::forward<Args>(args)...);
}

}  // namespace cycloid
