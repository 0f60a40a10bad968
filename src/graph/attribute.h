// Attribute: a named constant of a node (ONNX's AttributeProto).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "graph/type.h"
#include "tensor/tensor.h"

namespace cycloid {

class Graph;

// A graph held by a node. Copies of an Attribute share it, so whoever changes a subgraph replaces the attribute by a
// changed copy (Graph::set_attribute) and never writes through a shared one.
using GraphPtr = std::shared_ptr<const Graph>;

// An attribute of a function's body that takes its value from the function call's attribute of that name.
struct AttributeReference {
  std::string name;
  std::int32_t type = 0;  // AttributeProto.AttributeType of the referred attribute; 0: not said
};

using Attribute =
    std::variant<std::int64_t, float, std::string, Tensor, GraphPtr, std::vector<std::int64_t>, std::vector<float>,
                 std::vector<std::string>, std::vector<Tensor>, std::vector<GraphPtr>, ValueType, AttributeReference>;

using Attributes = std::map<std::string, Attribute, std::less<>>;

}  // namespace cycloid
