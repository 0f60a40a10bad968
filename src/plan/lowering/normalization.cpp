// BatchNormalization, LayerNormalization, LRN, Softmax: functions of rows.
#include <algorithm>
#include <functional>

#include "kernels/elementwise/elementwise.h"
#include "kernels/rowwise/rowwise.h"
#include "plan/fusion/affine.h"
#include "plan/lowering/activation.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/rows.h"

namespace cycloid {
namespace {

// Calls `body(x, y, context, rows)` on the rows of a range of units; rows are whole.
template <class Body>
class RowStep final : public Step {
 public:
  RowStep(Place in, Place out, RowUnits units, Body body)
      : in_(std::move(in)), out_(std::move(out)), units_(units), body_(std::move(body)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const RowRange range = units_.range(begin, end);
    body_(context, context.at<const float>(in_) + range.row * units_.strides[0] + range.column,
          context.at<float>(out_) + range.row * units_.strides[1] + range.column, range);
  }

 private:
  Place in_, out_;
  RowUnits units_;
  Body body_;
};

// Units of whole rows, also where there is one.
RowUnits whole_rows(std::int64_t rows, std::int64_t columns, std::int64_t in_stride, std::int64_t out_stride) {
  RowUnits units(rows, columns, in_stride, out_stride);
  if (rows == 1) {
    units.each = std::max<std::int64_t>(columns, 1);
    units.units = 1;
  }
  return units;
}

template <class Body>
void add_rows(Lowering& lowering, Lowering::Draft draft, const RowUnits& units, double flops_per_element, Body body) {
  const Place from = draft.reads[0], to = draft.writes[0];
  draft.units = units.units;
  draft.flops = flops_per_element * static_cast<double>(to.count());
  draft.speed = 0.1;
  lowering.add(std::make_unique<RowStep<Body>>(from, to, units, std::move(body)), std::move(draft));
}

const float* constant_floats(Lowering& lowering, const std::vector<double>& values) {
  BufferId buffer;
  auto* memory = reinterpret_cast<float*>(lowering.constant_memory(values.size() * sizeof(float), buffer));
  std::ranges::transform(values, memory, [](double v) { return static_cast<float>(v); });
  return memory;
}

}  // namespace

Declined lower_batch_normalization(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const std::optional<ChannelAffine> affine = channel_affine(lowering.graph(), node);
  if (!affine) return "statistics that are computed in the run, or training mode";
  const Dims dims = *lowering.dims(node.inputs[0]);
  // Planes are rows of one scale each, if they are long enough to be worth a loop.
  const std::int64_t channels = dims.size() > 1 ? dims[0] * dims[1] : 0;
  const bool planes = dims.size() > 2 && lowering.layout_of(node.inputs[0]) == Layout::kRowMajor && channels > 0 &&
                      element_count(dims).value() / channels >= 16;
  const Layout layout = dims.size() == 2 || planes ? Layout::kRowMajor : Layout::kChannelsLast;
  Lowering::Draft draft;
  draft.nodes = {id};
  ValueId output = node.outputs[0];
  const auto match = match_clip(lowering, output);
  if (match) {
    output = match->output;
    draft.nodes.insert(draft.nodes.end(), match->nodes.begin(), match->nodes.end());
  }
  const Place from = lowering.read(node.inputs[0], layout), to = lowering.define(output, layout);
  draft.kernel = "elementwise.affine";
  draft.reads = {from};
  draft.writes = {to};
  const std::int64_t rows = planes ? channels : 1, pixels = from.count() / rows;
  const RowUnits units = planes ? RowUnits(rows, pixels, pixels, pixels) : channel_rows(from, to);
  const auto each_image = [&](std::vector<double> values) {
    std::vector<double> all;
    for (std::int64_t n = 0; n < (planes ? dims[0] : 1); ++n) all.insert(all.end(), values.begin(), values.end());
    return constant_floats(lowering, all);
  };
  kernels::AffineArgs args{.x = nullptr,
                           .x_stride = units.strides[0],
                           .scale = each_image(affine->scale),
                           .shift = each_image(affine->shift),
                           .y = nullptr,
                           .y_stride = units.strides[1],
                           .rows = 0,
                           .columns = 0,
                           .clip = match.has_value(),
                           .lo = match ? match->activation.lo : 0,
                           .hi = match ? match->activation.hi : 0,
                           .by_row = planes};
  add_rows(lowering, std::move(draft), units, 2,
           [fn = kernels::affine_kernel(lowering.options().isa), args](const StepContext&, const float* x, float* y,
                                                                       const RowRange& range) {
             kernels::AffineArgs call = args;
             call.x = x;
             call.y = y;
             call.scale += args.by_row ? range.row : range.column;
             call.shift += args.by_row ? range.row : range.column;
             call.rows = range.rows;
             call.columns = range.columns;
             fn(call);
           });
  return {};
}

namespace {

// Along an axis that others follow: `columns` of them to a row. A unit is a block of the columns of one outer index.
class ColumnSoftmaxStep final : public Step {
 public:
  static constexpr std::int64_t kBlock = 64;
  ColumnSoftmaxStep(kernels::SoftmaxFn fn, Place in, Place out, std::int64_t rows, std::int64_t columns, bool log)
      : fn_(fn), in_(std::move(in)), out_(std::move(out)), rows_(rows), columns_(columns), log_(log) {}
  std::int64_t blocks() const { return (columns_ + kBlock - 1) / kBlock; }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t column = unit % blocks() * kBlock, at = unit / blocks() * rows_ * columns_ + column;
      fn_({.x = context.at<const float>(in_) + at,
           .x_stride = columns_,
           .y = context.at<float>(out_) + at,
           .y_stride = columns_,
           .rows = rows_,
           .columns = std::min(kBlock, columns_ - column),
           .log = log_});
    }
  }

