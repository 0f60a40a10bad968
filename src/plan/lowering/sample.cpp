// GridSample of images, and RoiAlign: weighted sums of pixels, or the largest of weighted pixels.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/resample/resample.h"
#include "plan/lowering/blending.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

// --- GridSample.
enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

struct Tap {
  std::int64_t index = 0;  // -1: a zero
  float weight = 1;
};

double reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::abs(x - low), turns = std::floor(distance / range);
  const double rest = distance - turns * range;
  return std::fmod(turns, 2) == 0 ? low + rest : high - rest;
}

// The pixels along one axis that a sample reads.
struct SampleAxis {
  Mode mode = Mode::kLinear;
  Padding padding = Padding::kZeros;
  bool align_corners = false;
  std::int64_t size = 1;

  double low() const { return align_corners ? 0 : -0.5; }
  double high() const { return static_cast<double>(size) - (align_corners ? 1 : 0.5); }

  Tap tap(std::int64_t i, double weight) const {
    if (i < 0 || i >= size) {
      if (padding == Padding::kZeros) return {-1, 0};
      if (padding == Padding::kReflection)
        i = static_cast<std::int64_t>(reflected(static_cast<double>(i), low(), high()));
      i = std::clamp<std::int64_t>(i, 0, size - 1);
    }
    return {i, static_cast<float>(weight)};
  }

  // Of a coordinate in [-1, 1]; the number of taps.
  int taps(float coordinate, Tap (&to)[4]) const {
    const auto length = static_cast<float>(size);
    double x =
        static_cast<double>(align_corners ? (coordinate + 1) / 2 * (length - 1) : ((coordinate + 1) * length - 1) / 2);
    if (mode == Mode::kNearest) x = std::nearbyint(x);
    if (x < low() || x > high()) {
      if (padding == Padding::kBorder) x = std::clamp(x, 0.0, static_cast<double>(size - 1));
      if (padding == Padding::kReflection) x = reflected(x, low(), high());
    }
    if (std::isnan(x)) x = -3;
    x = std::clamp(x, -3.0, static_cast<double>(size) + 2);  // farther out all positions are alike
    const double floor = std::floor(x), t = x - floor;
    const auto first = static_cast<std::int64_t>(floor);
    if (mode == Mode::kNearest) {
      to[0] = tap(first, 1);
      return 1;
    }
    if (mode == Mode::kLinear) {
      to[0] = tap(first, 1 - t);
      to[1] = tap(first + 1, t);
      return 2;
    }
    // Keys' cubic convolution with a = -0.75, for distances below 1 and from 1 to 2.
    const auto inner = [](double d) { return (1.25 * d - 2.25) * d * d + 1; };
    const auto outer = [](double d) { return ((-0.75 * d + 3.75) * d - 6) * d + 3; };
    to[0] = tap(first - 1, outer(t + 1));
    to[1] = tap(first, inner(t));
    to[2] = tap(first + 1, inner(1 - t));
    to[3] = tap(first + 2, outer(2 - t));
    return 4;
  }
};

// A unit is a block of positions.
class GridSampleStep final : public Step {
 public:
  static constexpr std::int64_t kPositions = 64;
  GridSampleStep(kernels::BlendFn fn, Place x, Place grid, Place y, SampleAxis rows, SampleAxis columns)
      : fn_(fn), x_(std::move(x)), grid_(std::move(grid)), y_(std::move(y)), rows_(rows), columns_(columns) {
    positions_ = y_.pixels();
    each_ = positions_ / y_.dims[0];
  }
  std::int64_t units() const { return (positions_ + kPositions - 1) / kPositions; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto* grid = context.at<const float>(grid_);
    const std::int64_t stride = x_.pixel_stride;
    for (std::int64_t p = begin * kPositions; p < std::min(end * kPositions, positions_); ++p) {
      const float* image = context.at<const float>(x_) + p / each_ * rows_.size * columns_.size * stride;
      Tap rows[4], columns[4];
      const int row_count = rows_.taps(grid[2 * p + 1], rows), column_count = columns_.taps(grid[2 * p], columns);
      Blending blending(fn_, x_.channels(), context.at<float>(y_) + p * y_.pixel_stride);
      for (int i = 0; i < row_count; ++i) {
        for (int j = 0; j < column_count; ++j) {
          if (rows[i].index < 0 || columns[j].index < 0) continue;
          blending.add(image + (rows[i].index * columns_.size + columns[j].index) * stride,
                       rows[i].weight * columns[j].weight);
        }
      }
      blending.finish();
    }
  }

