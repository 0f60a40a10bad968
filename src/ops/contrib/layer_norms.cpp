// SimplifiedLayerNormalization (which ONNX Runtime puts into ai.onnx), SkipLayerNormalization and
// SkipSimplifiedLayerNormalization, EmbedLayerNormalization: rows divided by their spread, after sums.
#include <cmath>

#include "base/error.h"
#include "ops/contrib/list.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

// Scale and shift of a normalised row; an empty shift is none.
struct RowNorm {
  bool centre = true;  // subtract the mean
  double epsilon = 0;
  std::vector<double> scale;
  std::vector<double> shift;

  // Normalises every row; gives 1 / sqrt(variance + epsilon) of each.
  std::vector<double> apply(std::vector<double>& rows) const {
    std::vector<double> inverses;
    const std::size_t size = scale.size();
    for (std::size_t first = 0; size != 0 && first < rows.size(); first += size) {
      const std::span<double> row = std::span(rows).subspan(first, size);
      double mean = 0;
      if (centre) {
        for (const double value : row) mean += value;
        mean /= static_cast<double>(size);
      }
      double square = 0;
      for (const double value : row) square += (value - mean) * (value - mean);
      inverses.push_back(1 / std::sqrt(square / static_cast<double>(size) + epsilon));
      for (std::size_t i = 0; i < size; ++i)
        row[i] = (row[i] - mean) * inverses.back() * scale[i] + (shift.empty() ? 0 : shift[i]);
    }
    return inverses;
  }
};

// Input `i` as a row of `size` numbers; nothing where it is absent.
Result<std::vector<double>> read_row(const EvalContext& context, std::size_t i, std::int64_t size) {
  if (i >= context.input_count()) return std::vector<double>();
  CYCLOID_ASSIGN(const Tensor* tensor, optional_tensor_input(context, i, kFloats));
  if (tensor == nullptr) return std::vector<double>();
  if (tensor->dims() != Dims{size})
    return invalid_argument("input {} must have shape [{}], not {}", i, size, to_string(tensor->dims()));
  return doubles(*tensor);
}

Status check_row(const InferContext& context, std::size_t i, const Dim& size) {
  if (i >= context.input_count()) return {};
  CYCLOID_ASSIGN(const auto type, optional_input_type(context, i, kFloats));
  if (!type) return {};
  CYCLOID_TRY(check_rank(*type, 1, "scale, shift and bias"));
  return type->shape ? check_equal((*type->shape)[0], size, "the size of scale, shift or bias, and of a row")
                     : Status{};
}

Result<double> epsilon_of(const Node& node, float fallback) {
  CYCLOID_ASSIGN(const float epsilon, get_float(node, "epsilon", fallback));
  if (!(epsilon >= 0)) return invalid_model("epsilon must not be negative, but is {}", epsilon);
  return static_cast<double>(epsilon);
}

Result<std::size_t> first_axis(const Node& node, std::size_t rank) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(node, "axis", -1));
  CYCLOID_ASSIGN(const std::int64_t normal, normalize_axis(axis, rank));
  return static_cast<std::size_t>(normal);
}

Status infer_simplified(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_TRY(epsilon_of(context.node(), 1e-5F));
  ValueType spread = ValueType::tensor(DType::kFloat32);
  if (x.shape) {
    CYCLOID_ASSIGN(const std::size_t axis, first_axis(context.node(), x.shape->size()));
    spread.shape = x.shape;
    Dim size = 1;
    for (std::size_t i = axis; i < x.shape->size(); ++i) {
      size = size * (*x.shape)[i];
      (*spread.shape)[i] = 1;
    }
    CYCLOID_ASSIGN(const ValueType scale, input_type(context, 1, kFloats));
    if (scale.shape) CYCLOID_TRY(check_equal(element_count(*scale.shape), size, "the elements of scale and of a row"));
  }
  context.set_output(0, std::move(x));
  if (wants_output(context, 1)) context.set_output(1, std::move(spread));
  return {};
}

Result<std::vector<Datum>> evaluate_simplified(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* scale, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const std::size_t axis, first_axis(context.node(), x->rank()));
  RowNorm norm;
  norm.centre = false;
  CYCLOID_ASSIGN(norm.epsilon, epsilon_of(context.node(), 1e-5F));
  CYCLOID_ASSIGN(norm.scale, doubles(*scale));
  Dims spread_dims = x->dims();
  std::int64_t size = 1;
  for (std::size_t i = axis; i < x->rank(); ++i) {
    size *= x->dim(i);
    spread_dims[i] = 1;
  }
  if (scale->element_count() != size)
    return invalid_argument("a scale of {} for rows of {}", to_string(scale->dims()), size);
  CYCLOID_ASSIGN(std::vector<double> rows, doubles(*x));
  const std::vector<double> inverses = norm.apply(rows);
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), rows));
  std::vector<Datum> data = outputs(std::move(y));
  if (wants_output(context, 1)) {
    if (size == 0) return unsupported("the spread of rows without elements");
    CYCLOID_ASSIGN(Tensor spread, make_tensor<double>(context, DType::kFloat32, spread_dims, inverses));
    data.emplace_back(std::move(spread));
  }
  return data;
}

