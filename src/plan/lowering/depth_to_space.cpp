// DepthToSpace and SpaceToDepth: one permutation of elements of any type, in the layout that they are in.
#include <algorithm>
#include <numeric>

#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

// One loop of the permutation: how far an element moves on either side from one to the next, in elements.
struct Part {
  std::int64_t size, in_stride, out_stride;
};

// `deep` is the side of few large pixels, `wide` that of many: the strides of both in logical order.
std::vector<Part> parts_of(const Dims& wide_dims, std::int64_t block, bool depth_column_row, const Place& deep,
                           const Place& wide, bool to_wide) {
  const std::vector<std::int64_t> d = strides_of(deep), w = strides_of(wide);
  const std::int64_t channels = wide_dims[1], rows = wide_dims[2] / block, columns = wide_dims[3] / block;
  // Of the deep channel (block row, block column, channel), or (channel, block row, block column).
  const std::int64_t row_step = depth_column_row ? block * channels : block,
                     column_step = depth_column_row ? channels : 1, channel_step = depth_column_row ? 1 : block * block;
  std::vector<Part> parts = {{wide_dims[0], d[0], w[0]},    {channels, channel_step * d[1], w[1]},
                             {rows, d[2], block * w[2]},    {block, row_step * d[1], w[2]},
                             {columns, d[3], block * w[3]}, {block, column_step * d[1], w[3]}};
  if (!to_wide) {
    for (Part& part : parts) std::swap(part.in_stride, part.out_stride);
  }
  std::ranges::stable_sort(parts, std::greater(), &Part::out_stride);
  return parts;
}

}  // namespace

Declined lower_depth_to_space(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const bool to_wide = node.op_type == "DepthToSpace";
  const std::size_t bytes = size_of(lowering.dtype(x));
  if (lowering.dims(x)->size() != 4 || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
    return "a rank or element size that the kernel has not";
  const Result<std::int64_t> size = get_int(node, "blocksize", 1);
  const Result<std::string> mode = get_string(node, "mode", "DCR");
  if (!size || !mode || *size < 1) return "a block size that is not positive";
  const Dims deep = *lowering.dims(to_wide ? x : y), wide = *lowering.dims(to_wide ? y : x);
  if (deep[1] != wide[1] * *size * *size || wide[2] != deep[2] * *size || wide[3] != deep[3] * *size)
    return "sizes that the blocks do not divide";
  const Layout layout = lowering.layout_of(x);
  const Place from = lowering.read(x, layout), to = lowering.define(y, layout);
  const std::vector<Part> parts =
      parts_of(wide, *size, *mode == "DCR", to_wide ? from : to, to_wide ? to : from, to_wide);
  std::vector<std::int64_t> shape, in_strides, out_strides, order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  for (const Part& part : parts) {
    shape.push_back(part.size);
    in_strides.push_back(part.in_stride);
    out_strides.push_back(part.out_stride);
  }
  const auto plan = kernels::plan_permute(shape, order, static_cast<std::int64_t>(bytes), lowering.options().isa,
                                          lowering.threads(), in_strides, out_strides);
  CYCLOID_CHECK(std::holds_alternative<kernels::PermutePlan>(plan));
  add_permute(lowering, std::get<kernels::PermutePlan>(plan), from, to, "", {id});
  return {};
}

}  // namespace cycloid
