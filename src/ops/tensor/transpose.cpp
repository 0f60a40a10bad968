#include "ops/tensor/transpose.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<std::vector<std::int64_t>> transpose_permutation(const Node& node, std::size_t rank) {
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  if (!has_attribute(node, "perm")) return reversed;
  CYCLOID_ASSIGN(const auto perm, get_ints(node, "perm"));
  if (perm.size() != rank) return invalid_argument("perm has {} axes, but the tensor has {}", perm.size(), rank);
  // Negative axes have no meaning here.
  for (const std::int64_t axis : perm) {
    if (axis < 0) return invalid_argument("perm has the axis {}; axes must be in [0, {})", axis, rank);
  }
  return normalize_axes(perm, rank);
}

namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  ValueType y = ValueType::tensor(x.dtype);
  if (x.shape) {
    CYCLOID_ASSIGN(const auto perm, transpose_permutation(context.node(), x.shape->size()));
    y.shape.emplace();
    for (const std::int64_t axis : perm) y.shape->push_back((*x.shape)[static_cast<std::size_t>(axis)]);
    if (auto data = context.shape_data(0)) context.set_shape_data(0, *std::move(data));  // of rank 0 or 1: unchanged
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const auto perm, transpose_permutation(context.node(), x->rank()));
  CYCLOID_ASSIGN(Tensor y, transposed(*x, perm));
  return outputs(std::move(y));
}

}  // namespace

const Op kTranspose = {.domain = "",
                       .name = "Transpose",
                       .since = 1,
                       .min_inputs = 1,
                       .max_inputs = 1,
                       .infer = infer,
                       .evaluate = evaluate};

}  // namespace cycloid