// --- input + skip (+ bias), normalised. Outputs 1 and 2 are of training; ONNX Runtime's CPU provider leaves them unset.
Status check_skip(const Shape& x, const Shape& skip) {
  if (x.size() != 2 && x.size() != 3)
    return invalid_argument("the input must have rank 2 or 3, but its shape is {}", to_string(x));
  const bool fits = skip.size() == x.size() || (skip.size() == 2 && x.size() == 3);
  if (!fits) return invalid_argument("skip {} does not fit the input {}", to_string(skip), to_string(x));
  for (std::size_t i = 0; i < skip.size(); ++i) {
    const std::size_t at = i + x.size() - skip.size();
    if (at == 0 && skip[i].is(1) && x.size() == 3) continue;  // one skip for the whole batch
    CYCLOID_TRY(check_equal(skip[i], x[at], "sizes of the input and of skip"));
  }
  return {};
}

template <bool kCentre>
Status infer_skip(InferContext& context) {
  CYCLOID_TRY(epsilon_of(context.node(), 1e-12F));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType skip, input_type(context, 1, kFloats));
  CYCLOID_TRY(input_type(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(x, skip, "the input and skip"));
  for (std::size_t i = 1; i < 3; ++i) {
    if (wants_output(context, i)) return unsupported("output {} (a statistic of training)", i);
  }
  if (x.shape && skip.shape) CYCLOID_TRY(check_skip(*x.shape, *skip.shape));
  for (std::size_t i = 2; x.shape && !x.shape->empty() && i < 5; ++i)
    CYCLOID_TRY(check_row(context, i, x.shape->back()));
  if (wants_output(context, 3)) context.set_output(3, x);
  context.set_output(0, std::move(x));
  return {};
}

template <bool kCentre>
Result<std::vector<Datum>> evaluate_skip(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* skip, tensor_input(context, 1, kFloats));
  CYCLOID_TRY(check_skip(to_shape(x->dims()), to_shape(skip->dims())));
  const std::int64_t size = x->dims().back();
  RowNorm norm;
  norm.centre = kCentre;
  CYCLOID_ASSIGN(norm.epsilon, epsilon_of(context.node(), 1e-12F));
  CYCLOID_ASSIGN(norm.scale, read_row(context, 2, size));
  if (kCentre) {
    CYCLOID_ASSIGN(norm.shift, read_row(context, 3, size));
  }
  CYCLOID_ASSIGN(const std::vector<double> bias, read_row(context, kCentre ? 4 : 3, size));
  if (static_cast<std::int64_t>(norm.scale.size()) != size) return invalid_argument("gamma is absent");
  CYCLOID_ASSIGN(std::vector<double> rows, doubles(*x));
  CYCLOID_ASSIGN(const std::vector<double> other, doubles(*skip));
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] += other[i % other.size()] + (bias.empty() ? 0 : bias[i % bias.size()]);
  Tensor sum;
  if (wants_output(context, 3)) {
    CYCLOID_ASSIGN(sum, make_tensor<double>(context, x->dtype(), x->dims(), rows));
  }
  norm.apply(rows);
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), rows));
  std::vector<Datum> data(context.output_count());
  data[0] = std::move(y);
  if (wants_output(context, 3)) data[3] = std::move(sum);
  return data;
}

}  // namespace

const Op kSimplifiedLayerNormalization = {.domain = "",
                                          .name = "SimplifiedLayerNormalization",
                                          .min_inputs = 2,
                                          .max_inputs = 2,
                                          .max_outputs = 2,
                                          .infer = infer_simplified,
                                          .evaluate = evaluate_simplified,
                                          .cost = cost_per_output<6>,
                                          .dtypes = kFloats};
const Op kSkipLayerNormalization = {.domain = kMicrosoft,
                                    .name = "SkipLayerNormalization",
                                    .min_inputs = 3,
                                    .max_inputs = 5,
                                    .max_outputs = 4,
                                    .infer = infer_skip<true>,
                                    .evaluate = evaluate_skip<true>,
                                    .cost = cost_per_output<10>,
                                    .dtypes = kFloats};
const Op kSkipSimplifiedLayerNormalization = {.domain = kMicrosoft,
                                              .name = "SkipSimplifiedLayerNormalization",
                                              .min_inputs = 3,
                                              .max_inputs = 4,
                                              .max_outputs = 4,
                                              .infer = infer_skip<false>,
                                              .evaluate = evaluate_skip<false>,
                                              .cost = cost_per_output<8>,
                                              .dtypes = kFloats};

}  // namespace cycloid
