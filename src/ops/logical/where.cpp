#include "ops/logical/where.h"

#include <cstring>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context, {1, 2}));
  CYCLOID_ASSIGN(auto shape, broadcast_inputs(context));
  context.set_output(0, tensor_type(dtype, std::move(shape)));
  // A choice between sizes whose condition is known.
  const auto condition = constant_ints(context, 0);
  const auto x = context.shape_data(1);
  const auto y = context.shape_data(2);
  if (!condition || !x || !y || condition->empty() || x->empty() || y->empty()) return {};
  const std::size_t n = std::max({condition->size(), x->size(), y->size()});
  const auto fits = [n](std::size_t size) { return size == n || size == 1; };
  if (!fits(condition->size()) || !fits(x->size()) || !fits(y->size())) return {};
  ShapeData data;
  for (std::size_t i = 0; i < n; ++i) {
    const bool first = (*condition)[condition->size() == 1 ? 0 : i] != 0;
    const ShapeData& from = first ? *x : *y;
    data.push_back(from[from.size() == 1 ? 0 : i]);
  }
  context.set_shape_data(0, std::move(data));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* condition, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(1));
  CYCLOID_ASSIGN(const Tensor* y, context.tensor(2));
  if (condition->dtype() != DType::kBool || x->dtype() != y->dtype())
    return invalid_argument("the inputs have wrong types");
  CYCLOID_ASSIGN(Dims dims, broadcast(x->dims(), y->dims()));
  CYCLOID_ASSIGN(dims, broadcast(dims, condition->dims()));
  CYCLOID_ASSIGN(Tensor result, context.allocate(x->dtype(), dims));
  BroadcastWalk walks[] = {{condition->dims(), dims}, {x->dims(), dims}, {y->dims(), dims}};
  const auto flags = condition->data<bool>();
  const std::size_t size = size_of(x->dtype());
  std::byte* to = size != 0 ? result.mutable_bytes() : nullptr;
  for (std::size_t i = 0; i < static_cast<std::size_t>(result.element_count()); ++i) {
    std::int64_t at[3];
    for (int k = 0; k < 3; ++k) walks[k].next(std::span(&at[k], 1));
    const bool first = flags[static_cast<std::size_t>(at[0])];
    const Tensor& from = first ? *x : *y;
    const auto j = static_cast<std::size_t>(first ? at[1] : at[2]);
    if (size == 0) {
      result.mutable_data<std::string>()[i] = from.data<std::string>()[j];
    } else {
      std::memcpy(to + i * size, from.bytes() + j * size, size);
    }
  }
  return std::vector<Datum>{std::move(result)};
}

}  // namespace

constinit const Op kWhere{
    .name = "Where",
    .since = 16,
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = infer,
    .evaluate = evaluate,
    .dtypes = kBools,
};

}  // namespace cycloid
