// Constant, ConstantOfShape, Identity, Dropout, Range and EyeLike: values from little or nothing.
#include <cmath>

#include "base/error.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/generator/list.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

// The tensor that a Constant node's one attribute gives.
Result<Tensor> constant_value(const Node& node) {
  if (node.attributes.size() != 1) return invalid_model("Constant must have one attribute, but has {}", node.attributes.size());
  const auto& [name, attribute] = *node.attributes.begin();
  if (const auto* tensor = std::get_if<Tensor>(&attribute)) return *tensor;
  if (const auto* value = std::get_if<std::int64_t>(&attribute)) return Tensor::scalar(*value);
  if (const auto* value = std::get_if<float>(&attribute)) return Tensor::scalar(*value);
  if (const auto* value = std::get_if<std::string>(&attribute)) return Tensor::scalar(*value);
  const auto list = [](const auto& values) {
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    return Tensor::of<T>({static_cast<std::int64_t>(values.size())}, std::span<const T>(values));
  };
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<float>>(&attribute)) return list(*values);
  if (const auto* values = std::get_if<std::vector<std::string>>(&attribute)) return list(*values);
  return invalid_model("Constant has no attribute '{}' of that type", name);
}

Status infer_constant(InferContext& context) {
  CYCLOID_ASSIGN(const Tensor value, constant_value(context.node()));
  context.set_output(0, ValueType::of(value));
  if (value.rank() <= 1 && is_integer(value.dtype())) {
    const auto elements = to_int64s(value);
    context.set_shape_data(0, ShapeData(elements.begin(), elements.end()));
  }
  return {};
}

Result<std::vector<Datum>> evaluate_constant(EvalContext& context) {
  CYCLOID_ASSIGN(Tensor value, constant_value(context.node()));
  return std::vector<Datum>{std::move(value)};
}

Status infer_identity(InferContext& context) {
  context.set_output(0, *context.input(0));
  if (auto data = context.shape_data(0)) context.set_shape_data(0, *std::move(data));
  return {};
}

Result<std::vector<Datum>> evaluate_identity(EvalContext& context) { return std::vector<Datum>{*context.input(0)}; }

// The element that ConstantOfShape repeats.
Result<Tensor> fill_value(const Node& node) {
  CYCLOID_ASSIGN(const Tensor* value, get_tensor(node, "value"));
  if (value == nullptr) return Tensor::of<float>({1}, {0.0F});
  if (value->element_count() != 1) return invalid_model("value must have one element, but has shape {}", to_string(value->dims()));
  return *value;
}

Status infer_constant_of_shape(InferContext& context) {
  CYCLOID_TRY(check_dtype(context, 0, {DType::kInt64}));
  CYCLOID_TRY(check_rank(context, 0, 1, 1));
  CYCLOID_ASSIGN(const Tensor value, fill_value(context.node()));
  std::optional<Shape> shape;
  if (const auto sizes = context.shape_data(0)) {
    shape = *sizes;
    for (const Dim& size : *shape) {
      if (size.is_known() && size.value() < 0) return invalid_model("its shape {} has a negative size", to_string(*shape));
    }
  } else if (const Shape* input = shape_of(context, 0); input != nullptr && (*input)[0].is_known() && (*input)[0].value() <= 64) {
    shape.emplace();
    for (std::int64_t i = 0; i < (*input)[0].value(); ++i) shape->push_back(Dim::unknown());
  }
  if (shape && shape->size() == 1 && (*shape)[0].is_known() && (*shape)[0].value() <= 64 && is_integer(value.dtype())) {
    context.set_shape_data(0, ShapeData(static_cast<std::size_t>((*shape)[0].value()), Dim(to_int64s(value)[0])));
  }
  context.set_output(0, tensor_type(value.dtype(), std::move(shape)));
  return {};
}