 private:
  kernels::SoftmaxFn fn_;
  Place in_, out_;
  std::int64_t rows_, columns_;
  bool log_;
};

void add_column_softmax(Lowering& lowering, NodeId id, std::int64_t rows, std::int64_t columns) {
  const Node& node = lowering.graph().node(id);
  const Place from = lowering.read(node.inputs[0], Layout::kRowMajor),
              to = lowering.define(node.outputs[0], Layout::kRowMajor);
  auto step = std::make_unique<ColumnSoftmaxStep>(kernels::softmax_columns_kernel(lowering.options().isa), from, to,
                                                  rows, columns, node.op_type == "LogSoftmax");
  Lowering::Draft draft{.nodes = {id}, .kernel = "rowwise.softmax_columns", .reads = {from}, .writes = {to}};
  draft.units = from.count() / (rows * columns) * step->blocks();
  draft.flops = 10 * static_cast<double>(to.count());
  draft.speed = 0.1;
  lowering.add(std::move(step), std::move(draft));
}

}  // namespace

Declined lower_softmax(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!lowering.is_float(x)) return "only float32 is native";
  const Dims dims = *lowering.dims(x);
  const Result<std::int64_t> axis = get_int(node, "axis", -1);
  if (!axis || dims.empty()) return "no axis";
  const auto at = static_cast<std::size_t>(*axis < 0 ? *axis + static_cast<std::int64_t>(dims.size()) : *axis);
  if (at >= dims.size()) return "an axis beyond the rank";
  std::int64_t inner = 1;
  for (std::size_t i = at + 1; i < dims.size(); ++i) inner *= dims[i];
  const bool channels = inner != 1 && at == 1 && dims.size() >= 3 && lowering.layout_of(x) == Layout::kChannelsLast;
  if (inner != 1 && !channels) {
    add_column_softmax(lowering, id, dims[at], inner);
    return {};
  }
  const Layout layout = channels ? Layout::kChannelsLast : Layout::kRowMajor;
  const Place from = lowering.read(x, layout), to = lowering.define(node.outputs[0], layout);
  const std::int64_t columns = dims[at], rows = from.count() / columns;
  const RowUnits units = channels ? whole_rows(rows, columns, from.pixel_stride, to.pixel_stride)
                                  : whole_rows(rows, columns, columns, columns);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "rowwise.softmax";
  draft.reads = {from};
  draft.writes = {to};
  const bool log = node.op_type == "LogSoftmax";
  add_rows(lowering, std::move(draft), units, 10,
           [fn = kernels::softmax_kernel(lowering.options().isa), units, log](const StepContext&, const float* in,
                                                                              float* out, const RowRange& range) {
             fn({.x = in,
                 .x_stride = units.strides[0],
                 .y = out,
                 .y_stride = units.strides[1],
                 .rows = range.rows,
                 .columns = units.columns,
                 .log = log});
           });
  return {};
}

