#include "ops/control/join_types.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid {

Dim TypeJoin::join(const Dim& a, const Dim& b) {
  if (a == b || std::ranges::find(widened_, a) != widened_.end()) return a;
  widened_.push_back(Dim::unknown());
  return widened_.back();
}

Result<ValueType> TypeJoin::join(const ValueType& a, const ValueType& b) {
  if (a.kind == ValueType::Kind::kUnknown || b.kind == ValueType::Kind::kUnknown) return ValueType{};
  const bool a_optional = a.kind == ValueType::Kind::kOptional;
  const bool b_optional = b.kind == ValueType::Kind::kOptional;
  if (a_optional != b_optional) {  // a value is an optional that holds it
    const ValueType unknown;
    const auto inner = [&](const ValueType* type, bool optional) {
      return !optional ? type : type->element ? type->element.get() : &unknown;
    };
    CYCLOID_ASSIGN(ValueType element, join(*inner(&a, a_optional), *inner(&b, b_optional)));
    return ValueType::optional(std::move(element));
  }
  const bool dtypes_differ = a.dtype != DType::kUndefined && b.dtype != DType::kUndefined && a.dtype != b.dtype;
  if (a.kind != b.kind || dtypes_differ) return invalid_argument("types {} and {} differ", to_string(a), to_string(b));
  ValueType joined = a;
  if (b.dtype == DType::kUndefined) joined.dtype = b.dtype;
  if (!a.shape || !b.shape || a.shape->size() != b.shape->size()) {
    joined.shape = std::nullopt;
  } else {
    for (std::size_t i = 0; i < a.shape->size(); ++i) (*joined.shape)[i] = join((*a.shape)[i], (*b.shape)[i]);
  }
  if (!a.element || !b.element) {
    joined.element = nullptr;
  } else {
    CYCLOID_ASSIGN(ValueType element, join(*a.element, *b.element));
    joined.element = std::make_shared<ValueType>(std::move(element));
  }
  return joined;
}

}  // namespace cycloid
