// Element-wise functions of two (or more) tensors, with broadcasting.
#include <algorithm>
#include <array>

#include "kernels/elementwise/elementwise.h"
#include "plan/lowering/activation.h"
#include "plan/lowering/elements.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/transposed_binary.h"

namespace cycloid {
namespace {

using kernels::BinaryArgs;
using kernels::BinaryFn;
using kernels::BinaryKind;

constexpr std::size_t kMaxOuter = 6;

class BinaryStep final : public Step {
 public:
  BinaryStep(BinaryFn fn, std::vector<Loop> loops, std::array<Place, 3> places, std::optional<kernels::Activation> clip)
      : fn_(fn), places_(std::move(places)) {
    columns_ = loops.empty() ? Loop{} : loops.back();
    if (!loops.empty()) loops.pop_back();
    rows_ = loops.empty() ? Loop{} : loops.back();
    if (!loops.empty()) loops.pop_back();
    for (const Loop& loop : loops) outer_[outer_count_++] = loop;
    if (clip) {
      clip_ = true;
      lo_ = clip->lo;
      hi_ = clip->hi;
    }
    stream_ = places_[2].bytes() >= kStreamBytes;
    constexpr std::int64_t kElements = 4096;
    split_columns_ = rows_.size == 1 && outer_count_ == 0;
    each_ =
        split_columns_ ? kElements : std::max<std::int64_t>(1, kElements / std::max<std::int64_t>(1, columns_.size));
    blocks_ = split_columns_ ? (columns_.size + each_ - 1) / each_ : (rows_.size + each_ - 1) / each_;
    units_ = blocks_;
    for (std::size_t i = 0; i < outer_count_; ++i) units_ *= outer_[i].size;
  }

  std::int64_t units() const { return units_; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    // Consecutive blocks of one outer position are one call.
    while (begin < end) {
      const std::int64_t block = begin % blocks_, count = std::min(blocks_ - block, end - begin);
      run_blocks(context, begin / blocks_, block, block + count);
      begin += count;
    }
  }

 private:
  void run_blocks(const StepContext& context, std::int64_t outer, std::int64_t begin, std::int64_t end) const {
    std::array<std::int64_t, 3> at = {0, 0, 0};
    for (std::size_t d = outer_count_; d-- > 0;) {
      const std::int64_t i = outer % outer_[d].size;
      outer /= outer_[d].size;
      for (std::size_t k = 0; k < 3; ++k) at[k] += i * outer_[d].step[k];
    }
    const Loop& cut = split_columns_ ? columns_ : rows_;
    const std::int64_t first = begin * each_, count = std::min(end * each_, cut.size) - first;
    for (std::size_t k = 0; k < 3; ++k) at[k] += first * cut.step[k];
    fn_(BinaryArgs{.a = context.at<const float>(places_[0]) + at[0],
                   .a_stride = rows_.step[0],
                   .a_step = columns_.step[0],
                   .b = context.at<const float>(places_[1]) + at[1],
                   .b_stride = rows_.step[1],
                   .b_step = columns_.step[1],
                   .y = context.at<float>(places_[2]) + at[2],
                   .y_stride = rows_.step[2],
                   .rows = split_columns_ ? 1 : count,
                   .columns = split_columns_ ? count : columns_.size,
                   .clip = clip_,
                   .lo = lo_,
                   .hi = hi_,
                   .stream = stream_});
  }

