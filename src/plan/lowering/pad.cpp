// Pad, in every mode and for elements of any type: where an element comes from along each axis is found at plan time.
#include "ops/tensor/pad.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "plan/lowering/list_bounds.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

// Positions of the inner dimension of an output that come one after the other: from `source` on, each `step` further (1, 0 or
// -1), or the constant where there is no source.
struct PadRun {
  std::int64_t begin = 0, count = 0;
  std::int64_t source = -1, step = 0;
};

// One dimension in the order of memory.
struct PadDim {
  std::vector<std::int64_t> sources;  // by position in the output; -1: the constant
  std::int64_t in_stride = 0, out_stride = 0;
  bool whole = false;  // nothing is added or taken away
};

std::vector<PadRun> runs_of(const std::vector<std::int64_t>& sources) {
  std::vector<PadRun> runs;
  for (std::int64_t at = 0; at < static_cast<std::int64_t>(sources.size()); ++at) {
    const std::int64_t source = sources[static_cast<std::size_t>(at)];
    if (!runs.empty()) {
      PadRun& last = runs.back();
      const bool constant = source < 0;
      if (constant && last.source < 0) {
        ++last.count;
        continue;
      }
      const std::int64_t step = source - (last.source + last.step * (last.count - 1));
      if (!constant && last.source >= 0 && step >= -1 && step <= 1 && (last.count == 1 || step == last.step)) {
        last.step = step;
        ++last.count;
        continue;
      }
    }
    runs.push_back({.begin = at, .count = 1, .source = source, .step = 1});
  }
  return runs;
}

// Elements of T's size; `whole` elements side by side are one item of the inner dimension.
template <class T>
class PadStep final : public Step {
 public:
  PadStep(Place from, Place to, std::vector<PadDim> dims, std::int64_t whole, T value)
      : from_(std::move(from)), to_(std::move(to)), whole_(whole), value_(value) {
    size_ = static_cast<std::int64_t>(dims.back().sources.size());
    runs_ = runs_of(dims.back().sources);
    in_stride_ = dims.back().in_stride;
    dims.pop_back();
    for (const PadDim& dim : dims) rows_ *= static_cast<std::int64_t>(dim.sources.size());
    outer_ = std::move(dims);
    // Of a long row some items are a unit, of short ones some rows.
    constexpr std::int64_t kElements = 8192;
    parts_ = std::clamp<std::int64_t>(size_ * whole_ / kElements, 1, size_);
    rows_per_unit_ = parts_ > 1 ? 1 : std::max<std::int64_t>(1, kElements / (size_ * whole_));
  }
  std::int64_t units() const { return (rows_ + rows_per_unit_ - 1) / rows_per_unit_ * parts_; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const T* in = context.at<const T>(from_);
    T* out = context.at<T>(to_);
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t first = unit / parts_ * rows_per_unit_, part = unit % parts_;
      for (std::int64_t row = first; row < std::min(first + rows_per_unit_, rows_); ++row)
        pad_row(in, out, row, part * size_ / parts_, (part + 1) * size_ / parts_);
    }
  }

 private:
  void pad_row(const T* in, T* out, std::int64_t row, std::int64_t begin, std::int64_t end) const {
    bool inside = true;
    for (std::size_t d = outer_.size(); d-- > 0;) {
      const auto size = static_cast<std::int64_t>(outer_[d].sources.size());
      const std::int64_t at = row % size, source = outer_[d].sources[static_cast<std::size_t>(at)];
      row /= size;
      inside = inside && source >= 0;
      in += source * outer_[d].in_stride;
      out += at * outer_[d].out_stride;
    }
    if (!inside) {
      std::fill_n(out + begin * whole_, (end - begin) * whole_, value_);
      return;
    }
    for (const PadRun& run : runs_) {
      const std::int64_t from = std::max(begin, run.begin), to = std::min(end, run.begin + run.count);
      if (from >= to) continue;
      PadRun part = run;
      part.begin = from;
      part.count = to - from;
      if (run.source >= 0) part.source += (from - run.begin) * run.step;
      write(part, in, out + from * whole_);
    }
  }

  void write(const PadRun& run, const T* in, T* out) const {
    if (run.source < 0) {
      std::fill_n(out, run.count * whole_, value_);
      return;
    }
    const T* source = in + run.source * in_stride_;
    if (run.step == 1 || run.count == 1) {
      std::memcpy(out, source, static_cast<std::size_t>(run.count * whole_) * sizeof(T));
    } else if (whole_ == 1) {
      for (std::int64_t i = 0; i < run.count; ++i) out[i] = source[i * run.step * in_stride_];
    } else {
      for (std::int64_t i = 0; i < run.count; ++i)
        std::memcpy(out + i * whole_, source + i * run.step * in_stride_, static_cast<std::size_t>(whole_) * sizeof(T));
    }
  }

  Place from_, to_;
  std::vector<PadDim> outer_;
  std::vector<PadRun> runs_;
  std::int64_t size_ = 1, in_stride_ = 1, whole_ = 1, rows_ = 1, rows_per_unit_ = 1, parts_ = 1;
  T value_;
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