Declined lower_lrn(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!lowering.is_float(x) || lowering.dims(x)->size() < 3) return "only float32 of rank 3 and more is native";
  const Result<std::int64_t> size = get_int(node, "size", 0);
  const Result<float> alpha = get_float(node, "alpha", 1e-4f), beta = get_float(node, "beta", 0.75f),
                      bias = get_float(node, "bias", 1);
  if (!size || *size < 1 || !alpha || !beta || !bias) return "a size that is not positive";
  if (*size / 2 > (*lowering.dims(x))[1]) return "a window beyond all channels";
  const Place from = lowering.read(x, Layout::kChannelsLast),
              to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  const RowUnits units = whole_rows(from.pixels(), from.channels(), from.pixel_stride, to.pixel_stride);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "rowwise.lrn";
  draft.reads = {from};
  draft.writes = {to};
  draft.scratch_bytes = static_cast<std::size_t>(kernels::lrn_scratch_floats(from.channels(), *size)) * sizeof(float);
  kernels::LrnArgs args{.x = nullptr,
                        .x_stride = units.strides[0],
                        .y = nullptr,
                        .y_stride = units.strides[1],
                        .rows = 0,
                        .columns = units.columns,
                        .size = *size,
                        .alpha = *alpha,
                        .beta = *beta,
                        .bias = *bias,
                        .scratch = nullptr};
  add_rows(lowering, std::move(draft), units, 20,
           [fn = kernels::lrn_kernel(lowering.options().isa), args](const StepContext& context, const float* in,
                                                                    float* out, const RowRange& range) {
             kernels::LrnArgs call = args;
             call.x = in;
             call.y = out;
             call.rows = range.rows;
             call.scratch = reinterpret_cast<float*>(context.scratch);
             fn(call);
           });
  return {};
}

Declined lower_layer_normalization(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!lowering.is_float(x)) return "only float32 is native";
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) return "the mean or deviation is wanted";
  }
  const Dims dims = *lowering.dims(x);
  const Result<std::int64_t> axis = get_int(node, "axis", -1);
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5f);
  if (!axis || !epsilon) return "an attribute of another type";
  const auto at = static_cast<std::size_t>(*axis < 0 ? *axis + static_cast<std::int64_t>(dims.size()) : *axis);
  if (at >= dims.size()) return "an axis beyond the rank";
  std::int64_t columns = 1;
  for (std::size_t i = at; i < dims.size(); ++i) columns *= dims[i];
  const bool centre = node.op_type == "LayerNormalization";  // else RMSNormalization
  const bool has_shift = node.inputs.size() > 2 && node.inputs[2].valid();
  for (std::size_t i = 1; i < (has_shift ? 3U : 2U); ++i) {
    if (!lowering.is_float(node.inputs[i]) || element_count(*lowering.dims(node.inputs[i])) != columns)
      return "a scale that is broadcast";
  }
  const Place from = lowering.read(x, Layout::kRowMajor), scale = lowering.read(node.inputs[1], Layout::kRowMajor);
  std::optional<Place> shift;
  if (has_shift) shift = lowering.read(node.inputs[2], Layout::kRowMajor);
  const Place to = lowering.define(node.outputs[0], Layout::kRowMajor);
  const RowUnits units = whole_rows(from.count() / columns, columns, columns, columns);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "rowwise.normalize";
  draft.reads = {from, scale};
  if (shift) draft.reads.push_back(*shift);
  draft.writes = {to};
  add_rows(lowering, std::move(draft), units, 8,
           [fn = kernels::normalize_kernel(lowering.options().isa), scale, shift, columns, eps = *epsilon, centre](
               const StepContext& context, const float* in, float* out, const RowRange& range) {
             fn({.x = in,
                 .x_stride = columns,
                 .y = out,
                 .y_stride = columns,
                 .rows = range.rows,
                 .columns = columns,
                 .scale = context.at<const float>(scale),
                 .shift = shift ? context.at<const float>(*shift) : nullptr,
                 .epsilon = eps,
                 .center = centre});
           });
  return {};
}

}  // namespace cycloid
