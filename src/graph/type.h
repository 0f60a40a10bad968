// ValueType: what is known of a value before the model runs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace cycloid {

// A tensor, a sequence, an optional or a map; the kinds of ONNX's TypeProto.
struct ValueType {
  enum class Kind { kUnknown, kTensor, kSequence, kOptional, kMap };

  Kind kind = Kind::kUnknown;
  DType dtype = DType::kUndefined;           // of a tensor's elements; of a map's keys. kUndefined: not known.
  std::optional<Shape> shape;                // of a tensor; nullopt: not even the rank is known
  std::shared_ptr<const ValueType> element;  // of a sequence or optional; of a map's values

  static ValueType tensor(DType dtype) { return {Kind::kTensor, dtype, std::nullopt, nullptr}; }
  static ValueType tensor(DType dtype, Shape shape) { return {Kind::kTensor, dtype, std::move(shape), nullptr}; }
  static ValueType of(const Tensor& tensor) { return ValueType::tensor(tensor.dtype(), to_shape(tensor.dims())); }
  static ValueType sequence(ValueType element) {
    return {Kind::kSequence, DType::kUndefined, std::nullopt, std::make_shared<ValueType>(std::move(element))};
  }
  static ValueType optional(ValueType element) {
    return {Kind::kOptional, DType::kUndefined, std::nullopt, std::make_shared<ValueType>(std::move(element))};
  }
  static ValueType map(DType key, ValueType element) {
    return {Kind::kMap, key, std::nullopt, std::make_shared<ValueType>(std::move(element))};
  }

  bool is_tensor() const { return kind == Kind::kTensor; }

  friend bool operator==(const ValueType& a, const ValueType& b);
};

// ONNX's text form: "float[batch, 3, 224]", "float[]" (scalar), "float" (rank unknown), "seq(int64[n])", "optional(...)",
// "map(int64, float)".
std::string to_string(const ValueType& type);

// What both `a` and `b` say, or an error where they contradict each other. Known facts win over unknown ones; of two
// symbolic sizes that are not known to be equal, `a`'s is kept.
Result<ValueType> merge(const ValueType& a, const ValueType& b);

}  // namespace cycloid
