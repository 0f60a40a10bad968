#include "ops/tensor/reshape.h"

#include <algorithm>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"

namespace cycloid {

namespace {

// What -1 stands for, once the sizes that 0 copies are taken off both sides.
Result<Dim> rest_beside_copies(const Shape& input, const ShapeData& target) {
  Dim left = 1;
  Dim given = 1;
  for (std::size_t i = 0; i < std::max(input.size(), target.size()); ++i) {
    const bool copied = i < target.size() && target[i].is(0);
    if (!copied && i < input.size()) left = left * input[i];
    if (!copied && i < target.size() && !target[i].is(-1)) given = given * target[i];
  }
  if (left.is_known() && given.is_known() && left.value() % given.value() != 0) {
    return invalid_argument("a tensor of shape {} cannot be reshaped to {}", to_string(input), to_string(target));
  }
  return Dim::floor_div(left, given);
}

}  // namespace

Result<Shape> reshape_shape(const Shape& input, const ShapeData& target, bool allow_zero) {
  Shape output;
  std::optional<std::size_t> rest;
  bool has_zero = false;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i].is(-1)) {
      if (rest) return invalid_argument("shape {} has -1 more than once", to_string(target));
      rest = i;
      output.emplace_back(1);
    } else if (target[i].is(0) && !allow_zero) {
      if (i >= input.size())
        return invalid_argument("shape {} copies axis {}, which {} lacks", to_string(target), i, to_string(input));
      output.push_back(input[i]);
    } else if (target[i].is_known() && target[i].value() < 0) {
      return invalid_argument("shape {} has a negative size", to_string(target));
    } else {
      has_zero = has_zero || target[i].is(0);
      output.push_back(target[i]);
    }
  }
  if (rest && has_zero) return invalid_argument("shape {} has both 0 and -1, which leaves -1 open", to_string(target));
  const Dim count = element_count(input);
  const Dim others = element_count(output);
  const auto differ = [&] {
    return invalid_argument("a tensor of shape {} cannot be reshaped to {}", to_string(input), to_string(target));
  };
  if (!rest) {
    if (count.is_known() && others.is_known() && !(count == others)) return differ();
    return output;
  }
  if (count.is_known() && others.is_known()) {
    if (others.is(0)) {  // a copied size is 0; it stands on both sides, and the sizes beside it say what is left
      CYCLOID_ASSIGN(output[*rest], rest_beside_copies(input, target));
      return output;
    }
    if (count.value() % others.value() != 0) return differ();
  }
  output[*rest] = Dim::floor_div(count, others);
  return output;
}

Result<Dims> reshaped_dims(const Dims& input, const std::vector<std::int64_t>& target, bool allow_zero) {
  CYCLOID_ASSIGN(const Shape symbolic, reshape_shape(to_shape(input), {target.begin(), target.end()}, allow_zero));
  CYCLOID_ASSIGN(Dims dims, concrete(symbolic));
  if (element_count(dims) != element_count(input))
    return invalid_argument("a tensor of shape {} cannot be reshaped to {}", to_string(input), to_string(dims));
  return dims;
}

namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t allow_zero, get_int(context.node(), "allowzero", 0));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType shape, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(shape, 1, "shape"));
  ValueType y = ValueType::tensor(x.dtype);
  const auto target = context.shape_data(1);
  if (target && x.shape) {
    CYCLOID_ASSIGN(y.shape, reshape_shape(*x.shape, *target, allow_zero != 0));
  } else if (target) {
    y.shape = *target;
    for (Dim& dim : *y.shape) {
      if (dim.is(-1) || (dim.is(0) && allow_zero == 0)) dim = Dim::unknown();
    }
  } else if (shape.shape && (*shape.shape)[0].is_known()) {
    constexpr std::int64_t kMostAxes = 1024;
    const std::int64_t rank = (*shape.shape)[0].value();
    if (rank > kMostAxes) return invalid_argument("a tensor of {} axes", rank);
    y.shape.emplace();
    for (std::int64_t i = 0; i < rank; ++i) y.shape->push_back(Dim::unknown());
  }
  const bool flat = y.shape && y.shape->size() <= 1;
  context.set_output(0, std::move(y));
  if (auto data = context.shape_data(0); data && flat) context.set_shape_data(0, *std::move(data));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t allow_zero, get_int(context.node(), "allowzero", 0));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* shape, tensor_input(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(*shape, 1, "shape"));
  CYCLOID_ASSIGN(const auto target, integers(*shape, "shape"));
  CYCLOID_ASSIGN(Dims dims, reshaped_dims(x->dims(), target, allow_zero != 0));
  return outputs(x->reshaped(std::move(dims)));
}

}  // namespace

const Op kReshape = {.domain = "",
                     .name = "Reshape",
                     .since = 14,
                     .min_inputs = 2,
                     .max_inputs = 2,
                     .infer = infer,
                     .evaluate = evaluate};

}  // namespace cycloid
