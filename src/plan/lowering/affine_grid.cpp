#include <array>
#include <vector>

#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

// Along a row of the grid only the last axis moves: each coordinate is its part times a map's number, and one sum for all others.
// A unit is a block of rows.
class AffineGridStep final : public Step {
 public:
  static constexpr std::int64_t kElements = 4096;  // of a unit

  AffineGridStep(Place theta, Place y, bool align_corners) : theta_(std::move(theta)), y_(std::move(y)) {
    axes_ = y_.dims.size() - 2;
    for (std::size_t i = 0; i < axes_; ++i) {
      const std::int64_t size = y_.dims[i + 1];
      for (std::int64_t k = 0; k < size; ++k) {
        const auto n = static_cast<double>(size), at = static_cast<double>(k);
        // One element is both corners: their middle.
        const double position = !align_corners ? (2 * at + 1) / n - 1 : size > 1 ? 2 * at / (n - 1) - 1 : 0;
        positions_[i].push_back(static_cast<float>(position));
      }
    }
    row_ = y_.dims[axes_];
    rows_ = y_.count() / (row_ * static_cast<std::int64_t>(axes_));
    each_ = std::max<std::int64_t>(1, kElements / row_);
  }
  std::int64_t units() const { return (rows_ + each_ - 1) / each_; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t row = begin * each_; row < std::min(end * each_, rows_); ++row) {
      if (axes_ == 2)
        fill_row<2>(context, row);
      else
        fill_row<3>(context, row);
    }
  }

 private:
  template <std::size_t kAxes>
  void fill_row(const StepContext& context, std::int64_t row) const {
    std::array<float, kAxes> outer{};  // positions along the axes before the last
    std::int64_t rest = row;
    for (std::size_t i = kAxes - 1; i-- > 0; rest /= y_.dims[i + 1])
      outer[i] = positions_[i][static_cast<std::size_t>(rest % y_.dims[i + 1])];
    const float* map = context.at<const float>(theta_) + rest * static_cast<std::int64_t>(kAxes * (kAxes + 1));
    std::array<float, kAxes> scale, shift;
    for (std::size_t r = 0; r < kAxes; ++r, map += kAxes + 1) {
      scale[r] = map[0];  // coordinates name the last axis first
      shift[r] = map[kAxes];
      for (std::size_t i = 1; i < kAxes; ++i) shift[r] += map[i] * outer[kAxes - 1 - i];
    }
    const float* x = positions_[kAxes - 1].data();
    float* y = context.at<float>(y_) + row * row_ * static_cast<std::int64_t>(kAxes);
    for (std::int64_t j = 0; j < row_; ++j) {
      for (std::size_t r = 0; r < kAxes; ++r)
        y[j * static_cast<std::int64_t>(kAxes) + static_cast<std::int64_t>(r)] = scale[r] * x[j] + shift[r];
    }
  }

  Place theta_, y_;
  std::size_t axes_ = 2;
  std::array<std::vector<float>, 3> positions_;  // of each axis
  std::int64_t row_ = 1, rows_ = 1, each_ = 1;
};

}  // namespace

Declined lower_affine_grid(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> align = get_int(node, "align_corners", 0);
  const Dims y = *lowering.dims(node.outputs[0]), theta = *lowering.dims(node.inputs[0]);
  const auto axes = static_cast<std::int64_t>(y.size()) - 2;
  if (!align || !lowering.is_float(node.inputs[0])) return "only float32 is native";
  if ((axes != 2 && axes != 3) || theta != Dims{y[0], axes, axes + 1}) return "a theta that does not fit the size";
  const Place from = lowering.read(node.inputs[0], Layout::kRowMajor),
              to = lowering.define(node.outputs[0], Layout::kRowMajor);
  auto step = std::make_unique<AffineGridStep>(from, to, *align != 0);
  Lowering::Draft draft{.nodes = {id}, .kernel = "affine", .reads = {from}, .writes = {to}};
  draft.units = step->units();
  draft.cost_ns = 0.4 * static_cast<double>(to.count());
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