Result<std::vector<Datum>> evaluate_constant_of_shape(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* sizes, context.tensor(0));
  if (sizes->dtype() != DType::kInt64 || sizes->rank() != 1) return invalid_argument("its input must be a list of int64");
  CYCLOID_ASSIGN(const Tensor value, fill_value(context.node()));
  CYCLOID_ASSIGN(Tensor filled, context.allocate(value.dtype(), to_int64s(*sizes)));
  if (value.dtype() == DType::kString) {
    for (std::string& text : filled.mutable_data<std::string>()) text = value.data<std::string>()[0];
    return std::vector<Datum>{std::move(filled)};
  }
  std::byte* to = filled.mutable_bytes();
  const std::size_t size = size_of(value.dtype());
  for (std::size_t i = 0; i < filled.byte_count(); ++i) to[i] = value.bytes()[i % size];
  return std::vector<Datum>{std::move(filled)};
}

// Training is asked for by the third input.
Status infer_dropout(InferContext& context) {
  CYCLOID_TRY(check_tensor(context, 0));
  context.set_output(0, *context.input(0));
  if (context.output_count() > 1) context.set_output(1, tensor_type(DType::kBool, context.input(0)->shape));
  return {};
}

Result<std::vector<Datum>> evaluate_dropout(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  const Tensor* training = context.optional_tensor(2);
  if (training != nullptr && training->dtype() == DType::kBool && training->element_count() == 1 && training->data<bool>()[0]) {
    const Tensor* ratio = context.optional_tensor(1);
    bool nothing = false;
    if (ratio != nullptr) {
      CYCLOID_ASSIGN(const double value, load_scalar<double>(*ratio, "ratio"));
      nothing = value == 0;
    }
    if (!nothing) return unsupported("Dropout in training mode drops at random; export the model for inference");
  }
  std::vector<Datum> outputs{*x};
  if (context.output_count() > 1) {
    CYCLOID_ASSIGN(Tensor mask, context.allocate(DType::kBool, x->dims()));
    for (bool& kept : mask.mutable_data<bool>()) kept = true;
    outputs.emplace_back(std::move(mask));
  }
  return outputs;
}

constexpr DTypeSet kRangeTypes{DType::kFloat32, DType::kFloat64, DType::kInt16, DType::kInt32, DType::kInt64, DType::kFloat16, DType::kBFloat16};

Status infer_range(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  for (std::size_t i = 0; i < 3; ++i) CYCLOID_TRY(check_rank(context, i, 0, 1));
  Dim count = Dim::unknown();
  const auto start = context.shape_data(0);
  const auto limit = context.shape_data(1);
  const auto delta = context.shape_data(2);
  if (start && limit && delta && (*delta)[0].is_known() && (*delta)[0].value() != 0) {
    const std::int64_t step = (*delta)[0].value();
    const Dim span = step > 0 ? (*limit)[0] - (*start)[0] : (*start)[0] - (*limit)[0];
    count = Dim::max(Dim::ceil_div(span, step > 0 ? step : -step), 0);
    if (count.is_known() && count.value() <= 64) {
      ShapeData data;
      for (std::int64_t i = 0; i < count.value(); ++i) data.push_back((*start)[0] + Dim(i * step));
      context.set_shape_data(0, std::move(data));
    }
  }
  context.set_output(0, tensor_type(dtype, Shape{count}));
  return {};
}

