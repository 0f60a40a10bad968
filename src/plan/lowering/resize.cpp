// Resize of images: by whole factors with the nearest neighbour each pixel is repeated; otherwise, channels-last, each output
// pixel is a weighted sum of input pixels, whose places and weights along both axes are found at plan time.
#include "ops/nn/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/move/move.h"
#include "kernels/resample/resample.h"
#include "plan/lowering/list_bounds.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

class RepeatStep final : public Step {
 public:
  RepeatStep(Place from, Place to, std::int64_t rows, std::int64_t columns)
      : from_(std::move(from)), to_(std::move(to)), rows_(rows), columns_(columns) {}

  // A unit is one row of an input image.
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto size = static_cast<std::int64_t>(size_of(from_.dtype));
    const std::int64_t width = from_.dims[3], wide = to_.dims[3], bytes = from_.dims[1] * size;
    const auto* in = context.at<const std::byte>(from_);
    auto* out = context.at<std::byte>(to_);
    const std::int64_t in_step = from_.pixel_stride * size, out_step = to_.pixel_stride * size;
    for (std::int64_t row = begin; row < end; ++row) {
      std::byte* first = out + row * rows_ * wide * out_step;
      for (std::int64_t c = 0; c < columns_; ++c)
        kernels::copy_rows(in + row * width * in_step, in_step, first + c * out_step, columns_ * out_step, width,
                           bytes);
      for (std::int64_t r = 1; r < rows_; ++r)
        kernels::copy_rows(first, out_step, first + r * wide * out_step, out_step, wide, bytes);
    }
  }

 private:
  Place from_, to_;
  std::int64_t rows_, columns_;
};

// Planes whose rows and columns are repeated: row-major. A unit is one row of an input plane.
class RepeatPlanesStep final : public Step {
 public:
  RepeatPlanesStep(kernels::RepeatFn repeat, Place from, Place to, std::int64_t rows, std::int64_t columns)
      : repeat_(repeat), from_(std::move(from)), to_(std::move(to)), rows_(rows), columns_(columns) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto size = static_cast<std::int64_t>(size_of(from_.dtype));
    const std::int64_t width = from_.dims.back();
    repeat_({context.at<const std::byte>(from_) + begin * width * size,
             context.at<std::byte>(to_) + begin * width * rows_ * columns_ * size, end - begin, width, rows_,
             columns_});
  }

 private:
  kernels::RepeatFn repeat_;
  Place from_, to_;
  std::int64_t rows_, columns_;
};

// Whether a node takes its images channels-last, so that what it reads is best made so while it is small.
bool is_wanted_channels_last(const Lowering& lowering, ValueId id) {
  static constexpr std::string_view kOps[] = {"AveragePool",   "Conv",    "ConvInteger",
                                              "ConvTranspose", "MaxPool", "QLinearConv"};
  const auto& uses = lowering.graph().value(id).uses;
  return std::ranges::any_of(uses, [&](const Use& use) {
    return use.input != Use::kCaptured &&
           std::ranges::find(kOps, lowering.graph().node(use.node).op_type) != std::end(kOps);
  });
}

// Whether output pixel i of a size grown by `factor` takes input pixel i / factor, for all i.
bool repeats(const std::string& coordinates, const std::string& rounding, std::int64_t factor) {
  constexpr std::int64_t kMostFactor = 1 << 16;
  if (factor == 1) return true;
  if (factor > kMostFactor) return false;
  for (std::int64_t i = 0; i < 4 * factor; ++i) {
    double at = 0;
    if (coordinates == "asymmetric") {
      at = static_cast<double>(i) / static_cast<double>(factor);
    } else if (coordinates == "half_pixel" || coordinates == "pytorch_half_pixel" ||
               coordinates == "half_pixel_symmetric") {
      at = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
    } else {
      return false;
    }
    double nearest = 0;
    if (rounding == "floor")
      nearest = std::floor(at);
    else if (rounding == "ceil")
      nearest = std::ceil(at);
    else if (rounding == "round_prefer_floor")
      nearest = std::ceil(at - 0.5);
    else if (rounding == "round_prefer_ceil")
      nearest = std::floor(at + 0.5);
    else
      return false;
    if (std::max(nearest, 0.0) != static_cast<double>(i / factor)) return false;
  }
  return true;
}

