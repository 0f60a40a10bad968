// GatherElements and GatherND: elements, and slices, picked by indices in several axes.
#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/indices.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer_elements(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const ValueType data, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kIndexTypes));
  if (data.shape) {
    CYCLOID_TRY(normalize_axis(axis, data.shape->size()));
    CYCLOID_TRY(check_rank(indices, data.shape->size(), "indices"));
  }
  ValueType y = indices;
  y.dtype = data.dtype;
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_elements(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const Tensor* data, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* indices, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, data->rank()));
  CYCLOID_ASSIGN(const auto elements, elements_of(data->dims(), *indices, static_cast<std::size_t>(axis)));
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(data->dtype(), indices->dims()));
  const ElementCopier copier(*data, y);
  for (std::size_t i = 0; i < elements.size(); ++i) copier.copy(static_cast<std::int64_t>(i), elements[i]);
  return outputs(std::move(y));
}

Result<std::size_t> batch_axes(const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t count, get_int(node, "batch_dims", 0));
  if (count < 0) return invalid_model("batch_dims must be 0 or more, but is {}", count);
  return static_cast<std::size_t>(count);
}

Status infer_nd(InferContext& context) {
  CYCLOID_ASSIGN(const std::size_t batch, batch_axes(context.node()));
  CYCLOID_ASSIGN(const ValueType data, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kInt64Type));
  ValueType y = ValueType::tensor(data.dtype);
  if (indices.shape && (indices.shape->empty() || batch >= indices.shape->size())) {
    return invalid_argument("indices of shape {} must have more than {} axes", to_string(*indices.shape), batch);
  }
  if (data.shape && indices.shape && indices.shape->back().is_known()) {
    const std::int64_t length = indices.shape->back().value();
    if (batch > data.shape->size() || length > static_cast<std::int64_t>(data.shape->size() - batch)) {
      return invalid_argument("indices of shape {} do not fit data of shape {} with {} batch axes",
                              to_string(*indices.shape), to_string(*data.shape), batch);
    }
    y.shape = Shape(indices.shape->begin(), indices.shape->end() - 1);
    y.shape->insert(y.shape->end(), data.shape->begin() + static_cast<std::ptrdiff_t>(batch) + length,
                    data.shape->end());
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_nd(EvalContext& context) {
  CYCLOID_ASSIGN(const std::size_t batch, batch_axes(context.node()));
  CYCLOID_ASSIGN(const Tensor* data, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* indices, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const SliceList slices, slices_of(data->dims(), *indices, batch));
  Dims dims(indices->dims().begin(), indices->dims().end() - 1);
  dims.insert(dims.end(), data->dims().begin() + static_cast<std::ptrdiff_t>(batch) + indices->dims().back(),
              data->dims().end());
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(data->dtype(), dims));
  if (y.element_count() == 0) return outputs(std::move(y));
  const ElementCopier copier(*data, y);
  std::int64_t to = 0;
  for (const std::int64_t first : slices.firsts) {
    copier.copy(to, first, slices.run);
    to += slices.run;
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kGatherElements = {.domain = "",
                            .name = "GatherElements",
                            .since = 11,
                            .min_inputs = 2,
                            .max_inputs = 2,
                            .infer = infer_elements,
                            .evaluate = evaluate_elements};
const Op kGatherND = {.domain = "",
                      .name = "GatherND",
                      .since = 12,
                      .min_inputs = 2,
                      .max_inputs = 2,
                      .infer = infer_nd,
                      .evaluate = evaluate_nd};

}  // namespace cycloid