 private:
  kernels::BlendFn fn_;
  Place x_, grid_, y_;
  SampleAxis rows_, columns_;
  std::int64_t positions_ = 0, each_ = 1;
};

// --- RoiAlign.
struct RoiAlign {
  std::int64_t height = 1, width = 1, sampling_ratio = 0;
  double scale = 1;
  bool half_pixel = true, max = false;
};

// The samples of a box along one axis.
struct RoiSide {
  double start = 0, step = 0;
  std::int64_t samples = 0;

  static std::optional<RoiSide> make(const RoiAlign& a, float low, float high, std::int64_t bins) {
    constexpr double kMostSamples = 4096;
    const double shift = a.half_pixel ? 0.5 : 0;
    RoiSide side;
    side.start = static_cast<double>(low) * a.scale - shift;
    double length = static_cast<double>(high) * a.scale - shift - side.start;
    if (!a.half_pixel) length = std::max(length, 1.0);
    const double bin = length / static_cast<double>(bins);
    if (!std::isfinite(side.start) || !std::isfinite(bin) || (a.sampling_ratio == 0 && bin > kMostSamples)) return {};
    // A box whose ends are exchanged has none.
    side.samples = a.sampling_ratio > 0 ? a.sampling_ratio : static_cast<std::int64_t>(std::ceil(std::max(bin, 0.0)));
    side.step = side.samples > 0 ? bin / static_cast<double>(side.samples) : 0;
    return side;
  }

  // Calls f(index, weight) for each pixel that the samples of a bin read; where `all`, for those too that have no weight: a
  // sum can do without them, a maximum takes their 0.
  template <class F>
  void for_each(std::int64_t bin, std::int64_t size, bool all, F f) const {
    for (std::int64_t i = bin * samples; i < (bin + 1) * samples; ++i) {
      double x = start + (static_cast<double>(i) + 0.5) * step;
      const bool outside = x < -1 || x > static_cast<double>(size);
      if (outside && all) f(0, 0);
      if (outside) continue;
      x = std::clamp(x, 0.0, static_cast<double>(size - 1));
      const auto index = static_cast<std::int64_t>(x);
      const double rest = x - static_cast<double>(index);
      f(index, static_cast<float>(1 - rest));
      if (rest > 0 || all) f(std::min(index + 1, size - 1), static_cast<float>(rest));
    }
  }
};

// A unit is a row of bins of one region.
class RoiAlignStep final : public Step {
 public:
  RoiAlignStep(kernels::BlendFn fn, RoiAlign a, Place x, Place boxes, Place batches, Place y)
      : fn_(fn), a_(a), x_(std::move(x)), boxes_(std::move(boxes)), batches_(std::move(batches)), y_(std::move(y)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t height = x_.dims[2], width = x_.dims[3], stride = x_.pixel_stride;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t r = unit / a_.height, i = unit % a_.height;
      const float* box = context.at<const float>(boxes_) + 4 * r;
      const std::int64_t batch = context.at<const std::int64_t>(batches_)[r];
      if (batch < 0 || batch >= x_.dims[0]) {
        context.run->fail(invalid_argument("batch index {} is outside a batch of {}", batch, x_.dims[0]));
        return;
      }
      const auto columns = RoiSide::make(a_, box[0], box[2], a_.width),
                 rows = RoiSide::make(a_, box[1], box[3], a_.height);
      if (!columns || !rows) {
        context.run->fail(invalid_argument("a region from {}, {} to {}, {}", box[0], box[1], box[2], box[3]));
        return;
      }
      const float* image = context.at<const float>(x_) + batch * height * width * stride;
      const auto count = static_cast<float>(a_.max ? 1 : std::max<std::int64_t>(rows->samples * columns->samples, 1));
      for (std::int64_t j = 0; j < a_.width; ++j) {
        Blending blending(fn_, x_.channels(), context.at<float>(y_) + (unit * a_.width + j) * y_.pixel_stride);
        rows->for_each(i, height, a_.max, [&](std::int64_t row, float row_weight) {
          columns->for_each(j, width, a_.max, [&](std::int64_t column, float weight) {
            blending.add(image + (row * width + column) * stride, row_weight * weight / count);
          });
        });
        blending.finish();
      }
    }
  }

 private:
  kernels::BlendFn fn_;
  RoiAlign a_;
  Place x_, boxes_, batches_, y_;
};

}  // namespace

