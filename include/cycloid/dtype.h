// Element types: those of ONNX's TensorProto.DataType, with the same numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cycloid/export.h"

namespace CYCLOID_API cycloid {

// The numbers are those of TensorProto.DataType (onnx/onnx.proto), so that a cast converts.
enum class DType : std::uint8_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUInt2 = 25,
  kInt2 = 26,
};

inline constexpr int kDTypeCount = 27;

// numpy's name: "float32", "int64", "bool", "bfloat16", "float8_e4m3fn", "string", ...
std::string_view to_string(DType dtype);

// The dtype named as numpy ("float32") or ONNX's text form ("float", "double") names it.
std::optional<DType> parse_dtype(std::string_view name);

// Bytes an element takes in memory. Types narrower than a byte take a whole byte each (files pack them; tensors do
// not). 0 for kUndefined and kString, whose elements are not plain bytes.
std::size_t size_of(DType dtype);

// Bits an element takes in a file's raw data: 4 for kInt4; 0 for kUndefined and kString.
int bits_of(DType dtype);

bool is_floating_point(DType dtype);  // all widths of float, bfloat and float8/float4
bool is_integer(DType dtype);         // signed and unsigned, all widths; not bool
bool is_signed_integer(DType dtype);

}  // namespace CYCLOID_API cycloid