// A unit is one row of an output image.
class BlendStep final : public Step {
 public:
  // Of both axes together: 4 x 4 for cubic interpolation.
  static constexpr std::size_t kMostTaps = 16;

  BlendStep(kernels::BlendFn blend, Place from, Place to, std::vector<ResizeTaps> rows, std::vector<ResizeTaps> columns)
      : blend_(blend),
        from_(std::move(from)),
        to_(std::move(to)),
        rows_(std::move(rows)),
        columns_(std::move(columns)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const float* in = context.at<const float>(from_);
    float* out = context.at<float>(to_);
    const std::int64_t height = from_.dims[2], width = from_.dims[3];
    std::array<const float*, kMostTaps> pixels{};
    std::array<float, kMostTaps> weights{};
    for (std::int64_t row = begin; row < end; ++row) {
      const ResizeTaps& y = rows_[static_cast<std::size_t>(row % to_.dims[2])];
      const float* image = in + row / to_.dims[2] * height * width * from_.pixel_stride;
      float* to = out + row * to_.dims[3] * to_.pixel_stride;
      for (const ResizeTaps& x : columns_) {
        std::size_t taps = 0;
        for (std::size_t a = 0; a < y.from.size(); ++a) {
          const float* line = image + y.from[a] * width * from_.pixel_stride;
          for (std::size_t b = 0; b < x.from.size(); ++b, ++taps) {
            pixels[taps] = line + x.from[b] * from_.pixel_stride;
            weights[taps] = static_cast<float>(y.weights[a] * x.weights[b]);
          }
        }
        blend_({pixels.data(), weights.data(), static_cast<std::int64_t>(taps), from_.dims[1], to});
        to += to_.pixel_stride;
      }
    }
  }

 private:
  kernels::BlendFn blend_;
  Place from_, to_;
  std::vector<ResizeTaps> rows_, columns_;
};

std::size_t most_taps(const std::vector<ResizeTaps>& taps) {
  std::size_t most = 0;
  for (const ResizeTaps& tap : taps) most = std::max(most, tap.from.size());
  return most;
}

// The constant scales or sizes of the node.
Declined read_targets(const Lowering& lowering, const Node& node, std::vector<float>& scales,
                      std::vector<std::int64_t>& sizes) {
  const auto given = [&](std::size_t i) { return node.inputs.size() > i && node.inputs[i].valid(); };
  if (given(2)) {
    const Tensor* tensor = lowering.constant(node.inputs[2]);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat32) return "scales that are computed in the run";
    scales.assign(tensor->data<float>().begin(), tensor->data<float>().end());
  }
  if (given(3)) {
    const Tensor* tensor = lowering.constant(node.inputs[3]);
    if (tensor == nullptr || tensor->dtype() != DType::kInt64) return "sizes that are computed in the run";
    sizes.assign(tensor->data<std::int64_t>().begin(), tensor->data<std::int64_t>().end());
  }
  return {};
}

