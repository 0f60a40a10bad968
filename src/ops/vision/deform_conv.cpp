// DeformConv: a 2-D convolution whose kernel elements read where offsets say, between elements, weighted by a mask.
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/conv.h"
#include "ops/tensor/arguments.h"
#include "ops/vision/list.h"

namespace cycloid {
namespace {

struct DeformConvAttributes {
  ConvAttributes conv;
  std::int64_t offset_group = 1;

  static Result<DeformConvAttributes> parse(const Node& node) {
    DeformConvAttributes a;
    CYCLOID_ASSIGN(a.conv, ConvAttributes::parse(node));
    CYCLOID_ASSIGN(a.offset_group, get_int(node, "offset_group", 1));
    if (a.offset_group < 1) return invalid_model("offset_group must be 1 or more, but is {}", a.offset_group);
    return a;
  }
};

// Offsets (N, offset_group * kh * kw * `each`, oh, ow); `each` is 2 for offsets and 1 for a mask.
Status check_field(const DeformConvAttributes& a, const Shape& field, const Shape& w, const Shape& y, std::int64_t each,
                   std::string_view what) {
  if (field.size() != 4) return invalid_argument("{} must have rank 4, but its shape is {}", what, to_string(field));
  CYCLOID_TRY(check_equal(field[0], y[0], "the batches of X and of an offset or mask"));
  CYCLOID_TRY(check_equal(field[1], w[2] * w[3] * a.offset_group * each, "channels of an offset or mask"));
  CYCLOID_TRY(check_equal(field[2], y[2], "sizes of an offset or mask and of the output"));
  return check_equal(field[3], y[3], "sizes of an offset or mask and of the output");
}

Result<Shape> output_shape_of(const DeformConvAttributes& a, const Shape& x, const Shape& w) {
  if (x.size() != 4) return unsupported("DeformConv of an input of shape {}: only two spatial axes", to_string(x));
  if (x[1].is_known() && x[1].value() % a.offset_group != 0)
    return invalid_argument("{} channels cannot be split into {} offset groups", x[1].value(), a.offset_group);
  return a.conv.output_shape(x, w);
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const DeformConvAttributes a, DeformConvAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const ValueType offset, input_type(context, 2, kFloats));
  CYCLOID_TRY(optional_input_type(context, 3, kFloats));
  CYCLOID_ASSIGN(const auto mask, optional_input_type(context, 4, kFloats));
  CYCLOID_TRY(check_same_dtype(x, w, "X and W"));
  ValueType y = ValueType::tensor(x.dtype);
  if (x.shape && w.shape) {
    CYCLOID_ASSIGN(y.shape, output_shape_of(a, *x.shape, *w.shape));
    if (offset.shape) CYCLOID_TRY(check_field(a, *offset.shape, *w.shape, *y.shape, 2, "offset"));
    if (mask && mask->shape) CYCLOID_TRY(check_field(a, *mask->shape, *w.shape, *y.shape, 1, "mask"));
  }
  context.set_output(0, std::move(y));
  return {};
}

// The image between its elements, bilinear; zeros outside.
double sample(const double* image, std::int64_t height, std::int64_t width, double row, double column) {
  if (!(row > -1 && column > -1 && row < static_cast<double>(height) && column < static_cast<double>(width))) return 0;
  const double top = std::floor(row);
  const double left = std::floor(column);
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    const std::int64_t r = static_cast<std::int64_t>(top) + i / 2;
    const std::int64_t c = static_cast<std::int64_t>(left) + i % 2;
    if (r < 0 || c < 0 || r >= height || c >= width) continue;
    const double down = i / 2 == 0 ? 1 - (row - top) : row - top;
    const double across = i % 2 == 0 ? 1 - (column - left) : column - left;
    sum += down * across * image[r * width + c];
  }
  return sum;
}

struct Operands {
  Dims x, w, y;
  Window window;
  std::vector<double> image, weights, offset, bias, mask;  // bias and mask may be empty
};

