#include "ops/nn/conv.h"

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

Result<ConvAttributes> ConvAttributes::parse(const Node& node) {
  ConvAttributes attributes;
  CYCLOID_ASSIGN(attributes.window, WindowAttributes::parse(node));
  CYCLOID_ASSIGN(attributes.group, get_int(node, "group", 1));
  if (attributes.group < 1) return invalid_model("group must be 1 or more, but is {}", attributes.group);
  return attributes;
}

namespace {

// Channels and kernel sizes that must fit.
Status check_shapes(const ConvAttributes& attributes, const Shape& x, const Shape& w) {
  if (x.size() < 3 || w.size() != x.size()) {
    return invalid_argument("X {} and W {} must have one rank of 3 or more", to_string(x), to_string(w));
  }
  CYCLOID_TRY(check_equal(x[1], w[1] * attributes.group, "channels of X, and channels of W times group"));
  if (w[0].is_known() && w[0].value() % attributes.group != 0) {
    return invalid_argument("{} filters cannot be split into {} groups", w[0].value(), attributes.group);
  }
  const Dims& kernel = attributes.window.kernel_shape;
  for (std::size_t i = 0; i < kernel.size() && i + 2 < w.size(); ++i) {
    CYCLOID_TRY(check_equal(w[i + 2], kernel[i], "sizes of W and kernel_shape"));
  }
  return {};
}

}  // namespace

Result<Shape> ConvAttributes::output_shape(const Shape& x, const Shape& w) const {
  CYCLOID_TRY(check_shapes(*this, x, w));
  Shape y{x[0], w[0]};
  Dims kernel;
  for (std::size_t i = 2; i < w.size(); ++i) {
    if (w[i].is_known()) {
      kernel.push_back(w[i].value());
    } else if (i - 2 < window.kernel_shape.size()) {
      kernel.push_back(window.kernel_shape[i - 2]);
    }
  }
  if (kernel.size() + 2 < w.size()) {
    for (std::size_t i = 2; i < w.size(); ++i) y.push_back(Dim::unknown());
    return y;
  }
  CYCLOID_ASSIGN(const Shape spatial, window.output_shape({x.begin() + 2, x.end()}, kernel));
  y.insert(y.end(), spatial.begin(), spatial.end());
  return y;
}

Result<Window> ConvAttributes::resolve(const Dims& x, const Dims& w) const {
  CYCLOID_TRY(check_shapes(*this, to_shape(x), to_shape(w)));
  return window.resolve({x.begin() + 2, x.end()}, {w.begin() + 2, w.end()});
}

Dim convolution_multiply_adds(const Shape& y, const Shape& w) {
  Dim count = element_count(y);
  for (std::size_t i = 1; i < w.size(); ++i) count = count * w[i];
  return count;
}

namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ConvAttributes attributes, ConvAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const auto b, optional_input_type(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(x, w, "X and W"));
  if (b) {
    CYCLOID_TRY(check_same_dtype(x, *b, "X and B"));
    CYCLOID_TRY(check_rank(*b, 1, "B"));
    if (b->shape && w.shape && !w.shape->empty())
      CYCLOID_TRY(check_equal((*b->shape)[0], (*w.shape)[0], "sizes of B and W"));
  }
  ValueType y = ValueType::tensor(x.dtype != DType::kUndefined ? x.dtype : w.dtype);
  if (x.shape && w.shape) {
    CYCLOID_ASSIGN(y.shape, attributes.output_shape(*x.shape, *w.shape));
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const ConvAttributes attributes, ConvAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x_input, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* w_input, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* b_input, optional_tensor_input(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(*x_input, *w_input, "X and W"));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(x_input->dims(), w_input->dims()));
  if (window.kernel.size() > 3) return unsupported("Conv over {} spatial axes", window.kernel.size());
  if (b_input != nullptr) {
    CYCLOID_TRY(check_same_dtype(*x_input, *b_input, "X and B"));
    if (b_input->dims() != Dims{w_input->dim(0)}) {
      return invalid_argument("B must have shape [{}], but has {}", w_input->dim(0), to_string(b_input->dims()));
    }
  }
  CYCLOID_ASSIGN(const Tensor x, widened(*x_input));
  CYCLOID_ASSIGN(const Tensor w, widened(*w_input));
  CYCLOID_ASSIGN(const Tensor b, widened(b_input != nullptr ? *b_input : Tensor()));
  Dims dims{x.dim(0), w.dim(0)};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x.dtype(), dims));
  if (y.element_count() == 0) return outputs(*narrowed(std::move(y), x_input->dtype()));
  const std::int64_t positions = y.element_count() / (dims[0] * dims[1]);
  dispatch<float, double>(x.dtype(), [&]<class T>(T) {
    const T* from = x.data<T>().data();
    const T* weights = w.data<T>().data();
    const T* bias = b_input != nullptr ? b.data<T>().data() : nullptr;
    T* to = y.mutable_data<T>().data();
    convolve<double>(
        x.dims(), w.dims(), attributes.group, window, [&](std::int64_t i) { return static_cast<double>(from[i]); },
        [&](std::int64_t i) { return static_cast<double>(weights[i]); },
        [&](std::int64_t n, std::int64_t m, std::int64_t at, double sum) {
          to[(n * dims[1] + m) * positions + at] =
              static_cast<T>(sum + (bias != nullptr ? static_cast<double>(bias[m]) : 0.0));
        });
  });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), x_input->dtype()));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* y = output_shape(graph, node, 0);
  const Shape* w = input_shape(graph, node, 1);
  if (y == nullptr || w == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  const Dim bias = node.inputs.size() > 2 && node.inputs[2].valid() ? element_count(*y) : Dim(0);
  return cost_with_flops(graph, node, convolution_multiply_adds(*y, *w) * 2 + bias);
}

}  // namespace

const Op kConv = {.domain = "",
                  .name = "Conv",
                  .since = 1,
                  .min_inputs = 2,
                  .max_inputs = 3,
                  .infer = infer,
                  .evaluate = evaluate,
                  .cost = cost};

}  // namespace cycloid
