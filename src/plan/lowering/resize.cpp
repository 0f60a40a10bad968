// Resize by whole factors, nearest neighbour: each pixel is repeated.
#include <cmath>

#include "kernels/move/move.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

class RepeatStep final : public Step {
 public:
  RepeatStep(Place from, Place to, std::int64_t rows, std::int64_t columns)
      : from_(std::move(from)), to_(std::move(to)), rows_(rows), columns_(columns) {}

  // A unit is one row of an input image.
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t width = from_.dims[3], wide = to_.dims[3],
                       bytes = from_.dims[1] * static_cast<std::int64_t>(sizeof(float));
    const float* in = context.at<const float>(from_);
    float* out = context.at<float>(to_);
    const std::int64_t in_step = from_.pixel_stride * static_cast<std::int64_t>(sizeof(float)),
                       out_step = to_.pixel_stride * static_cast<std::int64_t>(sizeof(float));
    for (std::int64_t row = begin; row < end; ++row) {
      float* first = out + row * rows_ * wide * to_.pixel_stride;
      for (std::int64_t c = 0; c < columns_; ++c) {
        kernels::copy_rows(in + row * width * from_.pixel_stride, in_step, first + c * to_.pixel_stride,
                           columns_ * out_step, width, bytes);
      }
      for (std::int64_t r = 1; r < rows_; ++r)
        kernels::copy_rows(first, out_step, first + r * wide * to_.pixel_stride, out_step, wide, bytes);
    }
  }

 private:
  Place from_, to_;
  std::int64_t rows_, columns_;
};

// Whether output pixel i of a size grown by `factor` takes input pixel i / factor, for all i.
bool repeats(const std::string& coordinates, const std::string& rounding, std::int64_t factor) {
  if (factor == 1) return true;
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

}  // namespace

Declined lower_resize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  if (!lowering.is_float(x)) return "only float32 is native";
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  const Result<std::string> mode = get_string(node, "mode", "nearest"),
                            coordinates = get_string(node, "coordinate_transformation_mode", "half_pixel"),
                            rounding = get_string(node, "nearest_mode", "round_prefer_floor");
  if (!mode || !coordinates || !rounding || *mode != "nearest") return "only mode nearest is native";
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
  const Place from = lowering.read(x, Layout::kChannelsLast), to = lowering.define(y, Layout::kChannelsLast);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "repeat";
  draft.reads = {from};
  draft.writes = {to};
  draft.units = in[0] * in[2];
  lowering.add(std::make_unique<RepeatStep>(from, to, rows, columns), std::move(draft));
  return {};
}

}  // namespace cycloid
