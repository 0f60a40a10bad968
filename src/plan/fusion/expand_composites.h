// Which operators expand_composites() takes apart.
#pragma once

#include <string_view>

namespace cycloid {

// Whether the operator, at least in some of its forms, is computed by the kernels of the operators it is made of.
bool takes_apart(std::string_view domain, std::string_view op_type);

}  // namespace cycloid
