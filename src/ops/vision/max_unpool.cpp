// MaxUnpool: pooled elements put back to where they were; zeros elsewhere.
#include "base/error.h"
#include "ops/nn/window.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

Result<WindowAttributes> parse(const Node& node) {
  CYCLOID_ASSIGN(WindowAttributes window, WindowAttributes::parse(node));
  if (window.kernel_shape.empty()) return invalid_model("MaxUnpool needs the attribute kernel_shape");
  return window;
}

// The shape of what was pooled: the smallest whose pooling gives X.
Result<Shape> unpooled(const WindowAttributes& window, const Shape& x) {
  if (x.size() < 3) return invalid_argument("X must have rank 3 or more, but its shape is {}", to_string(x));
  CYCLOID_TRY(window.check_rank(x.size() - 2));
  Shape shape{x[0], x[1]};
  for (std::size_t i = 0; i + 2 < x.size(); ++i) {
    const Dim size =
        (x[i + 2] - 1) * window.stride(i) + (window.kernel_shape[i] - window.pad_begin(i) - window.pad_end(i));
    if (size.is_known() && size.value() < 0) return invalid_argument("an output of shape {}", size.value());
    shape.push_back(size);
  }
  return shape;
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const WindowAttributes window, parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const auto wanted, optional_input_type(context, 2, kInt64Type));
  if (x.shape && indices.shape) {
    if (x.shape->size() != indices.shape->size())
      return invalid_argument("X {} and I {} differ in shape", to_string(*x.shape), to_string(*indices.shape));
    for (std::size_t i = 0; i < x.shape->size(); ++i)
      CYCLOID_TRY(check_equal((*x.shape)[i], (*indices.shape)[i], "sizes of X and I"));
  }
  ValueType y = ValueType::tensor(x.dtype);
  if (x.shape) {
    CYCLOID_ASSIGN(y.shape, unpooled(window, *x.shape));
  }
  if (wanted) {
    auto sizes = context.shape_data(2);
    if (sizes && y.shape && sizes->size() != y.shape->size())
      return invalid_model("output_shape has {} sizes for rank {}", sizes->size(), y.shape->size());
    if (sizes) {
      y.shape = std::move(sizes);
    } else if (y.shape) {
      for (std::size_t i = 0; i < y.shape->size(); ++i) (*y.shape)[i] = Dim::unknown();
    }
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const WindowAttributes window, parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* indices, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Tensor* wanted, optional_tensor_input(context, 2, kInt64Type));
  if (x->dims() != indices->dims())
    return invalid_argument("X {} and I {} differ in shape", to_string(x->dims()), to_string(indices->dims()));
  CYCLOID_ASSIGN(const Shape shape, unpooled(window, to_shape(x->dims())));
  CYCLOID_ASSIGN(const Dims inner, concrete(shape));
  const Dims dims = wanted != nullptr ? to_int64s(*wanted) : inner;
  if (dims.size() != inner.size()) return invalid_argument("output_shape must have {} sizes", inner.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < inner[i])
      return invalid_argument("output_shape {} is smaller than {}", to_string(dims), to_string(inner));
  }
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), dims));
  // Indices count over the whole tensor of the unpooled shape, which output_shape pads at the ends.
  const std::int64_t most = product(inner, 0, inner.size());
  const std::span<const std::int64_t> flat = indices->data<std::int64_t>();
  const Dims strides = strides_of(dims);
  const ElementCopier copier(*x, y);
  for (std::size_t k = 0; k < flat.size(); ++k) {
    if (flat[k] < 0 || flat[k] >= most) return invalid_argument("index {} is outside {}", flat[k], to_string(inner));
    std::int64_t rest = flat[k];
    std::int64_t to = 0;
    for (std::size_t i = dims.size(); i-- > 0; rest /= inner[i]) to += rest % inner[i] * strides[i];
    copier.copy(to, static_cast<std::int64_t>(k));
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kMaxUnpool = {.domain = "",
                       .name = "MaxUnpool",
                       .since = 9,
                       .min_inputs = 2,
                       .max_inputs = 3,
                       .infer = infer,
                       .evaluate = evaluate};

}  // namespace cycloid
