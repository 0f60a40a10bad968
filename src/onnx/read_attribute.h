// AttributeProto.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cycloid/result.h"
#include "graph/attribute.h"
#include "onnx/read_tensor.h"

namespace cycloid::onnx {

// AttributeProto.AttributeType.
enum class AttributeKind : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};

struct NamedAttribute {
  std::string name;
  Attribute value;
  AttributeKind kind = AttributeKind::kUndefined;
  // Of kind kGraph and kGraphs, which have no `value` yet: the GraphProtos.
  std::vector<std::string_view> graphs;

  bool has_graphs() const { return kind == AttributeKind::kGraph || kind == AttributeKind::kGraphs; }
};

// Sparse tensors become dense. A reference to an attribute of a function has the kind kUndefined.
Result<NamedAttribute> read_attribute(std::string_view message, ReadContext& context);

}  // namespace cycloid::onnx
