// The words of the text form: names of element types and of attribute types.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "cycloid/dtype.h"

namespace cycloid {

// By AttributeProto.AttributeType; "" for 0.
inline constexpr std::array<std::string_view, 15> kAttributeTypeNames = {
    "",        "float",   "int",    "string",        "tensor",         "graph",      "floats",     "ints",
    "strings", "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"};

inline std::string_view attribute_type_name(std::int32_t type) {
  return type > 0 && type < static_cast<std::int32_t>(kAttributeTypeNames.size())
             ? kAttributeTypeNames[static_cast<std::size_t>(type)]
             : "";
}

// ONNX's name of an element type, which parse_dtype() reads.
inline std::string_view text_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "float";
    case DType::kFloat64: return "double";
    case DType::kFloat8E4M3FN: return "float8e4m3fn";
    case DType::kFloat8E4M3FNUZ: return "float8e4m3fnuz";
    case DType::kFloat8E5M2: return "float8e5m2";
    case DType::kFloat8E5M2FNUZ: return "float8e5m2fnuz";
    case DType::kFloat8E8M0: return "float8e8m0";
    case DType::kFloat4E2M1: return "float4e2m1";
    default: return to_string(dtype);
  }
}

}  // namespace cycloid
