// ReduceSum and its kind.
#include "plan/lowering/reduce.h"

#include <algorithm>

#include "plan/lowering/lanes.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::ReduceFn;
using kernels::ReduceKind;

// A tensor seen as [outer][reduced][columns]; columns 1: rows are reduced.
struct ReduceShape {
  std::int64_t outer = 1, reduced = 1, columns = 1;
  std::int64_t stride = 1;  // elements from one reduced item to the next (columns > 1)
};

class ReduceStep final : public Step {
 public:
  static constexpr std::int64_t kColumns = 256;  // of a unit: a few vectors of one cache line each

  ReduceStep(ReduceFn fn, ReduceShape shape, Place in, Place out)
      : fn_(fn), shape_(shape), in_(std::move(in)), out_(std::move(out)) {
    blocks_ = shape.columns == 1 ? 1 : (shape.columns + kColumns - 1) / kColumns;
  }
  std::int64_t units() const { return shape_.outer * blocks_; }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const float* x = context.at<const float>(in_);
    float* y = context.at<float>(out_);
    if (shape_.columns == 1) {
      fn_({.x = x + begin * shape_.reduced,
           .x_stride = shape_.reduced,
           .y = y + begin,
           .rows = end - begin,
           .columns = shape_.reduced});
      return;
    }
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t outer = unit / blocks_, column = unit % blocks_ * kColumns;
      fn_({.x = x + outer * shape_.reduced * shape_.stride + column,
           .x_stride = shape_.stride,
           .y = y + outer * shape_.columns + column,
           .rows = shape_.reduced,
           .columns = std::min(kColumns, shape_.columns - column)});
    }
  }

 private:
  ReduceFn fn_;
  ReduceShape shape_;
  Place in_, out_;
  std::int64_t blocks_ = 1;
};

std::optional<ReduceKind> reduce_kind(std::string_view op) {
  static constexpr struct {
    std::string_view op;
    ReduceKind kind;
  } kKinds[] = {
      {"ReduceSum", ReduceKind::kSum}, {"ReduceMean", ReduceKind::kMean}, {"ReduceSumSquare", ReduceKind::kSumSquare},
      {"ReduceL1", ReduceKind::kL1},   {"ReduceL2", ReduceKind::kL2},     {"ReduceMax", ReduceKind::kMax},
      {"ReduceMin", ReduceKind::kMin}, {"ReduceProd", ReduceKind::kProd}};
  for (const auto& line : kKinds) {
    if (line.op == op) return line.kind;
  }
  return {};
}

// Which axes go; a reason where that is not known.
Declined reduced_axes(const Lowering& lowering, const Node& node, std::size_t rank, std::vector<bool>& reduced) {
  std::vector<std::int64_t> axes;
  if (node.inputs.size() > 1 && node.inputs[1].valid()) {
    const Tensor* constant = lowering.constant(node.inputs[1]);
    if (constant == nullptr || !is_integer(constant->dtype())) return "axes that are computed in the run";
    axes = to_int64s(*constant);
  } else {
    const Result<std::vector<std::int64_t>> attribute = get_ints(node, "axes");
    if (!attribute) return attribute.error().message();
    axes = *attribute;
  }
  const Result<std::int64_t> noop = get_int(node, "noop_with_empty_axes", 0);
  if (axes.empty() && (!noop || *noop != 0)) return "no axes";
  reduced.assign(rank, axes.empty());
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
    if (at >= rank) return "an axis beyond the rank";
    reduced[at] = true;
  }
  return {};
}

// The dims as [outer][reduced][columns], if the reduced axes are neighbours.
std::optional<ReduceShape> row_major_shape(const Dims& dims, const std::vector<bool>& reduced) {
  ReduceShape shape;
  int part = 0;  // 0: before, 1: within, 2: after
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (reduced[i]) {
      if (part == 2) return {};
      part = 1;
      shape.reduced *= dims[i];
    } else {
      if (part == 1) part = 2;
      (part == 0 ? shape.outer : shape.columns) *= dims[i];
    }
  }
  shape.stride = shape.columns;
  return shape;
}

