#include "ops/generator/generators.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/elementwise/cast.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// --- Constant: exactly one attribute holds the value. (A sparse value was made dense when the file was read.)
Result<Tensor> constant_value(const Node& node) {
  if (node.attributes.size() != 1)
    return invalid_model("it must have exactly one attribute, but has {}", node.attributes.size());
  const auto& [name, attribute] = *node.attributes.begin();
  const auto count = [](const auto& list) { return Dims{static_cast<std::int64_t>(list.size())}; };
  if (const auto* tensor = std::get_if<Tensor>(&attribute)) return *tensor;
  if (const auto* value = std::get_if<float>(&attribute)) return Tensor::scalar(*value);
  if (const auto* value = std::get_if<std::int64_t>(&attribute)) return Tensor::scalar(*value);
  if (const auto* value = std::get_if<std::string>(&attribute)) return Tensor::scalar(*value);
  if (const auto* list = std::get_if<std::vector<float>>(&attribute)) return Tensor::of<float>(count(*list), *list);
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&attribute))
    return Tensor::of<std::int64_t>(count(*list), *list);
  if (const auto* list = std::get_if<std::vector<std::string>>(&attribute))
    return Tensor::of<std::string>(count(*list), *list);
  return unsupported("attribute '{}' holds no tensor", name);
}

Status infer_constant(InferContext& context) {
  CYCLOID_ASSIGN(const Tensor value, constant_value(context.node()));
  context.set_output(0, ValueType::of(value));
  return {};
}

Outputs evaluate_constant(EvalContext& context) {
  CYCLOID_ASSIGN(Tensor value, constant_value(context.node()));
  return std::vector<Datum>{std::move(value)};
}

// --- ConstantOfShape.
Result<Tensor> fill_value(const Node& node) {
  CYCLOID_ASSIGN(const Tensor* value, get_tensor(node, "value"));
  if (value == nullptr) return Tensor::scalar(0.0F);
  if (value->element_count() != 1)
    return invalid_model("attribute 'value' must have one element, but has shape {}", to_string(value->dims()));
  return *value;
}

Status infer_constant_of_shape(InferContext& context) {
  CYCLOID_ASSIGN(const Tensor value, fill_value(context.node()));
  CYCLOID_TRY(check_rank(context, 0, 1, 1));
  std::optional<Shape> shape = context.shape_data(0);
  const Shape* lengths = shape_of(context, 0);
  if (!shape && lengths != nullptr && lengths->front().is_known() && lengths->front().value() <= 64) {
    shape.emplace();
    for (std::int64_t i = 0; i < lengths->front().value(); ++i) shape->push_back(Dim::unknown());
  }
  if (shape) {
    for (const Dim& dim : *shape) {
      if (dim.is_known() && dim.value() < 0)
        return invalid_model("the shape {} has a negative size", to_string(*shape));
    }
  }
  context.set_output(0, tensor_type(value.dtype(), std::move(shape)));
  return {};
}

Outputs evaluate_constant_of_shape(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* shape, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor value, fill_value(context.node()));
  if (shape->dtype() != DType::kInt64 || shape->rank() != 1)
    return invalid_argument("the shape must be int64 of rank 1");
  CYCLOID_ASSIGN(Tensor y, context.allocate(value.dtype(), to_int64s(*shape)));
  if (value.dtype() == DType::kString) {
    for (std::string& to : y.mutable_data<std::string>()) to = value.data<std::string>()[0];
    return std::vector<Datum>{std::move(y)};
  }
  // The element once, and then what is filled already as often as it fits.
  const std::size_t bytes = y.byte_count();
  std::byte* to = y.mutable_bytes();
  if (bytes > 0) std::memcpy(to, value.bytes(), size_of(value.dtype()));
  for (std::size_t filled = size_of(value.dtype()); filled < bytes; filled *= 2)
    std::memcpy(to + filled, to, std::min(filled, bytes - filled));
  return std::vector<Datum>{std::move(y)};
}

// --- Range: start, start + delta, ... up to, not including, limit.
Status infer_range(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  Dim size = Dim::unknown();
  const auto start = context.shape_data(0);
  const auto limit = context.shape_data(1);
  const auto delta = constant_ints(context, 2);
  const auto one = [](const auto& list) { return list && list->size() == 1; };
  if (one(start) && one(limit) && one(delta) && delta->front() != 0) {
    const Dim span = limit->front() - start->front();
    const std::int64_t step = delta->front();
    if (step != INT64_MIN) size = step > 0 ? Dim::ceil_div(span, step) : Dim::ceil_div(Dim(0) - span, -step);
    // From 0 by 1 the size is the limit, which is no size where it is negative; sizes are not.
    const bool whole = start->front().is(0) && step == 1 && !size.is_known();
    if (!whole) size = Dim::max(size, 0);
    if (size.is_known() && size.value() <= 64) {
      ShapeData data;
      for (std::int64_t i = 0; i < size.value(); ++i) data.push_back(start->front() + Dim(i) * Dim(step));
      context.set_shape_data(0, std::move(data));
    }
  }
  context.set_output(0, ValueType::tensor(dtype, {size}));
  return {};
}

