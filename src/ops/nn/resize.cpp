#include "ops/nn/resize.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "base/work_room.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

// The value of the named attribute among `names`, by position.
template <class E, std::size_t kCount>
Result<E> choice(const Node& node, std::string_view attribute, const std::string_view (&names)[kCount], E fallback) {
  if (!has_attribute(node, attribute)) return fallback;
  CYCLOID_ASSIGN(const std::string name, get_string(node, attribute, ""));
  for (std::size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return invalid_model("Resize does not know {} '{}'", attribute, name);
}

}  // namespace

Result<ResizeAttributes> ResizeAttributes::parse(const Node& node) {
  ResizeAttributes a;
  CYCLOID_ASSIGN(a.mode, choice(node, "mode", {"nearest", "linear", "cubic"}, a.mode));
  CYCLOID_ASSIGN(a.transform, choice(node, "coordinate_transformation_mode",
                                     {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                      "asymmetric", "tf_crop_and_resize"},
                                     a.transform));
  CYCLOID_ASSIGN(a.nearest,
                 choice(node, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, a.nearest));
  CYCLOID_ASSIGN(a.policy,
                 choice(node, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"}, a.policy));
  CYCLOID_ASSIGN(const std::int64_t antialias, get_int(node, "antialias", 0));
  CYCLOID_ASSIGN(const std::int64_t exclude, get_int(node, "exclude_outside", 0));
  CYCLOID_ASSIGN(const float cubic, get_float(node, "cubic_coeff_a", -0.75F));
  CYCLOID_ASSIGN(const float extrapolation, get_float(node, "extrapolation_value", 0));
  CYCLOID_ASSIGN(a.axes, get_ints(node, "axes"));
  a.antialias = antialias != 0;
  a.exclude_outside = exclude != 0;
  a.cubic_a = static_cast<double>(cubic);
  a.extrapolation = static_cast<double>(extrapolation);
  return a;
}

Result<std::vector<std::int64_t>> ResizeAttributes::axes_of(std::size_t rank) const {
  if (!axes.empty()) return normalize_axes(axes, rank);
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < rank; ++i) all.push_back(static_cast<std::int64_t>(i));
  return all;
}

namespace {

// Where output element `i` lies along the input.
double source_of(const ResizeAttributes& a, const ResizeAxis& axis, std::int64_t i) {
  const auto x = static_cast<double>(i);
  const auto in = static_cast<double>(axis.input);
  // Where a scale is given, the standard counts with the length before it is rounded down.
  const double length = axis.scale * in;
  switch (a.transform) {
    case CoordinateTransform::kHalfPixel: return (x + 0.5) / axis.scale - 0.5;
    case CoordinateTransform::kHalfPixelSymmetric: {
      // The sizes' rounding is spread over both ends.
      const double adjustment = static_cast<double>(axis.output) / length;
      const double center = in / 2;
      return center * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
    }
    case CoordinateTransform::kPytorchHalfPixel: return axis.output > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
    case CoordinateTransform::kAlignCorners: return length != 1 && axis.output > 1 ? x * (in - 1) / (length - 1) : 0;
    case CoordinateTransform::kAsymmetric: return x / axis.scale;
    case CoordinateTransform::kTfCropAndResize:
      if (axis.output <= 1 || length == 1) return 0.5 * (axis.roi_begin + axis.roi_end) * (in - 1);
      return axis.roi_begin * (in - 1) + x * (axis.roi_end - axis.roi_begin) * (in - 1) / (length - 1);
  }
  return 0;
}

std::int64_t nearest_of(NearestMode mode, double x) {
  switch (mode) {
    case NearestMode::kFloor: return static_cast<std::int64_t>(std::floor(x));
    case NearestMode::kCeil: return static_cast<std::int64_t>(std::ceil(x));
    case NearestMode::kRoundPreferFloor: return static_cast<std::int64_t>(std::ceil(x - 0.5));
    case NearestMode::kRoundPreferCeil: return static_cast<std::int64_t>(std::floor(x + 0.5));
  }
  return 0;
}

// The interpolating kernels: a triangle, and Keys' cubic.
double kernel(const ResizeAttributes& a, double distance) {
  const double t = std::abs(distance);
  if (a.mode == ResizeMode::kLinear) return std::max(0.0, 1 - t);
  const double c = a.cubic_a;
  if (t <= 1) return ((c + 2) * t - (c + 3)) * t * t + 1;
  if (t < 2) return ((c * t - 5 * c) * t + 8 * c) * t - 4 * c;
  return 0;
}

ResizeTaps taps_at(const ResizeAttributes& a, const ResizeAxis& axis, double x) {
  ResizeTaps taps;
  const std::int64_t last = axis.input - 1;
  if (a.mode == ResizeMode::kNearest) {
    taps.from.push_back(std::clamp<std::int64_t>(nearest_of(a.nearest, x), 0, last));
    taps.weights.push_back(1);
    return taps;
  }
  // Downsampling with antialias widens the kernel to cover the elements between the samples.
  const double stretch = a.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double support = (a.mode == ResizeMode::kLinear ? 1.0 : 2.0) / stretch;
  const auto first = static_cast<std::int64_t>(std::floor(x - support)) + 1;
  const auto end = static_cast<std::int64_t>(std::ceil(x + support));
  double sum = 0;
  for (std::int64_t i = first; i < std::max(end, first + 1); ++i) {
    double weight = kernel(a, (static_cast<double>(i) - x) * stretch);
    if (a.exclude_outside && (i < 0 || i > last)) weight = 0;  // otherwise the edge stands for what is outside
    if (weight == 0) continue;
    taps.from.push_back(std::clamp<std::int64_t>(i, 0, last));
    taps.weights.push_back(weight);
    sum += weight;
  }
  if (taps.from.empty()) {
    taps.from.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(std::llround(x)), 0, last));
    taps.weights.push_back(1);
    sum = 1;
  }
  if (a.exclude_outside || a.antialias) {
    for (double& weight : taps.weights) weight /= sum;
  }
  return taps;
}

}  // namespace

