#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cycloid {

void check_failed(const char* file, int line, std::string_view what) {
  std::fprintf(stderr, "cycloid: internal error at %s:%d: %.*s does not hold; please report this\n", file, line,
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace cycloid
