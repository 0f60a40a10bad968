#include "ops/quantization/qlinear.h"

#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/lanes.h"
#include "ops/quantization/quantized.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// A scale and zero point given by inputs i and i + 1, both with one element.
struct Quantization {
  float scale = 1;
  double zero_point = 0;

  static Result<Quantization> of(const EvalContext& context, std::size_t i) {
    CYCLOID_TRY(context.tensor(i));  // a zero point may be absent, a scale may not
    CYCLOID_ASSIGN(const double scale, scalar_input(context, i, 1));
    CYCLOID_ASSIGN(const double zero_point, scalar_input(context, i + 1, 0));
    return Quantization{static_cast<float>(scale), zero_point};
  }
  float real(double q) const { return static_cast<float>(q - zero_point) * scale; }
  double quantized(float x, DType dtype) const { return quantize(static_cast<double>(x / scale), zero_point, dtype); }
};

// --- A, a_scale, a_zero_point, B, b_scale, b_zero_point, y_scale, y_zero_point; A and B broadcast.
Status infer_binary(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context, {0, 3}));
  std::optional<Shape> shape;
  if (shape_of(context, 0) != nullptr && shape_of(context, 3) != nullptr) {
    CYCLOID_ASSIGN(shape, broadcast(*shape_of(context, 0), *shape_of(context, 3)));
  }
  context.set_output(0, tensor_type(dtype, std::move(shape)));
  return {};
}

template <bool kProduct>
Outputs evaluate_binary(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* b, context.tensor(3));
  CYCLOID_ASSIGN(const Quantization qa, Quantization::of(context, 1));
  CYCLOID_ASSIGN(const Quantization qb, Quantization::of(context, 4));
  CYCLOID_ASSIGN(const Quantization qy, Quantization::of(context, 6));
  const DType dtype = a->dtype();
  ElementKernel kernel;
  kernel.i64 = binary_chunk<std::int64_t>([=](std::int64_t x, std::int64_t y) {
    const float u = qa.real(static_cast<double>(x));
    const float v = qb.real(static_cast<double>(y));
    return qy.quantized(kProduct ? u * v : u + v, dtype);
  });
  const Tensor* const inputs[] = {a, b};
  CYCLOID_ASSIGN(Tensor y, map_broadcast(context, inputs, dtype, kernel));
  return std::vector<Datum>{std::move(y)};
}

// --- X, x_scale, x_zero_point, y_scale, y_zero_point.
Outputs map_quantized(EvalContext& context, const std::function<float(float)>& f) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Quantization qx, Quantization::of(context, 1));
  CYCLOID_ASSIGN(const Quantization qy, Quantization::of(context, 3));
  std::vector<double> values = load_all<double>(*x);
  for (double& value : values) value = qy.quantized(f(qx.real(value)), x->dtype());
  return quantized_output(context, x->dtype(), x->dims(), values);
}

Outputs evaluate_sigmoid(EvalContext& context) {
  return map_quantized(context, [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
}

Outputs evaluate_leaky_relu(EvalContext& context) {
  CYCLOID_ASSIGN(const float alpha, get_float(context.node(), "alpha", 0.01F));
  return map_quantized(context, [alpha](float x) { return x < 0 ? alpha * x : x; });
}

// --- The same inputs; the mean over the spatial axes, which are the last ones or, with channels_last, the inner ones.
Result<bool> channels_last(const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t last, get_int(node, "channels_last", 0));
  return last != 0;
}

template <class Sizes>
Sizes pooled(Sizes shape, bool last) {
  for (std::size_t i = last ? 1 : 2; i < shape.size() - (last ? 1 : 0); ++i) shape[i] = 1;
  return shape;
}

Status infer_pool(InferContext& context) {
  CYCLOID_TRY(check_rank(context, 0, 2, SIZE_MAX));
  CYCLOID_ASSIGN(const bool last, channels_last(context.node()));
  const Shape* shape = shape_of(context, 0);
  context.set_output(
      0, tensor_type(dtype_of(context, 0), shape != nullptr ? std::optional(pooled(*shape, last)) : std::nullopt));
  return {};
}

Outputs evaluate_pool(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const bool last, channels_last(context.node()));
  CYCLOID_ASSIGN(const Quantization qx, Quantization::of(context, 1));
  CYCLOID_ASSIGN(const Quantization qy, Quantization::of(context, 3));
  if (x->rank() < 2) return invalid_argument("the input must have rank 2 or more");
  const Dims dims = pooled(x->dims(), last);
  const std::int64_t images = element_count(dims).value_or(0);
  const std::int64_t positions = images == 0 ? 0 : x->element_count() / images;
  if (positions == 0 && images != 0) return invalid_argument("a mean over no positions");
  const std::int64_t channels = last ? dims.back() : 1;  // neighbours of one position
  std::vector<double> values;
  std::vector<double> lane(static_cast<std::size_t>(positions));
  for (std::int64_t i = 0; i < images; ++i) {
    load<double>(*x, i / channels * positions * channels + i % channels, lane, channels);
    double sum = 0;
    for (const double q : lane) sum += q - qx.zero_point;
    // In float32 and with one factor, as it rounds elsewhere.
    const float real = static_cast<float>(sum) * (qx.scale / (qy.scale * static_cast<float>(positions)));
    values.push_back(quantize(static_cast<double>(real), qy.zero_point, x->dtype()));
  }
  return quantized_output(context, x->dtype(), dims, values);
}