template <class T>
Result<std::vector<Datum>> evaluate_range_as(EvalContext& context, DType dtype) {
  CYCLOID_ASSIGN(const Tensor* start_tensor, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* limit_tensor, context.tensor(1));
  CYCLOID_ASSIGN(const Tensor* delta_tensor, context.tensor(2));
  CYCLOID_ASSIGN(const T start, load_scalar<T>(*start_tensor, "start"));
  CYCLOID_ASSIGN(const T limit, load_scalar<T>(*limit_tensor, "limit"));
  CYCLOID_ASSIGN(const T delta, load_scalar<T>(*delta_tensor, "delta"));
  if (delta == 0) return invalid_argument("delta must not be 0");
  const double count = std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
  if (!(count < 0x1p62)) return invalid_argument("the range has no end");
  CYCLOID_ASSIGN(Tensor range, context.allocate(dtype, {count > 0 ? static_cast<std::int64_t>(count) : 0}));
  std::vector<T> values(static_cast<std::size_t>(range.element_count()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(start + static_cast<T>(i) * delta);
  store<T>(range, 0, values);
  return std::vector<Datum>{std::move(range)};
}

Result<std::vector<Datum>> evaluate_range(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* start, context.tensor(0));
  if (is_integer(start->dtype())) return evaluate_range_as<std::int64_t>(context, start->dtype());
  return evaluate_range_as<double>(context, start->dtype());
}

// The dtype an EyeLike or *Like node asks for, else its input's.
Result<DType> asked_dtype(const Node& node, DType fallback) {
  CYCLOID_ASSIGN(const std::int64_t dtype, get_int(node, "dtype", static_cast<std::int64_t>(fallback)));
  if (dtype < 0 || dtype >= kDTypeCount) return invalid_model("dtype {} is no element type", dtype);
  return static_cast<DType>(dtype);
}

Status infer_eye_like(InferContext& context) {
  CYCLOID_TRY(check_rank(context, 0, 2, 2));
  CYCLOID_ASSIGN(const DType dtype, asked_dtype(context.node(), dtype_of(context, 0)));
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(dtype, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Result<std::vector<Datum>> evaluate_eye_like(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* like, context.tensor(0));
  if (like->rank() != 2) return invalid_argument("its input must have rank 2, but has shape {}", to_string(like->dims()));
  CYCLOID_ASSIGN(const DType dtype, asked_dtype(context.node(), like->dtype()));
  CYCLOID_ASSIGN(const std::int64_t k, get_int(context.node(), "k", 0));
  if (!(kNumbers | kBools).contains(dtype)) return unsupported("EyeLike of {}", to_string(dtype));
  std::vector<double> values(static_cast<std::size_t>(like->element_count()), 0.0);
  const std::int64_t columns = like->dim(1);
  for (std::int64_t row = 0; row < like->dim(0); ++row) {
    const bool inside = k >= 0 ? k < columns - row : row >= -k && row + k < columns;
    if (inside) values[static_cast<std::size_t>(row * columns + row + k)] = 1;
  }
  CYCLOID_ASSIGN(Tensor eye, make_tensor<double>(context, dtype, like->dims(), values));
  return std::vector<Datum>{std::move(eye)};
}

constinit const Op kConstant{.name = "Constant", .since = 13, .infer = infer_constant, .evaluate = evaluate_constant};
constinit const Op kConstantOfShape{
    .name = "ConstantOfShape", .since = 9, .min_inputs = 1, .max_inputs = 1, .infer = infer_constant_of_shape, .evaluate = evaluate_constant_of_shape};
constinit const Op kIdentity{
    .name = "Identity", .since = 16, .min_inputs = 1, .max_inputs = 1, .infer = infer_identity, .evaluate = evaluate_identity};
constinit const Op kDropout{.name = "Dropout",
                            .since = 13,
                            .min_inputs = 1,
                            .max_inputs = 3,
                            .max_outputs = 2,
                            .infer = infer_dropout,
                            .evaluate = evaluate_dropout};
constinit const Op kRange{
    .name = "Range", .since = 11, .min_inputs = 3, .max_inputs = 3, .infer = infer_range, .evaluate = evaluate_range, .dtypes = kRangeTypes};
constinit const Op kEyeLike{.name = "EyeLike", .since = 9, .min_inputs = 1, .max_inputs = 1, .infer = infer_eye_like, .evaluate = evaluate_eye_like};

}  // namespace

void add_constant_ops(OpList& list) {
  list.insert(list.end(), {&kConstant, &kConstantOfShape, &kIdentity, &kDropout, &kRange, &kEyeLike});
}

}  // namespace cycloid
