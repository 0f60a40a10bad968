#include "plan/lowering/transposed_binary.h"

#include <algorithm>
#include <numeric>

#include "kernels/move/transpose.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::BinaryArgs;
using kernels::BinaryFn;
using kernels::TransposeFn;

// A tile of the transposed operand is put in order in scratch memory, then the function goes over it row by row. Both sides
// are so read and written in runs of a few hundred bytes: measured for a + b.T with 2000 x 5000 floats, tiles in registers
// alone (runs of 64 bytes) take twice the time. 128 x 512 floats fit a level-2 cache beside what passes through it.
constexpr std::int64_t kTileRows = 128, kTileColumns = 512;
// Columns of scratch between rows of a tile: rows of a power of two would share the sets of the level-1 cache.
constexpr std::int64_t kTileGap = 16;
constexpr std::size_t kMaxOuter = 6;

class TransposedBinaryStep final : public Step {
 public:
  // `transposed` is the operand (0 or 1) that moves by 1 along the last but one loop.
  TransposedBinaryStep(BinaryFn fn, TransposeFn transpose, std::vector<Loop> loops, std::size_t transposed,
                       std::array<Place, 3> places, std::optional<kernels::Activation> clip)
      : fn_(fn), transpose_(transpose), transposed_(transposed), places_(std::move(places)), clip_(clip) {
    columns_ = loops.back();
    loops.pop_back();
    rows_ = loops.back();
    loops.pop_back();
    for (const Loop& loop : loops) outer_[outer_count_++] = loop;
    tile_rows_ = std::min(kTileRows, rows_.size);
    tile_columns_ = std::min(kTileColumns, columns_.size);
    row_tiles_ = (rows_.size + tile_rows_ - 1) / tile_rows_;
    column_tiles_ = (columns_.size + tile_columns_ - 1) / tile_columns_;
    stream_ = places_[2].bytes() >= kStreamBytes;
  }

  std::int64_t units() const {
    std::int64_t units = row_tiles_ * column_tiles_;
    for (std::size_t d = 0; d < outer_count_; ++d) units *= outer_[d].size;
    return units;
  }
  std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(tile_rows_ * (tile_columns_ + kTileGap)) * sizeof(float);
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) run_tile(context, unit);
  }

 private:
  void run_tile(const StepContext& context, std::int64_t unit) const {
    const std::int64_t column = unit % column_tiles_ * tile_columns_;
    const std::int64_t row = unit / column_tiles_ % row_tiles_ * tile_rows_;
    std::int64_t outer = unit / (column_tiles_ * row_tiles_);
    std::array<std::int64_t, 3> at = {};
    for (std::size_t d = outer_count_; d-- > 0;) {
      for (std::size_t k = 0; k < 3; ++k) at[k] += outer % outer_[d].size * outer_[d].step[k];
      outer /= outer_[d].size;
    }
    for (std::size_t k = 0; k < 3; ++k) at[k] += row * rows_.step[k] + column * columns_.step[k];
    const std::int64_t rows = std::min(tile_rows_, rows_.size - row);
    const std::int64_t columns = std::min(tile_columns_, columns_.size - column);

    auto* tile = reinterpret_cast<float*>(context.scratch);
    const std::int64_t tile_stride = tile_columns_ + kTileGap;
    transpose_({.in = context.at<const float>(places_[transposed_]) + at[transposed_],
                .in_stride = columns_.step[transposed_],
                .out = tile,
                .out_stride = tile_stride,
                .rows = rows,
                .columns = columns});
    const auto operand = [&](std::size_t k) -> const float* {
      return k == transposed_ ? tile : context.at<const float>(places_[k]) + at[k];
    };
    const auto stride = [&](std::size_t k) { return k == transposed_ ? tile_stride : rows_.step[k]; };
    const auto step = [&](std::size_t k) { return k == transposed_ ? 1 : columns_.step[k]; };
    fn_(BinaryArgs{.a = operand(0),
                   .a_stride = stride(0),
                   .a_step = step(0),
                   .b = operand(1),
                   .b_stride = stride(1),
                   .b_step = step(1),
                   .y = context.at<float>(places_[2]) + at[2],
                   .y_stride = rows_.step[2],
                   .rows = rows,
                   .columns = columns,
                   .clip = clip_.has_value(),
                   .lo = clip_ ? clip_->lo : 0,
                   .hi = clip_ ? clip_->hi : 0,
                   .stream = stream_});
  }

  BinaryFn fn_;
  TransposeFn transpose_;
  std::size_t transposed_;
  std::array<Place, 3> places_;
  std::optional<kernels::Activation> clip_;
  Loop columns_, rows_;
  std::array<Loop, kMaxOuter> outer_;
  std::size_t outer_count_ = 0;
  std::int64_t tile_rows_ = 1, tile_columns_ = 1, row_tiles_ = 1, column_tiles_ = 1;
  bool stream_ = false;
};

