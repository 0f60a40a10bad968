#include "cycloid/dtype.h"

#include <array>

namespace cycloid {
namespace {

struct DTypeInfo {
  std::string_view name;       // numpy's (ml_dtypes' where numpy has none)
  std::string_view onnx_name;  // ONNX text form's, where it differs
  std::uint8_t size;           // bytes in memory
  std::uint8_t bits;           // bits in a file
};

constexpr std::array<DTypeInfo, kDTypeCount> kInfo = {{
    {"undefined", "undefined", 0, 0},
    {"float32", "float", 4, 32},
    {"uint8", "uint8", 1, 8},
    {"int8", "int8", 1, 8},
    {"uint16", "uint16", 2, 16},
    {"int16", "int16", 2, 16},
    {"int32", "int32", 4, 32},
    {"int64", "int64", 8, 64},
    {"string", "string", 0, 0},
    {"bool", "bool", 1, 8},
    {"float16", "float16", 2, 16},
    {"float64", "double", 8, 64},
    {"uint32", "uint32", 4, 32},
    {"uint64", "uint64", 8, 64},
    {"complex64", "complex64", 8, 64},
    {"complex128", "complex128", 16, 128},
    {"bfloat16", "bfloat16", 2, 16},
    {"float8_e4m3fn", "float8e4m3fn", 1, 8},
    {"float8_e4m3fnuz", "float8e4m3fnuz", 1, 8},
    {"float8_e5m2", "float8e5m2", 1, 8},
    {"float8_e5m2fnuz", "float8e5m2fnuz", 1, 8},
    {"uint4", "uint4", 1, 4},
    {"int4", "int4", 1, 4},
    {"float4_e2m1", "float4e2m1", 1, 4},
    {"float8_e8m0", "float8e8m0", 1, 8},
    {"uint2", "uint2", 1, 2},
    {"int2", "int2", 1, 2},
}};

const DTypeInfo& info(DType dtype) { return kInfo.at(static_cast<std::size_t>(dtype)); }

}  // namespace

std::string_view to_string(DType dtype) { return info(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 1; i < kInfo.size(); ++i) {
    if (name == kInfo[i].name || name == kInfo[i].onnx_name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::size_t size_of(DType dtype) { return info(dtype).size; }

int bits_of(DType dtype) { return info(dtype).bits; }

bool is_floating_point(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kFloat64:
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2FNUZ:
    case DType::kFloat4E2M1:
    case DType::kFloat8E8M0: return true;
    default: return false;
  }
}

bool is_signed_integer(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kInt4:
    case DType::kInt2: return true;
    default: return false;
  }
}

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
    case DType::kUInt64:
    case DType::kUInt4:
    case DType::kUInt2: return true;
    default: return is_signed_integer(dtype);
  }
}

}  // namespace cycloid