// --- y_scale, y_zero_point, then X, x_scale, x_zero_point of each tensor.
Status infer_concat(InferContext& context) {
  if (context.input_count() % 3 != 2)
    return invalid_model("it takes 2 inputs and 3 for each tensor, but has {}", context.input_count());
  const Shape* first = shape_of(context, 2);
  std::optional<Shape> shape;
  if (first != nullptr) shape = *first;
  CYCLOID_ASSIGN(const std::int64_t asked, get_int(context.node(), "axis", 0));
  for (std::size_t i = 5; i < context.input_count() && shape; i += 3) {
    const Shape* other = shape_of(context, i);
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(asked, shape->size()));
    if (other == nullptr) {
      shape.reset();
    } else if (other->size() != shape->size()) {
      return invalid_model("inputs 2 and {} differ in rank", i);
    } else {
      Dim& size = (*shape)[static_cast<std::size_t>(axis)];
      size = size + (*other)[static_cast<std::size_t>(axis)];
    }
  }
  context.set_output(0, tensor_type(dtype_of(context, 1), std::move(shape)));
  return {};
}

Outputs evaluate_concat(EvalContext& context) {
  if (context.input_count() % 3 != 2) return invalid_argument("it takes 2 inputs and 3 for each tensor");
  CYCLOID_ASSIGN(const Quantization qy, Quantization::of(context, 0));
  CYCLOID_ASSIGN(const Tensor* first, context.tensor(2));
  CYCLOID_ASSIGN(std::int64_t axis, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(axis, normalize_axis(axis, first->rank()));
  const auto at = static_cast<std::size_t>(axis);
  Dims dims = first->dims();
  dims[at] = 0;
  for (std::size_t i = 2; i < context.input_count(); i += 3) {
    CYCLOID_ASSIGN(const Tensor* x, context.tensor(i));
    Dims other = x->dims();
    if (other.size() != dims.size()) return invalid_argument("the inputs differ in rank");
    dims[at] += other[at];
    other[at] = dims[at];
    if (other != dims) return invalid_argument("the inputs differ in other axes than {}", axis);
  }
  CYCLOID_ASSIGN(Tensor y, context.allocate(first->dtype(), dims));
  const Lanes lanes(dims, axis);
  std::int64_t start = 0;  // elements of each outer index that are written
  for (std::size_t i = 2; i < context.input_count(); i += 3) {
    CYCLOID_ASSIGN(const Tensor* x, context.tensor(i));
    CYCLOID_ASSIGN(const Quantization qx, Quantization::of(context, i + 1));
    const std::int64_t block = x->dim(at) * lanes.inner;
    std::vector<double> values(static_cast<std::size_t>(block));
    for (std::int64_t outer = 0; outer < lanes.outer; ++outer) {
      load<double>(*x, outer * block, values);
      for (double& value : values) value = qy.quantized(qx.real(value), first->dtype());
      store<double>(y, outer * lanes.length * lanes.inner + start, std::span<const double>(values));
    }
    start += block;
  }
  return std::vector<Datum>{std::move(y)};
}

constexpr Op microsoft(std::string_view name, std::size_t min_inputs, std::size_t max_inputs,
                       Status (*infer)(InferContext&), Outputs (*evaluate)(EvalContext&), DTypeSet dtypes = kBytes) {
  return {
      .domain = "com.microsoft",
      .name = name,
      .min_inputs = min_inputs,
      .max_inputs = max_inputs,
      .infer = infer,
      .evaluate = evaluate,
      .cost = cost_per_output<1>,
      .dtypes = dtypes,
  };
}

// Zero points in the middle are optional, so that fewer inputs are required than stand before the last one.
constexpr Op kOps[] = {
    microsoft("QLinearAdd", 2, 8, infer_binary, evaluate_binary<false>),
    microsoft("QLinearMul", 2, 8, infer_binary, evaluate_binary<true>),
    microsoft("QLinearSigmoid", 2, 5, infer_same, evaluate_sigmoid),
    microsoft("QLinearLeakyRelu", 2, 5, infer_same, evaluate_leaky_relu),
    microsoft("QLinearGlobalAveragePool", 2, 5, infer_pool, evaluate_pool),
    microsoft("QLinearConcat", 1, Op::kVariadic, infer_concat, evaluate_concat, {}),
};

}  // namespace

void add_qlinear_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
