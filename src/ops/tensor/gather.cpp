// Gather: slices of an axis, picked by indices.
#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/indices.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

template <class Sizes>
Sizes gathered(const Sizes& data, const Sizes& indices, std::size_t axis) {
  Sizes sizes(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  sizes.insert(sizes.end(), indices.begin(), indices.end());
  sizes.insert(sizes.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  return sizes;
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const ValueType data, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kIndexTypes));
  ValueType y = ValueType::tensor(data.dtype);
  if (data.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, data.shape->size()));
    if (indices.shape) y.shape = gathered(*data.shape, *indices.shape, static_cast<std::size_t>(axis));
    const Dim& size = (*data.shape)[static_cast<std::size_t>(axis)];
    const auto known = known_integers(context, 1);
    if (known && size.is_known()) {
      for (const std::int64_t index : *known) CYCLOID_TRY(normalize_index(index, size.value()));
    }
    const auto values = context.shape_data(0);
    if (values && known && data.shape->size() == 1) {
      ShapeData picked;
      for (const std::int64_t index : *known) {
        CYCLOID_ASSIGN(const std::int64_t at, normalize_index(index, static_cast<std::int64_t>(values->size())));
        picked.push_back((*values)[static_cast<std::size_t>(at)]);
      }
      context.set_shape_data(0, std::move(picked));
    }
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const Tensor* data, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* index_tensor, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const std::int64_t signed_axis, normalize_axis(axis_given, data->rank()));
  const auto axis = static_cast<std::size_t>(signed_axis);
  std::vector<std::int64_t> indices = to_int64s(*index_tensor);
  const std::int64_t size = data->dim(axis);
  for (std::int64_t& index : indices) {
    CYCLOID_ASSIGN(index, normalize_index(index, size));
  }
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(data->dtype(), gathered(data->dims(), index_tensor->dims(), axis)));
  if (y.element_count() == 0) return outputs(std::move(y));
  const std::int64_t outer = product(data->dims(), 0, axis);
  const std::int64_t run = product(data->dims(), axis + 1, data->rank());
  const ElementCopier copier(*data, y);
  std::int64_t to = 0;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (const std::int64_t index : indices) {
      copier.copy(to, (i * size + index) * run, run);
      to += run;
    }
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kGather = {.domain = "",
                    .name = "Gather",
                    .since = 11,
                    .min_inputs = 2,
                    .max_inputs = 2,
                    .infer = infer,
                    .evaluate = evaluate};

}  // namespace cycloid
