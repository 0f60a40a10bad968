// CenterCropPad: axes cut, or padded with 0, around their middle to given sizes.
#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Result<std::vector<std::int64_t>> axes_of(const Node& node, std::size_t rank) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  CYCLOID_ASSIGN(axes, get_ints(node, "axes", axes));
  return normalize_axes(axes, rank);
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType sizes, input_type(context, 1, kIndexTypes));
  CYCLOID_TRY(check_rank(sizes, 1, "shape"));
  if (x.shape) {
    CYCLOID_ASSIGN(const auto axes, axes_of(context.node(), x.shape->size()));
    const auto data = context.shape_data(1);
    if (data && data->size() != axes.size())
      return invalid_argument("shape has {} sizes for {} axes", data->size(), axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
      (*x.shape)[static_cast<std::size_t>(axes[i])] = data ? (*data)[i] : Dim::unknown();
  }
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* size_tensor, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const auto sizes, integers(*size_tensor, "shape"));
  CYCLOID_ASSIGN(const auto axes, axes_of(context.node(), x->rank()));
  if (sizes.size() != axes.size()) return invalid_argument("shape has {} sizes for {} axes", sizes.size(), axes.size());
  const Dims strides = strides_of(x->dims());
  Dims dims = x->dims();
  Dims kept = x->dims();
  std::int64_t from = 0;
  Dims before(x->rank(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i]);
    const std::int64_t size = x->dim(axis);
    if (sizes[i] < 0) return invalid_argument("shape has the negative size {}", sizes[i]);
    dims[axis] = sizes[i];
    kept[axis] = std::min(size, sizes[i]);
    if (sizes[i] < size) {
      from += (size - sizes[i]) / 2 * strides[axis];
    } else {
      before[axis] = (sizes[i] - size) / 2;
    }
  }
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), dims));
  if (y.element_count() == 0) return outputs(std::move(y));
  const Dims y_strides = strides_of(dims);
  const ElementCopier copier(*x, y);
  for_each_index(kept, [&](const Dims& index) {
    std::int64_t source = from;
    std::int64_t to = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      source += index[i] * strides[i];
      to += (before[i] + index[i]) * y_strides[i];
    }
    copier.copy(to, source);
  });
  return outputs(std::move(y));
}

}  // namespace

const Op kCenterCropPad = {.domain = "",
                           .name = "CenterCropPad",
                           .since = 18,
                           .min_inputs = 2,
                           .max_inputs = 2,
                           .infer = infer,
                           .evaluate = evaluate};

}  // namespace cycloid
