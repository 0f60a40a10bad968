// Scaler, Normalizer, Imputer and Binarizer: features made fit for a model.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/ml/list.h"
#include "ops/ml/rows.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

Status infer_float(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFeatureTypes));
  x.dtype = DType::kFloat32;
  context.set_output(0, std::move(x));
  return {};
}

// The result of a function of (value, column) of every element, as float32.
template <class F>
Result<std::vector<Datum>> map_columns(const EvalContext& context, const Tensor& x, std::int64_t columns, const F& f) {
  CYCLOID_ASSIGN(std::vector<double> values, doubles(x));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = f(values[i], i % static_cast<std::size_t>(std::max<std::int64_t>(columns, 1)));
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, DType::kFloat32, x.dims(), values));
  return outputs(std::move(y));
}

Result<std::vector<Datum>> evaluate_scaler(EvalContext& context) {
  CYCLOID_ASSIGN(const auto offset, get_floats(context.node(), "offset"));
  CYCLOID_ASSIGN(const auto scale, get_floats(context.node(), "scale"));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFeatureTypes));
  const std::int64_t columns = x->rank() > 0 ? x->dims().back() : 1;
  for (const auto* list : {&offset, &scale}) {
    if (list->size() != 1 && static_cast<std::int64_t>(list->size()) != columns) {
      return invalid_argument("offset and scale have {} and {} elements, but X has {} columns", offset.size(),
                              scale.size(), columns);
    }
  }
  return map_columns(context, *x, columns, [&](double value, std::size_t column) {
    const auto at = [column](const std::vector<float>& list) {
      return static_cast<double>(list[list.size() == 1 ? 0 : column]);
    };
    return (value - at(offset)) * at(scale);
  });
}

enum class Norm { kMax, kL1, kL2 };

Result<Norm> norm_of(const Node& node) {
  CYCLOID_ASSIGN(const std::string name, get_string(node, "norm", "MAX"));
  if (name == "MAX") return Norm::kMax;
  if (name == "L1") return Norm::kL1;
  if (name == "L2") return Norm::kL2;
  return invalid_model("norm '{}' is none of MAX, L1 and L2", name);
}

Status infer_normalizer(InferContext& context) {
  CYCLOID_TRY(norm_of(context.node()));
  CYCLOID_TRY(feature_rows(context));
  return infer_float(context);
}

Result<std::vector<Datum>> evaluate_normalizer(EvalContext& context) {
  CYCLOID_ASSIGN(const Norm norm, norm_of(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFeatureTypes));
  CYCLOID_ASSIGN(FeatureRows rows, FeatureRows::read(context));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const auto row = std::span(rows.values)
                         .subspan(static_cast<std::size_t>(i * rows.columns), static_cast<std::size_t>(rows.columns));
    double length = 0;
    if (norm == Norm::kMax && !row.empty()) length = *std::ranges::max_element(row);
    for (const double value : row) {
      if (norm == Norm::kL1) length += std::abs(value);
      if (norm == Norm::kL2) length += value * value;
    }
    if (norm == Norm::kL2) length = std::sqrt(length);
    if (length == 0) continue;  // nothing to divide by: the row stays as it is
    for (double& value : row) value /= length;
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, DType::kFloat32, x->dims(), rows.values));
  return outputs(std::move(y));
}

Status infer_same_features(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFeatureTypes));
  context.set_output(0, std::move(x));
  return {};
}

// Replaces values by those imputed, one for all columns or one a column.
template <class T>
Result<std::vector<Datum>> impute(const Tensor& x, T replaced, const std::vector<T>& imputed, bool replaces_nan) {
  const std::int64_t columns = x.rank() > 0 ? x.dims().back() : 1;
  if (imputed.size() != 1 && static_cast<std::int64_t>(imputed.size()) != columns) {
    return invalid_argument("{} imputed values do not fit {} columns", imputed.size(), columns);
  }
  Tensor y = x;
  dispatch<float, double, std::int64_t, std::int32_t>(x.dtype(), [&]<class E>(E) {
    const auto to = y.mutable_data<E>();
    for (std::size_t i = 0; i < to.size(); ++i) {
      bool hit = to[i] == static_cast<E>(replaced);
      if constexpr (std::is_floating_point_v<E>) hit = replaces_nan ? std::isnan(to[i]) : hit;
      if (hit) to[i] = static_cast<E>(imputed[imputed.size() == 1 ? 0 : i % static_cast<std::size_t>(columns)]);
    }
  });
  return outputs(std::move(y));
}

Result<std::vector<Datum>> evaluate_imputer(EvalContext& context) {
  const Node& node = context.node();
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFeatureTypes));
  if (is_floating_point(x->dtype())) {
    CYCLOID_ASSIGN(const auto imputed, get_floats(node, "imputed_value_floats"));
    CYCLOID_ASSIGN(const float replaced, get_float(node, "replaced_value_float", 0));
    return impute<float>(*x, replaced, imputed, std::isnan(replaced));
  }
  CYCLOID_ASSIGN(const auto imputed, get_ints(node, "imputed_value_int64s"));
  CYCLOID_ASSIGN(const std::int64_t replaced, get_int(node, "replaced_value_int64", 0));
  return impute<std::int64_t>(*x, replaced, imputed, false);
}

Result<std::vector<Datum>> evaluate_binarizer(EvalContext& context) {
  CYCLOID_ASSIGN(const float threshold, get_float(context.node(), "threshold", 0));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFeatureTypes));
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  for (double& value : values) value = value > static_cast<double>(threshold) ? 1 : 0;
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), values));
  return outputs(std::move(y));
}

Result<Cost> scaler_cost(const Graph& graph, const Node& node) { return cost_per_output(graph, node, 2); }

}  // namespace

const Op kScaler = {.domain = "ai.onnx.ml",
                    .name = "Scaler",
                    .since = 1,
                    .min_inputs = 1,
                    .max_inputs = 1,
                    .infer = infer_float,
                    .evaluate = evaluate_scaler,
                    .cost = scaler_cost};
const Op kNormalizer = {.domain = "ai.onnx.ml",
                        .name = "Normalizer",
                        .since = 1,
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .infer = infer_normalizer,
                        .evaluate = evaluate_normalizer,
                        .cost = scaler_cost};
const Op kImputer = {.domain = "ai.onnx.ml",
                     .name = "Imputer",
                     .since = 1,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .infer = infer_same_features,
                     .evaluate = evaluate_imputer};
const Op kBinarizer = {.domain = "ai.onnx.ml",
                       .name = "Binarizer",
                       .since = 1,
                       .min_inputs = 1,
                       .max_inputs = 1,
                       .infer = infer_same_features,
                       .evaluate = evaluate_binarizer};

}  // namespace cycloid