  BinaryFn fn_;
  std::array<Place, 3> places_;
  Loop columns_, rows_;
  std::array<Loop, kMaxOuter> outer_;
  std::size_t outer_count_ = 0;
  bool clip_ = false, split_columns_ = false, stream_ = false;
  float lo_ = 0, hi_ = 0;
  std::int64_t each_ = 1, blocks_ = 1, units_ = 1;
};

std::optional<BinaryKind> binary_kind(std::string_view op) {
  static constexpr struct {
    std::string_view op;
    BinaryKind kind;
  } kKinds[] = {{"Add", BinaryKind::kAdd}, {"Sum", BinaryKind::kAdd},    {"Sub", BinaryKind::kSub},
                {"Mul", BinaryKind::kMul}, {"Div", BinaryKind::kDiv},    {"Max", BinaryKind::kMax},
                {"Min", BinaryKind::kMin}, {"PRelu", BinaryKind::kPRelu}};
  for (const auto& line : kKinds) {
    if (line.op == op) return line.kind;
  }
  return {};
}

// The loops over y's memory, or nothing where an operand does not move by 0 or 1 along the innermost one.
std::optional<std::vector<Loop>> find_loops(const Place& a, const Place& b, const Place& y) {
  std::vector<Loop> joined = loops_over(y, broadcast_strides(a, y.dims), broadcast_strides(b, y.dims));
  if (joined.size() > kMaxOuter + 2) return {};
  if (!joined.empty() && (joined.back().step[2] != 1 || joined.back().step[0] > 1 || joined.back().step[1] > 1))
    return {};
  return joined;
}

// y = op(a, b) as one step.
Declined add_binary(Lowering& lowering, BinaryKind kind, const Place& a, const Place& b, const Place& y,
                    std::vector<NodeId> nodes, std::optional<kernels::Activation> clip) {
  std::optional<std::vector<Loop>> loops = find_loops(a, b, y);
  if (!loops) return "a broadcast of many dimensions";
  auto step = std::make_unique<BinaryStep>(kernels::binary_kernel(kind, lowering.options().isa), std::move(*loops),
                                           std::array<Place, 3>{a, b, y}, clip);
  Lowering::Draft draft;
  draft.nodes = std::move(nodes);
  draft.kernel = kernels::binary_kernels()[static_cast<std::size_t>(kind)].name;
  draft.reads = {a, b};
  draft.writes = {y};
  draft.units = step->units();
  draft.flops = static_cast<double>(y.count());
  draft.speed = 0.1;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

// The operand for a result in this layout: as it lies where that is possible, else converted.
Place operand(Lowering& lowering, ValueId id, const Dims& dims, Layout layout) {
  const Dims own = *lowering.dims(id);
  if (layout == Layout::kRowMajor) return lowering.read(id, Layout::kRowMajor);
  // One element, or a row-major tensor that varies along the channels only (and the batch): its memory is right as it is.
  std::int64_t spatial = 1;
  const std::size_t lead = dims.size() - own.size();
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (lead + i >= 2) spatial *= own[i];
  }
  const bool image = own.size() == dims.size();
  if (!image || (spatial == 1 && lowering.layout_of(id) == Layout::kRowMajor))
    return lowering.read(id, Layout::kRowMajor);
  return lowering.read(id, Layout::kChannelsLast);
}

}  // namespace

Declined lower_binary(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const std::optional<BinaryKind> kind = binary_kind(node.op_type);
  CYCLOID_CHECK(kind.has_value());
  if (!lowering.is_float(node.outputs[0])) return lower_elements(lowering, id);
  if (node.inputs.size() < 2) return "one operand only";
  const Dims dims = *lowering.dims(node.outputs[0]);
  if (dims.size() > kMaxOuter) return "a rank above the kernel's";
  Layout layout = Layout::kRowMajor;
  for (const ValueId input : node.inputs) {
    if (lowering.layout_of(input) == Layout::kChannelsLast && *lowering.dims(input) == dims)
      layout = Layout::kChannelsLast;
  }
  // The first two must span the result where a third is added to them in place.
  if (node.inputs.size() > 2 && *lowering.dims(node.inputs[0]) != dims && *lowering.dims(node.inputs[1]) != dims)
    return "many operands, of which the first two are smaller than the result";

  const auto fits = [&](Layout in) {
    Place y{.dtype = DType::kFloat32, .dims = dims, .layout = in};
    y.pixel_stride = in == Layout::kChannelsLast ? y.channels() : 0;
    for (const ValueId input : node.inputs) {
      // A probe without memory: what operand() would give, seen by its strides only.
      const Dims own = *lowering.dims(input);
      Place place{.dtype = DType::kFloat32, .dims = own};
      const bool converted = in == Layout::kChannelsLast && own.size() == dims.size();
      if (converted) {
        place.layout = Layout::kChannelsLast;
        place.pixel_stride = place.channels();
      }
      if (!find_loops(place, place, y)) return false;
    }
    return true;
  };
  if (layout == Layout::kChannelsLast && !fits(layout)) layout = Layout::kRowMajor;
  if (!fits(layout)) return "a broadcast that the kernels have not";

  std::vector<NodeId> nodes = {id};
  ValueId output = node.outputs[0];
  std::optional<kernels::Activation> clip;
  if (auto match = match_clip(lowering, output)) {
    clip = match->activation;
    output = match->output;
    nodes.insert(nodes.end(), match->nodes.begin(), match->nodes.end());
  }
  if (layout == Layout::kRowMajor && node.inputs.size() == 2 &&
      add_transposed_binary(lowering, *kind, nodes, output, clip))
    return {};
  const Place a = operand(lowering, node.inputs[0], dims, layout), b = operand(lowering, node.inputs[1], dims, layout);
  const Place y = lowering.define(output, layout);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const bool last = i + 1 == node.inputs.size();
    const Place right = i == 1 ? b : operand(lowering, node.inputs[i], dims, layout);
    const Declined reason = add_binary(lowering, *kind, i == 1 ? a : y, right, y, nodes, last ? clip : std::nullopt);
    CYCLOID_CHECK(reason.empty());
  }
  return {};
}

}  // namespace cycloid
