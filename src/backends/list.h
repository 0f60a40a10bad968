// The list of backends. A new backend is a file or folder of its own and a line in list.cpp.
#pragma once

#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace cycloid {

// All backends, available or not, in the order in which tables show them. The reference comes first.
const std::vector<const Backend*>& all_backends();

// The backend of that name. The error names those there are.
Result<const Backend*> find_backend(std::string_view name);

}  // namespace cycloid
