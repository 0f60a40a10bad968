#include "graph/type.h"

#include "base/error.h"

namespace cycloid {
namespace {

std::string_view onnx_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "float";
    case DType::kFloat64: return "double";
    default: return to_string(dtype);
  }
}

Result<Shape> merge_shapes(const Shape& a, const Shape& b) {
  if (a.size() != b.size())
    return invalid_model("ranks {} and {} differ ({} and {})", a.size(), b.size(), to_string(a), to_string(b));
  Shape merged = a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].is_known() && b[i].is_known() && !(a[i] == b[i])) {
      return invalid_model("shapes {} and {} differ", to_string(a), to_string(b));
    }
    if (b[i].is_known()) merged[i] = b[i];
  }
  return merged;
}

}  // namespace

bool operator==(const ValueType& a, const ValueType& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.shape != b.shape) return false;
  if ((a.element == nullptr) != (b.element == nullptr)) return false;
  return a.element == nullptr || *a.element == *b.element;
}

std::string to_string(const ValueType& type) {
  const auto element = [&] { return type.element ? to_string(*type.element) : std::string("?"); };
  switch (type.kind) {
    case ValueType::Kind::kUnknown: return "?";
    case ValueType::Kind::kTensor:
      return fmt::format("{}{}", onnx_name(type.dtype), type.shape ? to_string(*type.shape) : "");
    case ValueType::Kind::kSequence: return fmt::format("seq({})", element());
    case ValueType::Kind::kOptional: return fmt::format("optional({})", element());
    case ValueType::Kind::kMap: return fmt::format("map({}, {})", onnx_name(type.dtype), element());
  }
  return "?";
}

Result<ValueType> merge(const ValueType& a, const ValueType& b) {
  if (a.kind == ValueType::Kind::kUnknown) return b;
  if (b.kind == ValueType::Kind::kUnknown) return a;
  const auto contradiction = [&] { return invalid_model("types {} and {} differ", to_string(a), to_string(b)); };
  if (a.kind != b.kind) return contradiction();
  ValueType merged = a;
  if (a.dtype == DType::kUndefined) {
    merged.dtype = b.dtype;
  } else if (b.dtype != DType::kUndefined && a.dtype != b.dtype) {
    return contradiction();
  }
  if (!a.shape) {
    merged.shape = b.shape;
  } else if (b.shape) {
    CYCLOID_ASSIGN(merged.shape, merge_shapes(*a.shape, *b.shape));
  }
  if (!a.element) {
    merged.element = b.element;
  } else if (b.element) {
    CYCLOID_ASSIGN(ValueType element, merge(*a.element, *b.element));
    merged.element = std::make_shared<ValueType>(std::move(element));
  }
  return merged;
}

}  // namespace cycloid
