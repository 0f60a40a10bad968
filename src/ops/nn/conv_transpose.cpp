#include "ops/nn/conv_transpose.h"

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/linalg/product.h"
#include "ops/nn/conv.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

Result<ConvTransposeAttributes> ConvTransposeAttributes::parse(const Node& node) {
  ConvTransposeAttributes a;
  CYCLOID_ASSIGN(a.window, WindowAttributes::parse(node));
  CYCLOID_ASSIGN(a.group, get_int(node, "group", 1));
  if (a.group < 1) return invalid_model("group must be 1 or more, but is {}", a.group);
  CYCLOID_ASSIGN(a.output_padding, get_ints(node, "output_padding"));
  CYCLOID_ASSIGN(a.output_shape, get_ints(node, "output_shape"));
  CYCLOID_TRY(check_sizes(a.output_padding, 0, "output_padding"));
  CYCLOID_TRY(check_sizes(a.output_shape, 0, "output_shape"));
  return a;
}

namespace {

Status check_shapes(const ConvTransposeAttributes& a, const Shape& x, const Shape& w) {
  if (x.size() < 3 || w.size() != x.size()) {
    return invalid_argument("X {} and W {} must have one rank of 3 or more", to_string(x), to_string(w));
  }
  const std::size_t rank = x.size() - 2;
  CYCLOID_TRY(a.window.check_rank(rank));
  if (!a.output_padding.empty() && a.output_padding.size() != rank)
    return invalid_model("output_padding has {} sizes", a.output_padding.size());
  if (!a.output_shape.empty() && a.output_shape.size() != rank)
    return invalid_model("output_shape has {} sizes", a.output_shape.size());
  CYCLOID_TRY(check_equal(x[1], w[0], "channels of X and W"));
  if (w[0].is_known() && w[0].value() % a.group != 0)
    return invalid_argument("{} channels cannot be split into {} groups", w[0].value(), a.group);
  for (std::size_t i = 0; i < a.window.kernel_shape.size(); ++i) {
    CYCLOID_TRY(check_equal(w[i + 2], a.window.kernel_shape[i], "sizes of W and kernel_shape"));
  }
  return {};
}

// What the input reaches along an axis, without pads.
Dim full_size(const ConvTransposeAttributes& a, const Dim& input, const Dim& kernel, std::size_t axis) {
  const Dim extra = a.output_padding.empty() ? 0 : a.output_padding[axis];
  return (input - 1) * a.window.stride(axis) + extra + (kernel - 1) * a.window.dilation(axis) + 1;
}

Result<Dim> output_size(const ConvTransposeAttributes& a, const Dim& input, const Dim& kernel, std::size_t axis) {
  if (!a.output_shape.empty()) return Dim(a.output_shape[axis]);
  const AutoPad pad = a.window.auto_pad;
  if (pad == AutoPad::kSameUpper || pad == AutoPad::kSameLower) return input * a.window.stride(axis);
  Dim size = full_size(a, input, kernel, axis);
  if (pad == AutoPad::kNotSet) size = size - a.window.pad_begin(axis) - a.window.pad_end(axis);
  if (size.is_known() && size.value() < 0) return invalid_argument("the pads leave nothing of axis {}", axis + 2);
  return size;
}

}  // namespace

Result<Shape> ConvTransposeAttributes::output_shape_of(const Shape& x, const Shape& w) const {
  CYCLOID_TRY(check_shapes(*this, x, w));
  Shape y{x[0], w[1] * group};
  for (std::size_t i = 0; i + 2 < x.size(); ++i) {
    const Dim kernel = !w[i + 2].is_known() && i < window.kernel_shape.size() ? Dim(window.kernel_shape[i]) : w[i + 2];
    CYCLOID_ASSIGN(Dim size, output_size(*this, x[i + 2], kernel, i));
    y.push_back(std::move(size));
  }
  return y;
}

Result<Window> ConvTransposeAttributes::resolve(const Dims& x, const Dims& w) const {
  CYCLOID_ASSIGN(const Shape shape, output_shape_of(to_shape(x), to_shape(w)));
  CYCLOID_ASSIGN(const Dims dims, concrete(shape));
  Window resolved;
  for (std::size_t i = 0; i + 2 < x.size(); ++i) {
    if (w[i + 2] < 1) return invalid_argument("a kernel of size {}", w[i + 2]);
    resolved.kernel.push_back(w[i + 2]);
    resolved.strides.push_back(window.stride(i));
    resolved.dilations.push_back(window.dilation(i));
    resolved.output.push_back(dims[i + 2]);
    std::int64_t begin = window.auto_pad == AutoPad::kNotSet ? window.pad_begin(i) : 0;
    std::int64_t end = window.auto_pad == AutoPad::kNotSet ? window.pad_end(i) : 0;
    const bool same = window.auto_pad == AutoPad::kSameUpper || window.auto_pad == AutoPad::kSameLower;
    if (same || !output_shape.empty()) {
      const Dim total = full_size(*this, x[i + 2], w[i + 2], i) - dims[i + 2];
      if (!total.is_known()) return invalid_argument("the padding leaves 64 bits");
      const std::int64_t pads = std::max<std::int64_t>(total.value(), 0);
      // The standard gives SAME_UPPER the odd element at the end, and everything else at the beginning.
      begin = window.auto_pad == AutoPad::kSameUpper ? pads / 2 : pads - pads / 2;
      end = pads - begin;
    }
    resolved.pads_begin.push_back(begin);
    resolved.pads_end.push_back(end);
  }
  return resolved;
}

namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ConvTransposeAttributes attributes, ConvTransposeAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const auto b, optional_input_type(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(x, w, "X and W"));
  if (b) {
    CYCLOID_TRY(check_same_dtype(x, *b, "X and B"));
    CYCLOID_TRY(check_rank(*b, 1, "B"));
  }
  ValueType y = ValueType::tensor(x.dtype != DType::kUndefined ? x.dtype : w.dtype);
  if (x.shape && w.shape) {
    CYCLOID_ASSIGN(y.shape, attributes.output_shape_of(*x.shape, *w.shape));
    if (b && b->shape) CYCLOID_TRY(check_equal((*b->shape)[0], (*y.shape)[1], "sizes of B and the output's channels"));
  }
  context.set_output(0, std::move(y));
  return {};
}

// The products of W transposed with the input, each added where its tap of the kernel puts it.
template <class T>
void accumulate(const Tensor& x, const Tensor& w, std::int64_t group, const Window& window, std::vector<double>& y) {
  const Window3 s(x.dims(), window);
  const std::int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  const std::int64_t in_count = s.input[0] * s.input[1] * s.input[2];
  const std::int64_t out_count = s.output[0] * s.output[1] * s.output[2];
  const std::int64_t channels = x.dim(1) / group;
  const std::int64_t filters = w.dim(1);
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t g = 0; g < group; ++g) {
      if (stopping()) break;
      const MatrixView<T> weights{w.data<T>().data() + g * channels * filters * taps, 1, filters * taps};
      const MatrixView<T> image{x.data<T>().data() + (n * x.dim(1) + g * channels) * in_count, in_count, 1};
      double* to = y.data() + (n * group + g) * filters * out_count;
      matrix_product(
          filters * taps, in_count, channels, weights, image, [&](std::int64_t row, std::int64_t at, double sum) {
            const std::int64_t tap = row % taps;
            const std::int64_t oz = at / (s.input[1] * s.input[2]) * s.stride[0] - s.pad[0] +
                                    tap / (s.kernel[1] * s.kernel[2]) * s.dilation[0];
            const std::int64_t oy =
                at / s.input[2] % s.input[1] * s.stride[1] - s.pad[1] + tap / s.kernel[2] % s.kernel[1] * s.dilation[1];
            const std::int64_t ox = at % s.input[2] * s.stride[2] - s.pad[2] + tap % s.kernel[2] * s.dilation[2];
            if (oz < 0 || oz >= s.output[0] || oy < 0 || oy >= s.output[1] || ox < 0 || ox >= s.output[2]) return;
            to[row / taps * out_count + (oz * s.output[1] + oy) * s.output[2] + ox] += sum;
          });
    }
  }
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const ConvTransposeAttributes attributes, ConvTransposeAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x_input, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* w_input, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* b_input, optional_tensor_input(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(*x_input, *w_input, "X and W"));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(x_input->dims(), w_input->dims()));
  if (window.kernel.size() > 3) return unsupported("ConvTranspose over {} spatial axes", window.kernel.size());
  Dims dims{x_input->dim(0), w_input->dim(1) * attributes.group};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  if (b_input != nullptr && b_input->dims() != Dims{dims[1]}) {
    return invalid_argument("B must have shape [{}], but has {}", dims[1], to_string(b_input->dims()));
  }
  CYCLOID_ASSIGN(const Tensor x, widened(*x_input));
  CYCLOID_ASSIGN(const Tensor w, widened(*w_input));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x.dtype(), dims));
  if (y.element_count() == 0) return outputs(*narrowed(std::move(y), x_input->dtype()));
  std::vector<double> bias(static_cast<std::size_t>(dims[1]), 0.0);
  if (b_input != nullptr) {
    CYCLOID_ASSIGN(bias, doubles(*b_input));
  }
  const std::int64_t positions = y.element_count() / (dims[0] * dims[1]);
  std::vector<double> sums(static_cast<std::size_t>(y.element_count()));
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = bias[i / static_cast<std::size_t>(positions) % bias.size()];
  dispatch<float, double>(x.dtype(), [&]<class T>(T) {
    accumulate<T>(x, w, attributes.group, window, sums);
    std::transform(sums.begin(), sums.end(), y.mutable_data<T>().begin(),
                   [](double sum) { return static_cast<T>(sum); });
  });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), x_input->dtype()));
  return outputs(std::move(result));
}

// Every element of X meets every filter of its group.
Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* x = input_shape(graph, node, 0);
  const Shape* w = input_shape(graph, node, 1);
  if (x == nullptr || w == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  return cost_with_flops(graph, node, convolution_multiply_adds(*x, *w) * 2);
}

}  // namespace

const Op kConvTranspose = {.domain = "",
                           .name = "ConvTranspose",
                           .since = 11,
                           .min_inputs = 2,
                           .max_inputs = 3,
                           .infer = infer,
                           .evaluate = evaluate,
                           .cost = cost};

}  // namespace cycloid
