// Resize: a tensor sampled anew along some axes.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace cycloid {

enum class ResizeMode { kNearest, kLinear, kCubic };
enum class CoordinateTransform {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfCropAndResize
};
enum class NearestMode { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil };
enum class AspectPolicy { kStretch, kNotLarger, kNotSmaller };

struct ResizeAttributes {
  ResizeMode mode = ResizeMode::kNearest;
  CoordinateTransform transform = CoordinateTransform::kHalfPixel;
  NearestMode nearest = NearestMode::kRoundPreferFloor;
  AspectPolicy policy = AspectPolicy::kStretch;
  bool antialias = false;
  bool exclude_outside = false;
  double cubic_a = -0.75;
  double extrapolation = 0;
  std::vector<std::int64_t> axes;  // empty: all

  static Result<ResizeAttributes> parse(const Node& node);
  // The axes, normalised.
  Result<std::vector<std::int64_t>> axes_of(std::size_t rank) const;
};

// The samples that make one element along an axis: source positions and their weights. Empty: the extrapolation value.
struct ResizeTaps {
  std::vector<std::int64_t> from;
  std::vector<double> weights;
};

// How an axis is resized: its output size and scale (output over input, as given or as the sizes make it).
struct ResizeAxis {
  std::int64_t input = 0;
  std::int64_t output = 0;
  double scale = 1;
  double roi_begin = 0;  // of tf_crop_and_resize, as parts of the axis
  double roi_end = 1;
};
Result<std::vector<ResizeTaps>> resize_taps(const ResizeAttributes& attributes, const ResizeAxis& axis);

// The sizes and scales of all axes, from either scales or sizes of the resized ones.
Result<std::vector<ResizeAxis>> resize_axes(const ResizeAttributes& attributes, const Dims& dims,
                                            const std::vector<float>& scales, const std::vector<std::int64_t>& sizes);

extern const Op kResize;

}  // namespace cycloid