using Strides = std::vector<std::int64_t>;

std::optional<Strides> order_of(const Node& transpose, std::size_t rank) {
  Strides reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const Result<Strides> order = get_ints(transpose, "perm", reversed);
  return order && order->size() == rank ? std::optional(*order) : std::nullopt;
}

// The loops with the one along which the operand's elements lie side by side last but one; nothing where there is none, or
// the last one does not suit the function.
std::optional<std::vector<Loop>> transposed_loops(std::vector<Loop> loops, std::size_t transposed) {
  if (loops.size() < 2 || loops.size() > kMaxOuter + 2) return {};
  const Loop& last = loops.back();
  if (last.step[2] != 1 || last.step[1 - transposed] > 1 || last.step[transposed] <= 1) return {};
  const auto rows =
      std::find_if(loops.begin(), loops.end() - 1, [&](const Loop& loop) { return loop.step[transposed] == 1; });
  if (rows == loops.end() - 1) return {};
  std::rotate(rows, rows + 1, loops.end() - 1);
  return loops;
}

}  // namespace

bool transpose_waits_for_binary(const Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const NodeId user = lowering.only_user(node.outputs[0]);
  if (!user.valid() || !lowering.is_float(node.inputs[0])) return false;
  const Node& binary = lowering.graph().node(user);
  static constexpr std::string_view kOps[] = {"Add", "Div", "Max", "Min", "Mul", "Sub"};
  if (!binary.domain.empty() || std::ranges::find(kOps, binary.op_type) == std::end(kOps) || binary.inputs.size() != 2)
    return false;
  const Dims* dims = lowering.dims(node.outputs[0]);
  const Dims* result = lowering.dims(binary.outputs[0]);
  if (dims == nullptr || result == nullptr || *dims != *result) return false;
  const auto order = order_of(node, dims->size());
  // Images are most often views in one of two layouts.
  return order && !order->empty() && dims->size() != 4 && order->back() != static_cast<std::int64_t>(order->size()) - 1;
}

bool add_transposed_binary(Lowering& lowering, kernels::BinaryKind kind, std::vector<NodeId> nodes, ValueId output,
                           std::optional<kernels::Activation> clip) {
  const Node& node = lowering.graph().node(nodes[0]);
  const Dims dims = *lowering.dims(node.outputs[0]);
  for (const std::size_t i : {std::size_t{1}, std::size_t{0}}) {
    const Node* transpose = lowering.waiting(node.inputs[i]);
    if (transpose == nullptr || transpose->op_type != "Transpose" || node.inputs[1 - i] == node.inputs[i]) continue;
    const auto order = order_of(*transpose, dims.size());
    const Place source = lowering.read(transpose->inputs[0], Layout::kRowMajor);
    const Place other = lowering.read(node.inputs[1 - i], Layout::kRowMajor);
    const Strides own = strides_of(source), theirs = broadcast_strides(other, dims);
    Strides permuted;
    for (const std::int64_t axis : *order) permuted.push_back(own[static_cast<std::size_t>(axis)]);
    Place y{.dtype = DType::kFloat32, .dims = dims};
    const auto loops = transposed_loops(i == 0 ? loops_over(y, permuted, theirs) : loops_over(y, theirs, permuted), i);
    if (!loops) continue;

    nodes.push_back(lowering.absorb(node.inputs[i]));
    y = lowering.define(output, Layout::kRowMajor);
    const Isa isa = lowering.options().isa;
    auto step = std::make_unique<TransposedBinaryStep>(
        kernels::binary_kernel(kind, isa), kernels::transpose_kernel(isa, sizeof(float)), *loops, i,
        i == 0 ? std::array<Place, 3>{source, other, y} : std::array<Place, 3>{other, source, y}, clip);
    Lowering::Draft draft;
    draft.nodes = std::move(nodes);
    draft.kernel = std::string(kernels::binary_kernels()[static_cast<std::size_t>(kind)].name) + " of a transpose";
    draft.reads = {source, other};
    draft.writes = {y};
    draft.units = step->units();
    draft.scratch_bytes = step->scratch_bytes();
    draft.flops = static_cast<double>(y.count());
    draft.speed = 0.1;
    lowering.add(std::move(step), std::move(draft));
    return true;
  }
  return false;
}

}  // namespace cycloid