void add_reduce(Lowering& lowering, NodeId id, ReduceKind kind, const ReduceShape& shape, const Place& from,
                const Place& to) {
  const Isa isa = lowering.options().isa;
  const ReduceFn fn =
      shape.columns == 1 ? kernels::reduce_rows_kernel(kind, isa) : kernels::reduce_columns_kernel(kind, isa);
  auto step = std::make_unique<ReduceStep>(fn, shape, from, to);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = kernels::reduce_kernels()[static_cast<std::size_t>(kind)].name;
  draft.reads = {from};
  draft.writes = {to};
  draft.units = step->units();
  draft.flops = static_cast<double>(from.count());
  draft.speed = 0.1;
  lowering.add(std::move(step), std::move(draft));
}

// Whether reducing some axes and then others is reducing them all.
bool goes_by_parts(ReduceKind kind) {
  return kind == ReduceKind::kSum || kind == ReduceKind::kMean || kind == ReduceKind::kMax ||
         kind == ReduceKind::kMin || kind == ReduceKind::kProd;
}

// Reduces the last of several groups of neighbouring axes into memory of the step's own.
Place reduce_last_group(Lowering& lowering, NodeId id, ReduceKind kind, const Place& from, std::vector<bool>& reduced) {
  std::vector<bool> group(reduced.size(), false);
  Place to = from;
  bool found = false;
  for (std::size_t i = reduced.size(); i-- > 0;) {
    const bool counts = from.dims[i] != 1;  // axes of size 1 part nothing
    if (found && counts && !reduced[i]) break;
    if (!reduced[i]) continue;
    found = found || counts;
    group[i] = true;
    reduced[i] = false;
    to.dims[i] = 1;
  }
  to = lowering.temporary(from.dtype, to.dims);
  const std::optional<ReduceShape> shape = row_major_shape(from.dims, group);
  CYCLOID_CHECK(shape.has_value());
  add_reduce(lowering, id, kind, *shape, from, to);
  return to;
}

}  // namespace

void add_reduced_rows(Lowering& lowering, NodeId id, ReduceKind kind, std::int64_t rows, std::int64_t columns,
                      const Place& from, const Place& to) {
  add_reduce(lowering, id, kind, {.outer = rows, .reduced = columns}, from, to);
}

Declined lower_reduce(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims dims = *lowering.dims(x);
  if (element_count(dims) == 0) return "the input has no elements";
  std::vector<bool> reduced;
  if (Declined reason = reduced_axes(lowering, node, dims.size(), reduced); !reason.empty()) return reason;

  if (!lowering.is_float(x)) {
    const std::optional<ReduceShape> lanes = row_major_shape(dims, reduced);
    if (!lanes) return "reduced axes that are not neighbours";
    return lower_reduce_lanes(lowering, id, lanes->outer, lanes->reduced, lanes->columns);
  }

  const std::optional<ReduceKind> kind = reduce_kind(node.op_type);
  CYCLOID_CHECK(kind.has_value());

  // Channels-last, all pixels of an image go: columns of channels. The result has one pixel, so it is row-major as well.
  bool pixels = lowering.layout_of(x) == Layout::kChannelsLast && !reduced[0] && !reduced[1];
  for (std::size_t i = 2; i < dims.size(); ++i) pixels = pixels && reduced[i];
  std::optional<ReduceShape> shape;
  Place from;
  if (pixels) {
    from = lowering.read(x, Layout::kChannelsLast);
    shape = ReduceShape{
        .outer = dims[0], .reduced = from.pixels() / dims[0], .columns = dims[1], .stride = from.pixel_stride};
    if (dims[1] == 1 && from.pixel_stride != 1) return "one channel of several";
  } else {
    shape = row_major_shape(dims, reduced);
    if (!shape && !goes_by_parts(*kind)) return "reduced axes that are not neighbours";
    from = lowering.read(x, Layout::kRowMajor);
    for (; !shape; shape = row_major_shape(from.dims, reduced))
      from = reduce_last_group(lowering, id, *kind, from, reduced);
  }
  add_reduce(lowering, id, *kind, *shape, from, lowering.define(y, Layout::kRowMajor));
  return {};
}

}  // namespace cycloid