Outputs evaluate_range(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* start_tensor, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* limit_tensor, context.tensor(1));
  CYCLOID_ASSIGN(const Tensor* delta_tensor, context.tensor(2));
  const DType dtype = start_tensor->dtype();
  if (wide_of(dtype) == Wide::kInt64) {
    CYCLOID_ASSIGN(const auto start, load_scalar<std::int64_t>(*start_tensor, "the start"));
    CYCLOID_ASSIGN(const auto limit, load_scalar<std::int64_t>(*limit_tensor, "the limit"));
    CYCLOID_ASSIGN(const auto delta, load_scalar<std::int64_t>(*delta_tensor, "the step"));
    if (delta == 0) return invalid_argument("the step is 0");
    // In 128 bits the difference of two int64 cannot overflow.
    const __int128 span = static_cast<__int128>(limit) - start;
    const __int128 steps = delta > 0 ? (span + delta - 1) / delta : (span + delta + 1) / delta;
    if (steps > INT64_MAX) return invalid_argument("the range has too many elements");
    const std::int64_t count = steps > 0 && (span > 0) == (delta > 0) ? static_cast<std::int64_t>(steps) : 0;
    CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, {count}));
    // As unsigned numbers, which wrap; cut to the type's width.
    dispatch<std::int16_t, std::int32_t, std::int64_t>(dtype, [&]<class T>(T) {
      const std::span<T> to = y.mutable_data<T>();
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<T>(static_cast<std::uint64_t>(start) + i * static_cast<std::uint64_t>(delta));
    });
    return std::vector<Datum>{std::move(y)};
  }
  CYCLOID_ASSIGN(const double start, load_scalar<double>(*start_tensor, "the start"));
  CYCLOID_ASSIGN(const double limit, load_scalar<double>(*limit_tensor, "the limit"));
  CYCLOID_ASSIGN(const double delta, load_scalar<double>(*delta_tensor, "the step"));
  const double count = std::ceil((limit - start) / delta);
  if (std::isnan(count) || count > 9e18)
    return invalid_argument("a range from {} to {} by {} has no size", start, limit, delta);
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, {count > 0 ? static_cast<std::int64_t>(count) : 0}));
  for (std::int64_t i = 0; i < y.element_count(); ++i) {
    const double value = start + static_cast<double>(i) * delta;
    store<double>(y, i, std::span<const double>(&value, 1));
  }
  return std::vector<Datum>{std::move(y)};
}

// --- EyeLike: ones on the k-th diagonal.
Status infer_eye_like(InferContext& context) {
  CYCLOID_TRY(check_rank(context, 0, 2, 2));
  CYCLOID_TRY(get_int(context.node(), "k", 0));
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", dtype_of(context, 0)));
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(dtype, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_eye_like(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const std::int64_t k, get_int(context.node(), "k", 0));
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", x->dtype()));
  if (x->rank() != 2 || dtype == DType::kString)
    return invalid_argument("it makes a matrix of numbers, not {} of shape {}", to_string(dtype), to_string(x->dims()));
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, x->dims()));
  if (y.byte_count() != 0) std::memset(y.mutable_bytes(), 0, y.byte_count());
  const std::int64_t one = 1;
  for (std::int64_t i = 0; i < x->dim(0); ++i) {
    if (k > INT64_MAX - i) break;
    const std::int64_t j = i + k;
    if (j >= 0 && j < x->dim(1)) store<std::int64_t>(y, i * x->dim(1) + j, std::span<const std::int64_t>(&one, 1));
  }
  return std::vector<Datum>{std::move(y)};
}

// --- Identity: of any type, sequences and optionals too.
Status infer_identity(InferContext& context) {
  context.set_output(0, *context.input(0));
  if (auto data = context.shape_data(0)) context.set_shape_data(0, *std::move(data));
  return {};
}

Outputs evaluate_identity(EvalContext& context) { return std::vector<Datum>{*context.input(0)}; }

}  // namespace

constinit const Op kConstant{.name = "Constant", .since = 25, .infer = infer_constant, .evaluate = evaluate_constant};

constinit const Op kConstantOfShape{
    .name = "ConstantOfShape",
    .since = 25,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_constant_of_shape,
    .evaluate = evaluate_constant_of_shape,
    .dtypes = {DType::kInt64},
};

constinit const Op kRange{
    .name = "Range",
    .since = 27,
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = infer_range,
    .evaluate = evaluate_range,
    .dtypes = kFloats | DTypeSet{DType::kInt16, DType::kInt32, DType::kInt64},
};

constinit const Op kEyeLike{
    .name = "EyeLike",
    .since = 22,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_eye_like,
    .evaluate = evaluate_eye_like,
    .dtypes = kNumbers | kBools,
};

constinit const Op kIdentity{
    .name = "Identity",
    .since = 25,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_identity,
    .evaluate = evaluate_identity,
};

}  // namespace cycloid
