// Pad with a constant: each row of the output is filled, copied, or both.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

constexpr std::size_t kMaxRank = 8;

// One dimension in the order of memory.
struct PadLoop {
  std::int64_t in = 1, out = 1, before = 0;
  std::int64_t in_stride = 0, out_stride = 0;
};

class PadStep final : public Step {
 public:
  PadStep(Place from, Place to, const std::vector<PadLoop>& loops, float value)
      : from_(std::move(from)), to_(std::move(to)), value_(value) {
    std::ranges::copy(loops, loops_.begin());
    outer_ = loops.size() - 1;
    for (std::size_t i = 0; i < outer_; ++i) rows_ *= loops_[i].out;
    rows_per_unit_ = std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, loops_[outer_].out));
  }
  std::int64_t units() const { return (rows_ + rows_per_unit_ - 1) / rows_per_unit_; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const float* in = context.at<const float>(from_);
    float* out = context.at<float>(to_);
    const PadLoop& inner = loops_[outer_];
    for (std::int64_t row = begin * rows_per_unit_; row < std::min(end * rows_per_unit_, rows_); ++row) {
      std::int64_t rest = row, from = 0, to = 0;
      bool inside = true;
      for (std::size_t d = outer_; d-- > 0;) {
        const std::int64_t at = rest % loops_[d].out, source = at - loops_[d].before;
        rest /= loops_[d].out;
        inside = inside && source >= 0 && source < loops_[d].in;
        from += source * loops_[d].in_stride;
        to += at * loops_[d].out_stride;
      }
      float* y = out + to;
      if (!inside) {
        std::fill_n(y, inner.out, value_);
        continue;
      }
      std::fill_n(y, inner.before, value_);
      std::memcpy(y + inner.before, in + from, static_cast<std::size_t>(inner.in) * sizeof(float));
      std::fill(y + inner.before + inner.in, y + inner.out, value_);
    }
  }

 private:
  Place from_, to_;
  std::array<PadLoop, kMaxRank> loops_;
  std::size_t outer_ = 0;
  std::int64_t rows_ = 1, rows_per_unit_ = 1;
  float value_;
};

// The same value in some channels of every pixel.
class FillChannelsStep final : public Step {
 public:
  static constexpr std::int64_t kPixelsPerUnit = 2048;

  FillChannelsStep(Place to, float value) : to_(std::move(to)), pixels_(to_.pixels()), value_(value) {}
  std::int64_t units() const { return (pixels_ + kPixelsPerUnit - 1) / kPixelsPerUnit; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t channels = to_.channels(), last = std::min(end * kPixelsPerUnit, pixels_);
    float* pixel = context.at<float>(to_) + begin * kPixelsPerUnit * to_.pixel_stride;
    for (std::int64_t p = begin * kPixelsPerUnit; p < last; ++p, pixel += to_.pixel_stride) {
      for (std::int64_t c = 0; c < channels; ++c) pixel[c] = value_;
    }
  }

 private:
  Place to_;
  std::int64_t pixels_;
  float value_;
};

// Fills channels [first, first + count) of `whole`.
void fill_channels(Lowering& lowering, NodeId id, const Place& whole, std::int64_t first, std::int64_t count,
                   float value) {
  if (count == 0) return;
  Place part = whole;
  part.dims[1] = count;
  part.offset += static_cast<std::size_t>(first) * sizeof(float);
  auto step = std::make_unique<FillChannelsStep>(part, value);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "move.fill";
  draft.writes = {part};
  draft.units = step->units();
  lowering.add(std::move(step), std::move(draft));
}

// The loops over the output's memory, innermost last.
std::vector<PadLoop> pad_loops(const Place& from, const Place& to, const std::vector<std::int64_t>& before) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < to.dims.size(); ++i) {
    if (to.layout == Layout::kRowMajor || i != 1) order.push_back(i);
  }
  if (to.layout == Layout::kChannelsLast) order.push_back(1);
  std::vector<PadLoop> loops(order.size());
  std::int64_t in_stride = 1, out_stride = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    const std::size_t axis = order[k];
    loops[k] = {.in = from.dims[axis],
                .out = to.dims[axis],
                .before = before[axis],
                .in_stride = in_stride,
                .out_stride = out_stride};
    const bool channels = to.layout == Layout::kChannelsLast && axis == 1;
    in_stride = channels ? from.pixel_stride : in_stride * from.dims[axis];
    out_stride = channels ? to.pixel_stride : out_stride * to.dims[axis];
  }
  return loops;
}

}  // namespace

Declined lower_pad(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  if (!lowering.is_float(x)) return "only float32 is native";
  const Result<std::string> mode = get_string(node, "mode", "constant");
  if (!mode || *mode != "constant") return "only mode constant is native";
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  const Tensor* pads = node.inputs.size() > 1 ? lowering.constant(node.inputs[1]) : nullptr;
  if (pads == nullptr || !is_integer(pads->dtype())) return "pads that are computed in the run";
  if (in.empty() || in.size() > kMaxRank || element_count(in) == 0) return "a rank or size that the kernel has not";
  float value = 0;
  if (node.inputs.size() > 2 && node.inputs[2].valid()) {
    const Tensor* constant = lowering.constant(node.inputs[2]);
    if (constant == nullptr || constant->dtype() != DType::kFloat32 || constant->element_count() != 1)
      return "a value that is computed in the run";
    value = constant->data<float>()[0];
  }
  std::vector<std::int64_t> axes(in.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  if (node.inputs.size() > 3 && node.inputs[3].valid()) {
    const Tensor* constant = lowering.constant(node.inputs[3]);
    if (constant == nullptr || !is_integer(constant->dtype())) return "axes that are computed in the run";
    axes = to_int64s(*constant);
  }
  const std::vector<std::int64_t> amounts = to_int64s(*pads);
  if (amounts.size() != 2 * axes.size()) return "pads that do not fit the axes";
  std::vector<std::int64_t> before(in.size(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i] < 0 ? axes[i] + static_cast<std::int64_t>(in.size()) : axes[i]);
    if (axis >= in.size()) return "an axis beyond the rank";
    if (amounts[i] < 0 || amounts[axes.size() + i] < 0) return "negative padding";
    before[axis] = amounts[i];
  }

  const Layout layout = lowering.layout_of(x);
  const Place from = lowering.read(x, layout), to = lowering.define(y, layout);
  if (layout == Layout::kChannelsLast && channel_padding(lowering.graph(), node)) {
    const std::int64_t first = before[1];
    const std::size_t offset = to.offset + static_cast<std::size_t>(first) * sizeof(float);
    if (from.buffer == to.buffer && from.offset == offset && from.pixel_stride == to.pixel_stride) {
      fill_channels(lowering, id, to, 0, first, value);
      fill_channels(lowering, id, to, first + in[1], out[1] - first - in[1], value);
      return {};
    }
  }
  auto step = std::make_unique<PadStep>(from, to, pad_loops(from, to, before), value);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "move.pad";
  draft.reads = {from};
  draft.writes = {to};
  draft.units = step->units();
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