Declined lower_blend(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<ResizeAttributes> attributes = ResizeAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  const Dims in = *lowering.dims(node.inputs[0]), out = *lowering.dims(node.outputs[0]);
  if (in.size() != 4 || out[0] != in[0] || out[1] != in[1] || in[2] == 0 || in[3] == 0)
    return "not an image's height and width";
  if (attributes->transform == CoordinateTransform::kTfCropAndResize) return "cropping";
  std::vector<float> scales;
  std::vector<std::int64_t> sizes;
  if (Declined reason = read_targets(lowering, node, scales, sizes); !reason.empty()) return reason;
  const Result<std::vector<ResizeAxis>> axes = resize_axes(*attributes, in, scales, sizes);
  if (!axes) return axes.error().message();
  if ((*axes)[0].scale != 1 || (*axes)[1].scale != 1) return "batch or channels are resized";
  const auto taps_of = [&](std::size_t axis) {
    const WorkBounds bounds = list_bounds(lowering);
    const BoundsScope scope(bounds);
    return resize_taps(*attributes, (*axes)[axis]);
  };
  Result<std::vector<ResizeTaps>> row_taps = taps_of(2), column_taps = taps_of(3);
  if (!row_taps || !column_taps) return (row_taps ? column_taps : row_taps).error().message();
  std::vector<ResizeTaps> rows = *std::move(row_taps), columns = *std::move(column_taps);
  if (most_taps(rows) * most_taps(columns) > BlendStep::kMostTaps) return "an output pixel is made of more than 16";
  const Place from = lowering.read(node.inputs[0], Layout::kChannelsLast),
              to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "blend";
  draft.reads = {from};
  draft.writes = {to};
  draft.units = out[0] * out[2];
  draft.flops = 2.0 * static_cast<double>(to.count() * static_cast<std::int64_t>(most_taps(rows) * most_taps(columns)));
  draft.speed = 0.1;  // bound by loads
  lowering.add(std::make_unique<BlendStep>(kernels::blend_kernel(lowering.options().isa), from, to, std::move(rows),
                                           std::move(columns)),
               std::move(draft));
  return {};
}

// Nearest neighbour by whole factors.
Declined lower_repeat(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  const Result<std::string> mode = get_string(node, "mode", "nearest"),
                            coordinates = get_string(node, "coordinate_transformation_mode", "half_pixel"),
                            rounding = get_string(node, "nearest_mode", "round_prefer_floor");
  if (!mode || !coordinates || !rounding || *mode != "nearest") return "not the nearest neighbour";
  if (in.size() != 4 || out[0] != in[0] || out[1] != in[1] || in[2] == 0 || in[3] == 0 || out[2] % in[2] != 0 ||
      out[3] % in[3] != 0)
    return "not by whole factors of height and width";
  // A scale that only rounds to the factor (2.3 of 3 rows) takes other pixels.
  if (node.inputs.size() > 2 && node.inputs[2].valid()) {
    const Tensor* scales = lowering.constant(node.inputs[2]);
    if (scales == nullptr || scales->dtype() != DType::kFloat32) return "scales that are computed in the run";
    const std::span<const float> s = scales->data<float>();
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s[i] != std::floor(s[i])) return "not by whole factors";
    }
  }
  const std::int64_t rows = out[2] / in[2], columns = out[3] / in[3];
  if (!repeats(*coordinates, *rounding, rows) || !repeats(*coordinates, *rounding, columns))
    return "coordinates that do not just repeat pixels";
  const kernels::RepeatFn repeat =
      kernels::repeat_kernel(lowering.options().isa, static_cast<std::int64_t>(size_of(lowering.dtype(x))));
  const bool planes =
      repeat != nullptr && lowering.layout_of(x) == Layout::kRowMajor && !is_wanted_channels_last(lowering, y);
  const Layout layout = planes ? Layout::kRowMajor : Layout::kChannelsLast;
  const Place from = lowering.read(x, layout), to = lowering.define(y, layout);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "repeat";
  draft.reads = {from};
  draft.writes = {to};
  if (planes) {
    draft.units = in[0] * in[1] * in[2];
    lowering.add(std::make_unique<RepeatPlanesStep>(repeat, from, to, rows, columns), std::move(draft));
    return {};
  }
  draft.units = in[0] * in[2];
  lowering.add(std::make_unique<RepeatStep>(from, to, rows, columns), std::move(draft));
  return {};
}

}  // namespace

Declined lower_resize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (lower_repeat(lowering, id).empty()) return {};
  if (!lowering.is_float(node.inputs[0]))
    return "only float32 is native, but for whole factors of the nearest neighbour";
  return lower_blend(lowering, id);
}

}  // namespace cycloid