Result<std::vector<ResizeTaps>> resize_taps(const ResizeAttributes& a, const ResizeAxis& axis) {
  constexpr std::size_t kBlocks = 64;  // the least that two short vectors take
  CYCLOID_TRY(check_room(static_cast<std::size_t>(axis.output), sizeof(ResizeTaps) + kBlocks));
  std::vector<ResizeTaps> all;
  all.reserve(static_cast<std::size_t>(axis.output));
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const double x = source_of(a, axis, i);
    const bool outside =
        a.transform == CoordinateTransform::kTfCropAndResize && (x < 0 || x > static_cast<double>(axis.input - 1));
    // A scale near 0 may put x anywhere; beyond both ends all positions are alike.
    const double reach = static_cast<double>(axis.input) + 4;
    all.push_back(outside ? ResizeTaps{}
                          : taps_at(a, axis, std::clamp(x, -reach, static_cast<double>(axis.input) + reach)));
  }
  return all;
}

namespace {

constexpr double kMostElements = 1e15;

Result<std::int64_t> scaled_size(std::int64_t size, float scale) {
  const double scaled = static_cast<double>(size) * static_cast<double>(scale);
  if (!(scale > 0) || !(scaled <= kMostElements))
    return invalid_argument("a scale of {} for a size of {}", scale, size);
  return static_cast<std::int64_t>(std::floor(scaled));
}

}  // namespace

Result<std::vector<ResizeAxis>> resize_axes(const ResizeAttributes& a, const Dims& dims,
                                            const std::vector<float>& scales, const std::vector<std::int64_t>& sizes) {
  CYCLOID_ASSIGN(const auto axes, a.axes_of(dims.size()));
  if (scales.empty() == sizes.empty() && !axes.empty()) return invalid_argument("Resize needs either scales or sizes");
  if (scales.size() + sizes.size() != axes.size()) {
    return invalid_argument("Resize has {} scales or sizes for {} axes", scales.size() + sizes.size(), axes.size());
  }
  std::vector<ResizeAxis> plan;
  for (const std::int64_t dim : dims) plan.push_back({dim, dim, 1, 0, 1});
  for (std::size_t i = 0; i < scales.size(); ++i) {
    ResizeAxis& axis = plan[static_cast<std::size_t>(axes[i])];
    CYCLOID_ASSIGN(axis.output, scaled_size(axis.input, scales[i]));
    axis.scale = static_cast<double>(scales[i]);
  }
  double common = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    ResizeAxis& axis = plan[static_cast<std::size_t>(axes[i])];
    if (sizes[i] < 0 || (axis.input == 0 && sizes[i] != 0))
      return invalid_argument("a size of {} cannot become {}", axis.input, sizes[i]);
    axis.output = sizes[i];
    axis.scale = axis.input == 0 ? 1 : static_cast<double>(sizes[i]) / static_cast<double>(axis.input);
    if (i == 0 || (a.policy == AspectPolicy::kNotLarger ? axis.scale < common : axis.scale > common))
      common = axis.scale;
  }
  if (sizes.empty() || a.policy == AspectPolicy::kStretch) return plan;
  for (const std::int64_t at : axes) {
    ResizeAxis& axis = plan[static_cast<std::size_t>(at)];
    const double size = common * static_cast<double>(axis.input);
    if (size > kMostElements) return invalid_argument("a size of {} elements", size);
    axis.scale = common;
    axis.output = static_cast<std::int64_t>(std::floor(size + 0.5));
  }
  return plan;
}

