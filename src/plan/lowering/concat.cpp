#include "plan/lowering/concat.h"

#include <algorithm>

#include "kernels/move/move.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

// Rows of bytes from one place to another with strides: a part of a concatenation, or of what is split.
class RowsStep final : public Step {
 public:
  RowsStep(RowsMove move, std::int64_t rows_per_unit) : move_(std::move(move)), rows_per_unit_(rows_per_unit) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t first = begin * rows_per_unit_, last = std::min(end * rows_per_unit_, move_.rows);
    kernels::copy_rows(context.at<const std::byte>(move_.from) + move_.from_offset + first * move_.from_stride,
                       move_.from_stride, context.at<std::byte>(move_.to) + move_.to_offset + first * move_.to_stride,
                       move_.to_stride, last - first, move_.bytes);
  }

 private:
  RowsMove move_;
  std::int64_t rows_per_unit_;
};

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t count = 1;
  for (std::size_t i = begin; i < end; ++i) count *= dims[i];
  return count;
}

// Channels-last: parts that are in place already cost nothing.
void concat_channels(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Place whole = lowering.define(node.outputs[0], Layout::kChannelsLast);
  std::int64_t channel = 0;
  for (const ValueId input : node.inputs) {
    const Place part = lowering.read(input, Layout::kChannelsLast);
    Place to = part;
    to.buffer = whole.buffer;
    to.offset = whole.offset + static_cast<std::size_t>(channel) * sizeof(float);
    to.pixel_stride = whole.pixel_stride;
    channel += part.channels();
    const bool in_place = part.buffer == to.buffer && part.offset == to.offset && part.pixel_stride == to.pixel_stride;
    if (!in_place && part.count() > 0) lowering.copy(part, to);
  }
}

}  // namespace

void add_rows_move(Lowering& lowering, RowsMove move, std::vector<NodeId> nodes, std::string op) {
  // About 64 KiB a unit.
  const std::int64_t rows_per_unit =
      std::max<std::int64_t>(1, (std::int64_t{64} << 10) / std::max<std::int64_t>(1, move.bytes));
  Lowering::Draft draft;
  draft.nodes = std::move(nodes);
  draft.op = std::move(op);
  draft.kernel = "move";
  draft.units = (move.rows + rows_per_unit - 1) / rows_per_unit;
  draft.bytes = 2.0 * static_cast<double>(move.rows) * static_cast<double>(move.bytes);
  const auto use = [](const Place& place, std::int64_t offset, std::int64_t bytes, std::int64_t stride, bool write) {
    // The place may itself begin within a buffer; then its rows are not told apart.
    BufferUse made{.buffer = place.buffer, .write = write};
    if (place.offset == 0) {
      made.pitch = stride;
      made.begin = offset;
      made.end = offset + bytes;
    }
    return made;
  };
  draft.uses = {use(move.from, move.from_offset, move.bytes, move.from_stride, false),
                use(move.to, move.to_offset, move.bytes, move.to_stride, true)};
  lowering.add(std::make_unique<RowsStep>(std::move(move), rows_per_unit), std::move(draft));
}

Declined lower_concat(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims dims = *lowering.dims(node.outputs[0]);
  Result<std::int64_t> axis = get_int(node, "axis", 0);
  if (!axis) return axis.error().message();
  const auto at = static_cast<std::size_t>(*axis < 0 ? *axis + static_cast<std::int64_t>(dims.size()) : *axis);
  if (at >= dims.size()) return "an axis beyond the rank";
  const bool image = lowering.is_float(node.outputs[0]) && (dims.size() == 3 || dims.size() == 4) && at == 1;
  const auto channels_last = [&](ValueId input) { return lowering.layout_of(input) == Layout::kChannelsLast; };
  if (image && std::ranges::any_of(node.inputs, channels_last)) {
    if (!lower_shuffled_concat(lowering, id)) concat_channels(lowering, id);
    return {};
  }
  const auto size = static_cast<std::int64_t>(size_of(lowering.dtype(node.outputs[0])));
  const Place whole = lowering.define(node.outputs[0], Layout::kRowMajor);
  const std::int64_t rows = product(dims, 0, at), whole_bytes = product(dims, at, dims.size()) * size;
  std::int64_t offset = 0;
  for (const ValueId input : node.inputs) {
    const Place part = lowering.read(input, Layout::kRowMajor);
    const std::int64_t bytes = product(part.dims, at, part.dims.size()) * size;
    if (bytes > 0) {
      add_rows_move(lowering,
                    {.from = part,
                     .to = whole,
                     .from_stride = bytes,
                     .to_offset = offset,
                     .to_stride = whole_bytes,
                     .rows = rows,
                     .bytes = bytes},
                    {id}, "");
    }
    offset += bytes;
  }
  return {};
}

}  // namespace cycloid
