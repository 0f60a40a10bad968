#include "ops/infer.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid {

Status check_tensor(const InferContext& context, std::size_t i) {
  if (!has_input(context, i)) return {};
  const ValueType& type = *context.input(i);
  if (type.kind == ValueType::Kind::kUnknown || type.is_tensor()) return {};
  return invalid_model("input {} must be a tensor, but is {}", i, to_string(type));
}

bool has_input(const InferContext& context, std::size_t i) {
  return i < context.input_count() && context.input(i) != nullptr;
}

DType dtype_of(const InferContext& context, std::size_t i) {
  return has_input(context, i) && context.input(i)->is_tensor() ? context.input(i)->dtype : DType::kUndefined;
}

const Shape* shape_of(const InferContext& context, std::size_t i) {
  if (!has_input(context, i) || !context.input(i)->is_tensor() || !context.input(i)->shape) return nullptr;
  return &*context.input(i)->shape;
}

Status check_dtype(const InferContext& context, std::size_t i, DTypeSet dtypes) {
  CYCLOID_TRY(check_tensor(context, i));
  const DType dtype = dtype_of(context, i);
  if (dtype == DType::kUndefined || dtypes.contains(dtype)) return {};
  return invalid_model("input {} is {}, but must be {}", i, to_string(dtype), to_string(dtypes));
}

namespace {

template <class Indices>
Result<DType> common(const InferContext& context, const Indices& inputs) {
  DType dtype = DType::kUndefined;
  std::size_t first = 0;
  for (const std::size_t i : inputs) {
    CYCLOID_TRY(check_tensor(context, i));
    const DType other = dtype_of(context, i);
    if (other == DType::kUndefined) continue;
    if (dtype == DType::kUndefined) {
      dtype = other;
      first = i;
    } else if (dtype != other) {
      return invalid_model("input {} is {} and input {} is {}, but they must have one type", first, to_string(dtype), i,
                           to_string(other));
    }
  }
  return dtype;
}

}  // namespace

Result<DType> common_dtype(const InferContext& context, std::initializer_list<std::size_t> inputs) {
  return common(context, inputs);
}

Result<DType> common_dtype(const InferContext& context) {
  std::vector<std::size_t> inputs(context.input_count());
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = i;
  return common(context, inputs);
}

Status check_rank(const InferContext& context, std::size_t i, std::size_t low, std::size_t high) {
  CYCLOID_TRY(check_tensor(context, i));
  const Shape* shape = shape_of(context, i);
  if (shape == nullptr || (shape->size() >= low && shape->size() <= high)) return {};
  if (low == high) return invalid_model("input {} has shape {}, but must have rank {}", i, to_string(*shape), low);
  if (high == SIZE_MAX)
    return invalid_model("input {} has shape {}, but must have rank {} or more", i, to_string(*shape), low);
  return invalid_model("input {} has shape {}, but must have a rank from {} to {}", i, to_string(*shape), low, high);
}

ValueType tensor_type(DType dtype, std::optional<Shape> shape) {
  ValueType type = ValueType::tensor(dtype);
  type.shape = std::move(shape);
  return type;
}

Result<std::int64_t> normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) return invalid_model("axis {} is outside [{}, {}) of rank {}", axis, -r, r, r);
  return axis < 0 ? axis + r : axis;
}

Result<std::vector<std::int64_t>> normalize_axes(std::vector<std::int64_t> axes, std::size_t rank) {
  std::vector<bool> seen(rank, false);
  for (std::int64_t& axis : axes) {
    CYCLOID_ASSIGN(axis, normalize_axis(axis, rank));
    if (seen[static_cast<std::size_t>(axis)]) return invalid_model("axis {} is named twice", axis);
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return axes;
}

std::optional<std::vector<std::int64_t>> constant_ints(const InferContext& context, std::size_t i) {
  if (!has_input(context, i)) return std::nullopt;
  const Tensor* constant = context.constant(i);
  if (constant == nullptr || !(kInts | kBools).contains(constant->dtype())) return std::nullopt;
  return to_int64s(*constant);
}

Result<Dim> broadcast(const Dim& a, const Dim& b) {
  if (a == b || b.is(1)) return a;
  if (a.is(1)) return b;
  if (a.is_known() && b.is_known())
    return invalid_model("sizes {} and {} do not broadcast", a.to_string(), b.to_string());
  if (a.is_known()) return a;  // b must be 1 or a
  if (b.is_known()) return b;
  return Dim::unknown();
}

Result<Shape> broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const auto dim = broadcast(longer[offset + i], shorter[i]);
    if (!dim) return invalid_model("shapes {} and {} do not broadcast", to_string(a), to_string(b));
    result[offset + i] = *dim;
  }
  return result;
}

Result<Dims> broadcast(const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    std::int64_t& size = result[offset + i];
    if (size == shorter[i] || shorter[i] == 1) continue;
    if (size != 1) return invalid_argument("shapes {} and {} do not broadcast", to_string(a), to_string(b));
    size = shorter[i];
  }
  return result;
}

Result<std::optional<Shape>> broadcast_inputs(const InferContext& context) {
  std::optional<Shape> shape = Shape{};
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    if (!has_input(context, i)) continue;
    const Shape* other = shape_of(context, i);
    if (other == nullptr) return std::optional<Shape>();
    CYCLOID_ASSIGN(shape, broadcast(*shape, *other));
  }
  return shape;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.size() > to.size()) return false;
  const std::size_t offset = to.size() - from.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Dim& target = to[offset + i];
    if (from[i].is_known() && target.is_known() && !from[i].is(1) && !(from[i] == target)) return false;
  }
  return true;
}

Status infer_same(InferContext& context) {
  CYCLOID_TRY(check_tensor(context, 0));
  context.set_output(0, *context.input(0));
  return {};
}

Status infer_broadcast(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  CYCLOID_ASSIGN(auto shape, broadcast_inputs(context));
  context.set_output(0, tensor_type(dtype, std::move(shape)));
  return {};
}

Status infer_compare(InferContext& context) {
  CYCLOID_TRY(common_dtype(context));
  CYCLOID_ASSIGN(auto shape, broadcast_inputs(context));
  context.set_output(0, tensor_type(DType::kBool, std::move(shape)));
  return {};
}

void combine_shape_data(InferContext& context, Dim (*combine)(const Dim&, const Dim&)) {
  const auto a = context.shape_data(0);
  const auto b = context.shape_data(1);
  if (!a || !b || a->empty() || b->empty()) return;
  if (a->size() != b->size() && a->size() != 1 && b->size() != 1) return;
  ShapeData data;
  for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
    data.push_back(combine((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  }
  context.set_shape_data(0, std::move(data));
}

}  // namespace cycloid