namespace {

// size * scale, for scales that are whole numbers or their reciprocals; unknown otherwise.
Result<Dim> symbolic_size(const Dim& size, float scale) {
  if (size.is_known()) {
    CYCLOID_ASSIGN(const std::int64_t scaled, scaled_size(size.value(), scale));
    return Dim(scaled);
  }
  constexpr float kMost = 65536;
  if (scale >= 1 && scale <= kMost && std::floor(scale) == scale) return size * static_cast<std::int64_t>(scale);
  if (scale > 0 && scale < 1 && 1 / scale <= kMost && std::floor(1 / scale) == 1 / scale) {
    return Dim::floor_div(size, static_cast<std::int64_t>(1 / scale));
  }
  return Dim::unknown();
}

std::vector<float> constant_scales(const InferContext& context) {
  if (!has_input(context, 2)) return {};
  const Tensor* tensor = context.constant(2);
  if (tensor == nullptr || tensor->dtype() != DType::kFloat32) return {};
  return {tensor->data<float>().begin(), tensor->data<float>().end()};
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ResizeAttributes a, ResizeAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_TRY(optional_input_type(context, 2, DTypeSet{DType::kFloat32}));
  CYCLOID_TRY(optional_input_type(context, 3, kInt64Type));
  if (!x.shape) {
    context.set_output(0, std::move(x));
    return {};
  }
  CYCLOID_ASSIGN(const auto axes, a.axes_of(x.shape->size()));
  const std::vector<float> scales = constant_scales(context);
  const auto known_sizes = known_integers(context, 3);
  const auto dims = known_dims(*x.shape);
  const auto sizes = has_input(context, 3) ? context.shape_data(3) : std::nullopt;
  if (dims && (!scales.empty() || (known_sizes && !known_sizes->empty()))) {
    CYCLOID_ASSIGN(const auto plan, resize_axes(a, *dims, scales, known_sizes.value_or(std::vector<std::int64_t>{})));
    for (std::size_t i = 0; i < plan.size(); ++i) (*x.shape)[i] = plan[i].output;
  } else {
    const std::size_t given = std::max(scales.size(), known_sizes ? known_sizes->size() : 0);
    if (given > 0 && given != axes.size())
      return invalid_model("Resize has {} scales or sizes for {} axes", given, axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Dim& dim = (*x.shape)[static_cast<std::size_t>(axes[i])];
      if (scales.size() == axes.size()) {
        CYCLOID_ASSIGN(dim, symbolic_size(dim, scales[i]));
      } else if (sizes && sizes->size() == axes.size() && a.policy == AspectPolicy::kStretch) {
        dim = (*sizes)[i];
      } else {
        dim = Dim::unknown();
      }
    }
  }
  context.set_output(0, std::move(x));
  return {};
}

// Elements picked, whatever their type is.
Result<Tensor> resize_nearest(const Tensor& x, const Dims& dims, const std::vector<std::vector<ResizeTaps>>& taps) {
  CYCLOID_ASSIGN(Tensor y, Tensor::empty(x.dtype(), dims));
  const Dims strides = strides_of(x.dims());
  const ElementCopier copier(x, y);
  std::int64_t to = 0;
  for_each_index(dims, [&](const Dims& index) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < index.size(); ++i)
      from += taps[i][static_cast<std::size_t>(index[i])].from[0] * strides[i];
    copier.copy(to++, from);
  });
  return y;
}

