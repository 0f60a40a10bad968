// LayerNormalization and RMSNormalization: rows over the trailing axes, divided by their spread, scaled and shifted.
#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/normalization/list.h"

namespace cycloid {
namespace {

Result<std::size_t> first_axis(const Node& node, std::size_t rank) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(node, "axis", -1));
  CYCLOID_ASSIGN(const std::int64_t normal, normalize_axis(axis, rank));
  return static_cast<std::size_t>(normal);
}

// The type Mean and InvStdDev are given in.
Result<DType> stash_type(const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t dtype, get_int(node, "stash_type", 1));
  if (dtype != static_cast<int>(DType::kFloat32) && dtype != static_cast<int>(DType::kFloat64) &&
      dtype != static_cast<int>(DType::kFloat16) && dtype != static_cast<int>(DType::kBFloat16)) {
    return invalid_model("stash_type {} is no floating-point type", dtype);
  }
  return static_cast<DType>(dtype);
}

Status infer(InferContext& context) {
  CYCLOID_TRY(check_tensor(context, 0));
  const Shape* x = shape_of(context, 0);
  CYCLOID_ASSIGN(const DType stash, stash_type(context.node()));
  std::optional<Shape> rows;
  if (x != nullptr) {
    CYCLOID_ASSIGN(const std::size_t axis, first_axis(context.node(), x->size()));
    rows = *x;
    for (std::size_t i = axis; i < rows->size(); ++i) (*rows)[i] = 1;
    for (std::size_t i = 1; i < 3; ++i) {
      const Shape* other = shape_of(context, i);
      if (other != nullptr && !broadcasts_to(*other, *x)) {
        return invalid_model("input {} of shape {} does not broadcast to X's {}", i, to_string(*other), to_string(*x));
      }
    }
  }
  context.set_output(0, *context.input(0));
  for (std::size_t i = 1; i < context.output_count(); ++i) context.set_output(i, tensor_type(stash, rows));
  return {};
}

// y = row * scale + bias, both broadcast to x's shape.
Result<Tensor> scale_and_shift(EvalContext& context, const Tensor& x, std::vector<double> rows) {
  for (std::size_t i = 1; i < 3; ++i) {
    const Tensor* other = context.optional_tensor(i);
    if (other == nullptr) continue;
    CYCLOID_ASSIGN(const Dims dims, broadcast(x.dims(), other->dims()));
    if (dims != x.dims())
      return invalid_argument("input {} of shape {} does not broadcast to {}", i, to_string(other->dims()),
                              to_string(x.dims()));
    const std::vector<double> values = load_all<double>(*other);
    std::vector<std::int64_t> offsets(rows.size());
    BroadcastWalk(other->dims(), x.dims()).next(offsets);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double value = values[static_cast<std::size_t>(offsets[k])];
      rows[k] = i == 1 ? rows[k] * value : rows[k] + value;
    }
  }
  return make_tensor<double>(context, x.dtype(), x.dims(), rows);
}

Result<std::vector<Datum>> evaluate_rows(EvalContext& context, bool centre) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const std::size_t axis, first_axis(context.node(), x->rank()));
  CYCLOID_ASSIGN(const DType stash, stash_type(context.node()));
  CYCLOID_ASSIGN(const float epsilon, get_float(context.node(), "epsilon", 1e-5F));
  Dims row_dims = x->dims();
  std::size_t each = 1;
  for (std::size_t i = axis; i < row_dims.size(); ++i) {
    each *= static_cast<std::size_t>(row_dims[i]);
    row_dims[i] = 1;
  }
  std::vector<double> rows = load_all<double>(*x);
  std::vector<double> means;
  std::vector<double> inverses;
  for (std::size_t first = 0; each != 0 && first < rows.size(); first += each) {
    const auto row = std::span(rows).subspan(first, each);
    double mean = 0;
    double square = 0;
    if (centre) {
      for (const double v : row) mean += v;
      mean /= static_cast<double>(each);
    }
    for (const double v : row) square += (v - mean) * (v - mean);
    const double inverse = 1 / std::sqrt(square / static_cast<double>(each) + epsilon);
    for (double& v : row) v = (v - mean) * inverse;
    means.push_back(mean);
    inverses.push_back(inverse);
  }
  CYCLOID_ASSIGN(Tensor y, scale_and_shift(context, *x, std::move(rows)));
  std::vector<Datum> outputs{std::move(y)};
  if (context.output_count() > 1) {
    if (each == 0) return unsupported("Mean of rows without elements");
    CYCLOID_ASSIGN(Tensor mean, make_tensor<double>(context, stash, row_dims, means));
    CYCLOID_ASSIGN(Tensor inverse, make_tensor<double>(context, stash, row_dims, inverses));
    outputs.emplace_back(std::move(mean));
    outputs.emplace_back(std::move(inverse));
  }
  return outputs;
}

Result<std::vector<Datum>> evaluate_layer(EvalContext& context) { return evaluate_rows(context, true); }
Result<std::vector<Datum>> evaluate_rms(EvalContext& context) { return evaluate_rows(context, false); }

constinit const Op kLayerNormalization{.name = "LayerNormalization",
                                       .since = 17,
                                       .min_inputs = 2,
                                       .max_inputs = 3,
                                       .max_outputs = 3,
                                       .infer = infer,
                                       .evaluate = evaluate_layer,
                                       .cost = cost_per_output<8>,
                                       .dtypes = kFloats};
constinit const Op kRmsNormalization{.name = "RMSNormalization",
                                     .since = 23,
                                     .min_inputs = 2,
                                     .max_inputs = 2,
                                     .infer = infer,
                                     .evaluate = evaluate_rms,
                                     .cost = cost_per_output<6>,
                                     .dtypes = kFloats};

}  // namespace

void add_layer_normalization_ops(OpList& list) { list.insert(list.end(), {&kLayerNormalization, &kRmsNormalization}); }

}  // namespace cycloid