Declined lower_grid_sample(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::string> mode = get_string(node, "mode", "linear"),
                            padding = get_string(node, "padding_mode", "zeros");
  const Result<std::int64_t> align = get_int(node, "align_corners", 0);
  if (!mode || !padding || !align) return "an attribute of another type";
  if (!lowering.is_float(node.inputs[0]) || !lowering.is_float(node.inputs[1])) return "only float32 is native";
  const Dims x = *lowering.dims(node.inputs[0]);
  if (x.size() != 4 || !lowering.has_elements(node.inputs[0])) return "samples of anything but images";
  SampleAxis axis{.align_corners = *align != 0};
  axis.mode = *mode == "nearest" ? Mode::kNearest : *mode == "cubic" ? Mode::kCubic : Mode::kLinear;
  axis.padding = *padding == "border"       ? Padding::kBorder
                 : *padding == "reflection" ? Padding::kReflection
                                            : Padding::kZeros;
  SampleAxis rows = axis, columns = axis;
  rows.size = x[2];
  columns.size = x[3];
  const Place from = lowering.read(node.inputs[0], Layout::kChannelsLast);
  const Place grid = lowering.read(node.inputs[1], Layout::kRowMajor);
  const Place to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  auto step =
      std::make_unique<GridSampleStep>(kernels::blend_kernel(lowering.options().isa), from, grid, to, rows, columns);
  Lowering::Draft draft{.nodes = {id}, .kernel = "resample", .reads = {from, grid}, .writes = {to}};
  draft.units = step->units();
  const int taps = axis.mode == Mode::kNearest ? 1 : axis.mode == Mode::kLinear ? 4 : 16;
  draft.flops = 2.0 * taps * static_cast<double>(to.count()) + 100 * static_cast<double>(to.pixels());
  draft.speed = 0.2;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

Declined lower_roi_align(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::string> mode = get_string(node, "mode", "avg"),
                            transform = get_string(node, "coordinate_transformation_mode", "half_pixel");
  const Result<std::int64_t> ratio = get_int(node, "sampling_ratio", 0);
  const Result<float> scale = get_float(node, "spatial_scale", 1);
  if (!mode || !transform || !ratio || !scale || *ratio < 0) return "an attribute of another type";
  if (!lowering.is_float(node.inputs[0]) || !lowering.is_float(node.inputs[1])) return "only float32 is native";
  if (!lowering.has_elements(node.inputs[0])) return "an input without pixels";
  const Dims y = *lowering.dims(node.outputs[0]);
  RoiAlign a{.height = y[2], .width = y[3], .sampling_ratio = *ratio, .scale = static_cast<double>(*scale)};
  a.half_pixel = *transform == "half_pixel";
  a.max = *mode == "max";
  const Isa isa = lowering.options().isa;
  const Place from = lowering.read(node.inputs[0], Layout::kChannelsLast);
  const Place boxes = lowering.read(node.inputs[1], Layout::kRowMajor);
  const Place batches = lowering.read(node.inputs[2], Layout::kRowMajor);
  const Place to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  Lowering::Draft draft{.nodes = {id}, .kernel = "resample", .reads = {from, boxes, batches}, .writes = {to}};
  draft.units = y[0] * y[2];
  draft.flops = 2.0 * 16 * static_cast<double>(to.count()) + 400 * static_cast<double>(to.pixels());
  draft.speed = 0.2;
  lowering.add(std::make_unique<RoiAlignStep>(a.max ? kernels::largest_kernel(isa) : kernels::blend_kernel(isa), a,
                                              from, boxes, batches, to),
               std::move(draft));
  return {};
}

}  // namespace cycloid