// One axis after the other, in double.
std::vector<double> resize_axis(const std::vector<double>& x, std::int64_t outer, std::int64_t size, std::int64_t inner,
                                const std::vector<ResizeTaps>& taps) {
  const auto out = static_cast<std::int64_t>(taps.size());
  std::vector<double> y(static_cast<std::size_t>(outer * out * inner), 0.0);
  for (std::int64_t o = 0; o < outer; ++o) {
    if (stopping()) break;
    for (std::int64_t i = 0; i < out; ++i) {
      const ResizeTaps& tap = taps[static_cast<std::size_t>(i)];
      double* to = y.data() + (o * out + i) * inner;
      for (std::size_t t = 0; t < tap.from.size(); ++t) {
        const double* from = x.data() + (o * size + tap.from[t]) * inner;
        for (std::int64_t j = 0; j < inner; ++j) to[j] += tap.weights[t] * from[j];
      }
    }
  }
  return y;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const ResizeAttributes a, ResizeAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* roi, optional_tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* scale_tensor, optional_tensor_input(context, 2, DTypeSet{DType::kFloat32}));
  CYCLOID_ASSIGN(const Tensor* size_tensor, optional_tensor_input(context, 3, kInt64Type));
  std::vector<float> scales;
  if (scale_tensor != nullptr) scales.assign(scale_tensor->data<float>().begin(), scale_tensor->data<float>().end());
  std::vector<std::int64_t> sizes;
  if (size_tensor != nullptr) sizes = to_int64s(*size_tensor);
  CYCLOID_ASSIGN(auto plan, resize_axes(a, x->dims(), scales, sizes));
  if (a.transform == CoordinateTransform::kTfCropAndResize) {
    CYCLOID_ASSIGN(const auto axes, a.axes_of(x->rank()));
    if (roi == nullptr || roi->element_count() != static_cast<std::int64_t>(2 * axes.size())) {
      return invalid_argument("tf_crop_and_resize needs a roi of two numbers an axis");
    }
    CYCLOID_ASSIGN(const auto values, doubles(*roi));
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const double begin = values[i], end = values[axes.size() + i];
      if (!std::isfinite(begin) || !std::isfinite(end)) return invalid_argument("a roi from {} to {}", begin, end);
      plan[static_cast<std::size_t>(axes[i])].roi_begin = begin;
      plan[static_cast<std::size_t>(axes[i])].roi_end = end;
    }
  }
  Dims dims;
  for (const ResizeAxis& axis : plan) dims.push_back(axis.output);
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  std::vector<std::vector<ResizeTaps>> taps;
  bool extrapolates = false;
  for (const ResizeAxis& axis : plan) {
    if (axis.input == 0 && axis.output > 0)
      return invalid_argument("an axis without elements cannot be resized to {}", axis.output);
    CYCLOID_ASSIGN(auto list, resize_taps(a, axis));
    taps.push_back(std::move(list));
    for (const ResizeTaps& tap : taps.back()) extrapolates = extrapolates || tap.from.empty();
  }
  if (a.mode == ResizeMode::kNearest && !extrapolates) {
    CYCLOID_ASSIGN(Tensor y, resize_nearest(*x, dims, taps));
    return outputs(std::move(y));
  }
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  Dims sizes_now = x->dims();
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const bool same =
        plan[i].input == plan[i].output && plan[i].scale == 1 && a.transform != CoordinateTransform::kTfCropAndResize;
    if (same) continue;
    values = resize_axis(values, product(sizes_now, 0, i), sizes_now[i], product(sizes_now, i + 1, sizes_now.size()),
                         taps[i]);
    sizes_now[i] = plan[i].output;
  }
  if (extrapolates) {
    std::size_t at = 0;
    for_each_index(dims, [&](const Dims& index) {
      for (std::size_t i = 0; i < index.size(); ++i) {
        if (taps[i][static_cast<std::size_t>(index[i])].from.empty()) values[at] = a.extrapolation;
      }
      ++at;
    });
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), dims, values));
  return outputs(std::move(y));
}

// Two operations a tap, axis after axis: bounded by the taps of all axes together at each output element.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const ResizeAttributes a, ResizeAttributes::parse(node));
  if (a.mode == ResizeMode::kNearest) return cost_with_flops(graph, node, 0);
  const std::int64_t taps = a.mode == ResizeMode::kLinear ? 4 : 16;
  return cost_per_output(graph, node, 2 * taps);
}

}  // namespace

const Op kResize = {.domain = "",
                    .name = "Resize",
                    .since = 13,
                    .min_inputs = 1,
                    .max_inputs = 4,
                    .infer = infer,
                    .evaluate = evaluate,
                    .cost = cost};

}  // namespace cycloid
