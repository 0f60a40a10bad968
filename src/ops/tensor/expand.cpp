#include "ops/tensor/expand.h"

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer_expand(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType shape, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(shape, 1, "shape"));
  ValueType y = ValueType::tensor(x.dtype);
  if (const auto target = context.shape_data(1); target && x.shape) {
    for (const Dim& dim : *target) {
      if (dim.is_known() && dim.value() < 0)
        return invalid_argument("shape {} has a negative size", to_string(*target));
    }
    CYCLOID_ASSIGN(y.shape, broadcast(*x.shape, *target));
  } else if (x.shape && shape.shape && (*shape.shape)[0].is_known()) {
    constexpr std::int64_t kMostAxes = 1024;
    const std::int64_t rank = (*shape.shape)[0].value();
    if (rank > kMostAxes) return invalid_argument("a tensor of {} axes", rank);
    y.shape = Shape(std::max(x.shape->size(), static_cast<std::size_t>(rank)));
    for (Dim& dim : *y.shape) dim = Dim::unknown();
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_expand(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* shape, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Dims target, integers(*shape, "shape"));
  CYCLOID_ASSIGN(const Dims dims, expanded_dims(x->dims(), target));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, broadcast_to(*x, dims));
  return outputs(std::move(y));
}

Status check_repeats(const std::vector<std::int64_t>& repeats, std::size_t rank) {
  if (repeats.size() != rank)
    return invalid_argument("repeats has {} counts, but the input has rank {}", repeats.size(), rank);
  for (const std::int64_t repeat : repeats) {
    if (repeat < 0) return invalid_argument("repeats has the negative count {}", repeat);
  }
  return {};
}

Status infer_tile(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType repeats, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(repeats, 1, "repeats"));
  ValueType y = x;
  if (x.shape) {
    if (const auto known = known_integers(context, 1)) CYCLOID_TRY(check_repeats(*known, x.shape->size()));
    const auto counts = context.shape_data(1);
    for (std::size_t i = 0; i < x.shape->size(); ++i) {
      (*y.shape)[i] = counts && counts->size() == x.shape->size() ? (*x.shape)[i] * (*counts)[i] : Dim::unknown();
    }
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_tile(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* repeat_tensor, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const auto repeats, integers(*repeat_tensor, "repeats"));
  CYCLOID_ASSIGN(const Dims dims, tiled_dims(x->dims(), repeats));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  // Axis i as two: the repetition, over which the source does not move, and the axis itself.
  const Dims strides = strides_of(x->dims());
  Dims pairs;
  Dims pair_strides;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    pairs.insert(pairs.end(), {repeats[i], x->dim(i)});
    pair_strides.insert(pair_strides.end(), {0, strides[i]});
  }
  if (element_count(dims) == 0) {
    CYCLOID_ASSIGN(Tensor none, Tensor::zeros(x->dtype(), dims));
    return outputs(std::move(none));
  }
  CYCLOID_ASSIGN(const Tensor y, strided_copy(*x, std::move(pairs), 0, pair_strides));
  return outputs(y.reshaped(dims));
}

}  // namespace

Result<Dims> expanded_dims(const Dims& dims, const Dims& target) {
  for (const std::int64_t size : target) {
    if (size < 0) return invalid_argument("shape {} has a negative size", to_string(target));
  }
  return broadcast(dims, target);
}

Result<Dims> tiled_dims(const Dims& dims, const std::vector<std::int64_t>& repeats) {
  CYCLOID_TRY(check_repeats(repeats, dims.size()));
  Shape shape;
  for (std::size_t i = 0; i < repeats.size(); ++i) shape.push_back(Dim(dims[i]) * repeats[i]);
  return concrete(shape);
}

const Op kExpand = {.domain = "",
                    .name = "Expand",
                    .since = 8,
                    .min_inputs = 2,
                    .max_inputs = 2,
                    .infer = infer_expand,
                    .evaluate = evaluate_expand};
const Op kTile = {.domain = "",
                  .name = "Tile",
                  .since = 6,
                  .min_inputs = 2,
                  .max_inputs = 2,
                  .infer = infer_tile,
                  .evaluate = evaluate_tile};

}  // namespace cycloid
