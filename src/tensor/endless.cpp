#include "tensor/endless.h"

namespace cycloid {

bool is_endless_nothing(const Dims& dims) {
  constexpr std::int64_t kMostRows = std::int64_t{1} << 28;
  if (element_count(dims) != 0) return false;
  std::int64_t rows = 1;
  for (const std::int64_t dim : dims) {
    if (dim != 0 && (__builtin_mul_overflow(rows, dim, &rows) || rows > kMostRows)) return true;
  }
  return false;
}

}  // namespace cycloid
