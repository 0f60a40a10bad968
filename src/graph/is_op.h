// Of the standard's operators, by name.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace cycloid {

inline bool is_op(const Node& node, std::string_view op_type) { return node.domain.empty() && node.op_type == op_type; }

}  // namespace cycloid