Result<Operands> read_operands(const EvalContext& context, const DeformConvAttributes& a) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* w, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* offset, tensor_input(context, 2, kFloats));
  CYCLOID_ASSIGN(const Tensor* bias, optional_tensor_input(context, 3, kFloats));
  CYCLOID_ASSIGN(const Tensor* mask, optional_tensor_input(context, 4, kFloats));
  Operands in;
  in.x = x->dims();
  in.w = w->dims();
  CYCLOID_ASSIGN(const Shape y, output_shape_of(a, to_shape(in.x), to_shape(in.w)));
  CYCLOID_ASSIGN(in.y, concrete(y));
  CYCLOID_ASSIGN(in.window, a.conv.resolve(in.x, in.w));
  CYCLOID_TRY(check_field(a, to_shape(offset->dims()), to_shape(in.w), y, 2, "offset"));
  if (mask != nullptr) CYCLOID_TRY(check_field(a, to_shape(mask->dims()), to_shape(in.w), y, 1, "mask"));
  if (bias != nullptr && bias->dims() != Dims{in.w[0]})
    return invalid_argument("B must have shape [{}], but has {}", in.w[0], to_string(bias->dims()));
  CYCLOID_ASSIGN(in.image, doubles(*x));
  CYCLOID_ASSIGN(in.weights, doubles(*w));
  CYCLOID_ASSIGN(in.offset, doubles(*offset));
  if (bias != nullptr) {
    CYCLOID_ASSIGN(in.bias, doubles(*bias));
  }
  if (mask != nullptr) {
    CYCLOID_ASSIGN(in.mask, doubles(*mask));
  }
  return in;
}

// The kernel elements' samples at one output position of one batch element, by input channel and kernel element.
std::vector<double> samples_at(const DeformConvAttributes& a, const Operands& in, std::int64_t n, std::int64_t row,
                               std::int64_t column) {
  const std::int64_t elements = in.w[2] * in.w[3];
  const std::int64_t positions = in.y[2] * in.y[3];
  const std::int64_t at = row * in.y[3] + column;
  const std::int64_t channels_each = in.x[1] / a.offset_group;
  std::vector<double> samples(static_cast<std::size_t>(in.x[1] * elements));
  for (std::int64_t c = 0; c < in.x[1]; ++c) {
    const double* image = in.image.data() + (n * in.x[1] + c) * in.x[2] * in.x[3];
    for (std::int64_t k = 0; k < elements; ++k) {
      const std::int64_t field = (n * a.offset_group + c / channels_each) * elements + k;
      const Window& window = in.window;
      const double down = in.offset[static_cast<std::size_t>(field * 2 * positions + at)];
      const double across = in.offset[static_cast<std::size_t>((field * 2 + 1) * positions + at)];
      const std::int64_t r = row * window.strides[0] - window.pads_begin[0] + k / in.w[3] * window.dilations[0];
      const std::int64_t s = column * window.strides[1] - window.pads_begin[1] + k % in.w[3] * window.dilations[1];
      double value = sample(image, in.x[2], in.x[3], static_cast<double>(r) + down, static_cast<double>(s) + across);
      if (!in.mask.empty()) value *= in.mask[static_cast<std::size_t>(field * positions + at)];
      samples[static_cast<std::size_t>(c * elements + k)] = value;
    }
  }
  return samples;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const DeformConvAttributes a, DeformConvAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Operands in, read_operands(context, a));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, in.y));
  std::vector<double> y(static_cast<std::size_t>(*element_count(in.y)));
  const std::int64_t taps = in.w[1] * in.w[2] * in.w[3];  // of one filter
  const std::int64_t filters_each = in.w[0] / a.conv.group;
  for (std::int64_t n = 0; n < in.y[0] && !y.empty(); ++n) {
    for (std::int64_t at = 0; at < in.y[2] * in.y[3]; ++at) {
      if (stopping()) break;
      const std::vector<double> samples = samples_at(a, in, n, at / in.y[3], at % in.y[3]);
      for (std::int64_t m = 0; m < in.w[0]; ++m) {
        double sum = in.bias.empty() ? 0 : in.bias[static_cast<std::size_t>(m)];
        const double* weights = in.weights.data() + m * taps;
        const double* values = samples.data() + m / filters_each * taps;
        for (std::int64_t k = 0; k < taps; ++k) sum += weights[k] * values[k];
        y[static_cast<std::size_t>((n * in.y[1] + m) * in.y[2] * in.y[3] + at)] = sum;
      }
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, x->dtype(), in.y, y));
  return outputs(std::move(result));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* y = output_shape(graph, node, 0);
  const Shape* w = input_shape(graph, node, 1);
  if (y == nullptr || w == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  return cost_with_flops(graph, node, convolution_multiply_adds(*y, *w) * 2);
}

}  // namespace

const Op kDeformConv = {.domain = "",
                        .name = "DeformConv",
                        .since = 19,
                        .min_inputs = 3,
                        .max_inputs = 5,
                        .infer = infer,
                        .evaluate = evaluate,
                        .cost = cost};

}  // namespace cycloid