// The dimensions in the order of memory, innermost last, and how many elements at the end are moved as they are.
std::vector<PadDim> pad_dims(const Place& from, const Place& to, std::vector<std::vector<std::int64_t>> sources,
                             std::int64_t& whole) {
  std::vector<std::size_t> order(to.dims.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (to.layout == Layout::kChannelsLast) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  const std::vector<std::int64_t> in = strides_of(from), out = strides_of(to);
  std::vector<PadDim> dims;
  for (const std::size_t axis : order) {
    PadDim dim{.sources = std::move(sources[axis]), .in_stride = in[axis], .out_stride = out[axis]};
    dim.whole = static_cast<std::int64_t>(dim.sources.size()) == from.dims[axis];
    for (std::size_t i = 0; dim.whole && i < dim.sources.size(); ++i)
      dim.whole = dim.sources[i] == static_cast<std::int64_t>(i);
    dims.push_back(std::move(dim));
  }
  whole = 1;
  while (dims.size() > 1 && dims.back().whole) {
    const auto size = static_cast<std::int64_t>(dims.back().sources.size());
    const PadDim& next = dims[dims.size() - 2];
    if (next.in_stride != size * whole || next.out_stride != size * whole) break;  // gaps between pixels
    whole *= size;
    dims.pop_back();
  }
  return dims;
}

template <class T>
MadeStep make_pad_of(const Place& from, const Place& to, std::vector<PadDim> dims, std::int64_t whole,
                     std::uint64_t bits) {
  T value = 0;
  std::memcpy(&value, &bits, sizeof(T));
  auto step = std::make_unique<PadStep<T>>(from, to, std::move(dims), whole, value);
  const std::int64_t units = step->units();
  return {std::move(step), units};
}

// The pads of every axis, begins and then ends.
Declined read_pads(const Lowering& lowering, const Node& node, std::size_t rank, std::vector<std::int64_t>& pads) {
  const Tensor* amounts = node.inputs.size() > 1 ? lowering.constant(node.inputs[1]) : nullptr;
  if (amounts == nullptr || !is_integer(amounts->dtype())) return "pads that are computed in the run";
  std::vector<std::int64_t> axes;
  const bool some = node.inputs.size() > 3 && node.inputs[3].valid();
  if (some) {
    const Tensor* constant = lowering.constant(node.inputs[3]);
    if (constant == nullptr || !is_integer(constant->dtype())) return "axes that are computed in the run";
    axes = to_int64s(*constant);
  }
  const Result<Dims> all = pads_of_all_axes(to_int64s(*amounts), some ? &axes : nullptr, rank);
  if (!all) return all.error().message();
  pads.assign(all->begin(), all->end());
  return {};
}

}  // namespace

MadeStep make_pad(const Place& from, const Place& to, std::vector<std::vector<std::int64_t>> sources,
                  std::uint64_t value) {
  std::int64_t whole = 1;
  std::vector<PadDim> dims = pad_dims(from, to, std::move(sources), whole);
  switch (size_of(from.dtype)) {
    case 1: return make_pad_of<std::uint8_t>(from, to, std::move(dims), whole, value);
    case 2: return make_pad_of<std::uint16_t>(from, to, std::move(dims), whole, value);
    case 4: return make_pad_of<std::uint32_t>(from, to, std::move(dims), whole, value);
    default: return make_pad_of<std::uint64_t>(from, to, std::move(dims), whole, value);
  }
}

namespace {

Result<std::vector<std::vector<std::int64_t>>> all_sources(const Lowering& lowering, const Dims& dims,
                                                           const std::vector<std::int64_t>& pads, PadMode mode) {
  const WorkBounds bounds = list_bounds(lowering);
  const BoundsScope scope(bounds);
  std::vector<std::vector<std::int64_t>> all;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    CYCLOID_ASSIGN(auto list, axis_sources(dims[i], pads[i], pads[dims.size() + i], mode));
    all.push_back(std::move(list));
  }
  return all;
}

}  // namespace

Declined lower_pad(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const std::size_t bytes = size_of(lowering.dtype(x));
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return "elements that are not of 1, 2, 4 or 8 bytes";
  const Result<PadAttributes> attributes = PadAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  if (in.empty() || element_count(in).value() == 0) return "a rank or size that the kernel has not";
  std::vector<std::int64_t> pads;
  if (Declined reason = read_pads(lowering, node, in.size(), pads); !reason.empty())
    return lower_by_amounts(lowering, id);
  const bool fills = attributes->mode == PadMode::kConstant && node.inputs.size() > 2 && node.inputs[2].valid();
  const Tensor* constant = fills ? lowering.constant(node.inputs[2]) : nullptr;
  if (fills && (constant == nullptr || constant->dtype() != lowering.dtype(x) || constant->element_count() != 1))
    return lower_by_amounts(lowering, id);
  Result<std::vector<std::vector<std::int64_t>>> lists = all_sources(lowering, in, pads, attributes->mode);
  if (!lists) return lists.error().message();
  std::vector<std::vector<std::int64_t>> sources = *std::move(lists);

  const Layout layout = lowering.layout_of(x);
  const Place from = lowering.read(x, layout), to = lowering.define(y, layout);
  if (lowering.is_float(x) && layout == Layout::kChannelsLast && channel_padding(lowering.graph(), node)) {
    const float value = constant == nullptr ? 0 : constant->data<float>()[0];
    const std::int64_t first = pads[1];
    const std::size_t offset = to.offset + static_cast<std::size_t>(first) * sizeof(float);
    if (from.buffer == to.buffer && from.offset == offset && from.pixel_stride == to.pixel_stride) {
      fill_channels(lowering, id, to, 0, first, value);
      fill_channels(lowering, id, to, first + in[1], out[1] - first - in[1], value);
      return {};
    }
  }
  std::uint64_t value = 0;
  if (constant != nullptr) std::memcpy(&value, constant->bytes(), bytes);
  MadeStep made = make_pad(from, to, std::move(sources), value);
  Lowering::Draft draft{.nodes = {id}, .kernel = "move.pad", .reads = {from}, .writes = {to}, .units = made.units};
  lowering.add(std::move(made.step), std::move(draft));
  return {};
}

}  // namespace cycloid
