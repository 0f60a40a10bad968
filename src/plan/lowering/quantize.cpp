// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
#include "plan/lowering/quantize.h"

#include <algorithm>
#include <cmath>

#include "ops/quantization/quantize.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantized.h"
#include "plan/lowering/rows.h"

namespace cycloid {
namespace {

using kernels::QtileKernels;

// Rows of elements that share a scale: all of a tensor, or the elements of one index of an axis.
struct ScaledRows {
  RowUnits units;                   // of the whole where one scale serves all
  std::vector<float> scales;        // one, or one a row of the axis
  std::vector<std::int32_t> zeros;  // as many
};

// Calls f(in, out, elements, scale, zero) with offsets in elements, for the units [begin, end).
template <class F>
void for_each_run(const ScaledRows& rows, std::int64_t begin, std::int64_t end, F f) {
  const RowRange range = rows.units.range(begin, end);
  for (std::int64_t r = range.row; r < range.row + range.rows; ++r) {
    const auto k =
        static_cast<std::size_t>(rows.scales.size() == 1 ? 0 : r % static_cast<std::int64_t>(rows.scales.size()));
    f(r * rows.units.strides[0] + range.column, r * rows.units.strides[1] + range.column, range.columns, rows.scales[k],
      rows.zeros[k]);
  }
}

class QuantizeStep final : public Step {
 public:
  QuantizeStep(const QtileKernels& kernels, ScaledRows rows, Place in, Place out)
      : kernels_(kernels), rows_(std::move(rows)), in_(std::move(in)), out_(std::move(out)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int32_t low = out_.dtype == DType::kInt8 ? -128 : 0;
    for_each_run(rows_, begin, end,
                 [&](std::int64_t in, std::int64_t out, std::int64_t count, float scale, std::int32_t zero) {
                   kernels_.quantize({.x = context.at<const float>(in_) + in,
                                      .count = count,
                                      .scale = scale,
                                      .zero = zero,
                                      .lo = low,
                                      .hi = low + 255,
                                      .y = context.at<std::uint8_t>(out_) + out});
                 });
  }

 private:
  const QtileKernels& kernels_;
  ScaledRows rows_;
  Place in_, out_;
};

class DequantizeStep final : public Step {
 public:
  DequantizeStep(const QtileKernels& kernels, ScaledRows rows, Place in, Place out)
      : kernels_(kernels), rows_(std::move(rows)), in_(std::move(in)), out_(std::move(out)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for_each_run(rows_, begin, end,
                 [&](std::int64_t in, std::int64_t out, std::int64_t count, float scale, std::int32_t zero) {
                   kernels_.dequantize({.x = context.at<const std::uint8_t>(in_) + in,
                                        .x_signed = in_.dtype == DType::kInt8,
                                        .count = count,
                                        .scale = scale,
                                        .zero = zero,
                                        .y = context.at<float>(out_) + out});
                 });
  }

 private:
  const QtileKernels& kernels_;
  ScaledRows rows_;
  Place in_, out_;
};

class RangeStep final : public Step {
 public:
  RangeStep(const QtileKernels& kernels, Place x, Place scale, Place zero)
      : kernels_(kernels), x_(std::move(x)), scale_(std::move(scale)), zero_(std::move(zero)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end) return;
    const DynamicScale found = dynamic_scale(kernels_, context.at<const float>(x_), x_.count());
    *context.at<float>(scale_) = found.scale;
    *context.at<std::uint8_t>(zero_) = static_cast<std::uint8_t>(found.zero);
  }

 private:
  const QtileKernels& kernels_;
  Place x_, scale_, zero_;
};

class DynamicQuantizeStep final : public Step {
 public:
  DynamicQuantizeStep(const QtileKernels& kernels, RowUnits units, Place x, DynamicPlaces to)
      : kernels_(kernels), units_(units), x_(std::move(x)), to_(std::move(to)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const RowRange range = units_.range(begin, end);
    kernels_.quantize({.x = context.at<const float>(x_) + range.column,
                       .count = range.columns,
                       .scale = *context.at<const float>(to_.scale),
                       .zero = *context.at<const std::uint8_t>(to_.zero),
                       .lo = 0,
                       .hi = 255,
                       .y = context.at<std::uint8_t>(to_.q) + range.column});
  }

 private:
  const QtileKernels& kernels_;
  RowUnits units_;
  Place x_;
  DynamicPlaces to_;
};

// How the node's scales lie over x: in `rows`, and the layout that this needs.
Declined find_rows(Lowering& lowering, const Node& node, ScaledRows& rows, Layout& layout) {
  const Result<QuantizeAttributes> attributes = QuantizeAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  const Dims x = *lowering.dims(node.inputs[0]);
  const auto scales = constant_numbers(lowering, node, 1, 1);
  if (!scales || lowering.dtype(node.inputs[1]) != DType::kFloat32)
    return "a scale that is computed in the run, or no float32";
  const auto zeros = constant_numbers(lowering, node, 2, 0);
  if (!zeros) return "a zero point that is computed in the run";
  for (const double scale : *scales) rows.scales.push_back(static_cast<float>(scale));
  rows.zeros = to_int32s(*zeros);
  rows.zeros.resize(rows.scales.size(), rows.zeros.empty() ? 0 : rows.zeros[0]);
  layout = lowering.layout_of(node.inputs[0]);
  if (rows.scales.size() == 1) return {};
  if (attributes->block_size != 0) return "blocks of a tensor that is computed in the run";
  const std::int64_t rank = static_cast<std::int64_t>(x.size());
  const std::int64_t axis = attributes->axis < 0 ? attributes->axis + rank : attributes->axis;
  if (axis < 0 || axis >= rank || x[static_cast<std::size_t>(axis)] != static_cast<std::int64_t>(rows.scales.size()))
    return "scales that do not fit the axis";
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < x.size(); ++i) (static_cast<std::int64_t>(i) <= axis ? outer : inner) *= x[i];
  if (inner == 1) return "a scale for each element of a row";
  layout = Layout::kRowMajor;
  rows.units = RowUnits(outer, inner, inner, inner);
  // A single row is cut by columns.
  return {};
}

template <class QStep>
Declined lower_scaled(Lowering& lowering, NodeId id, std::string kernel) {
  const Node& node = lowering.graph().node(id);
  ScaledRows rows;
  Layout layout = Layout::kRowMajor;
  if (Declined reason = find_rows(lowering, node, rows, layout); !reason.empty()) return reason;
  const Place in = lowering.read(node.inputs[0], layout), out = lowering.define(node.outputs[0], layout);
  if (rows.scales.size() == 1) rows.units = element_rows(in, out);
  const std::int64_t units = rows.units.units;
  Lowering::Draft draft{.nodes = {id}, .kernel = std::move(kernel), .reads = {in}, .writes = {out}};
  draft.units = units;
  draft.flops = static_cast<double>(out.count());
  draft.speed = 0.05;
  lowering.add(std::make_unique<QStep>(kernels::qtile_kernels(lowering.options().isa), std::move(rows), in, out),
               std::move(draft));
  return {};
}

}  // namespace

Declined lower_quantize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!lowering.is_float(node.inputs[0]) || !is_byte(lowering.dtype(node.outputs[0])))
    return "only float32 to 8-bit integers is native";
  const Result<QuantizeAttributes> attributes = QuantizeAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  if (attributes->precision != DType::kUndefined && attributes->precision != DType::kFloat32)
    return "a division in another precision than float32";
  return lower_scaled<QuantizeStep>(lowering, id, "quantize");
}

Declined lower_dequantize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!is_byte(lowering.dtype(node.inputs[0])) || !lowering.is_float(node.outputs[0]))
    return "only 8-bit integers to float32 is native";
  return lower_scaled<DequantizeStep>(lowering, id, "dequantize");
}

DynamicScale dynamic_scale(const QtileKernels& kernels, const float* x, std::int64_t count) {
  float low = 0, high = 0;
  kernels.range(x, count, low, high);
  const float scale = high > low ? (high - low) / 255.0F : 1.0F;
  return {scale, static_cast<std::int32_t>(std::clamp(std::nearbyintf(0.0F - low / scale), 0.0F, 255.0F))};
}

void add_dynamic_quantize(Lowering& lowering, const Place& x, const DynamicPlaces& to, std::vector<NodeId> nodes) {
  const QtileKernels& kernels = kernels::qtile_kernels(lowering.options().isa);
  Lowering::Draft range{.nodes = nodes, .kernel = "quantize.range", .reads = {x}, .writes = {to.scale, to.zero}};
  range.flops = static_cast<double>(x.count());
  range.speed = 0.1;
  lowering.add(std::make_unique<RangeStep>(kernels, x, to.scale, to.zero), std::move(range));
  const RowUnits units(1, x.count(), 0, 0);
  Lowering::Draft draft{
      .nodes = std::move(nodes), .kernel = "quantize", .reads = {x, to.scale, to.zero}, .writes = {to.q}};
  draft.units = units.units;
  draft.flops = static_cast<double>(x.count());
  draft.speed = 0.05;
  lowering.add(std::make_unique<DynamicQuantizeStep>(kernels, units, x, to), std::move(draft));
}

Declined lower_dynamic_quantize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  for (const ValueId output : node.outputs) {
    if (!output.valid()) return "an output that is not wanted";
  }
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor);
  const DynamicPlaces to{.q = lowering.define(node.outputs[0], Layout::kRowMajor),
                         .scale = lowering.define(node.outputs[1], Layout::kRowMajor),
                         .zero = lowering.define(node.outputs[2], Layout::kRowMajor)};
  add_dynamic_quantize(lowering, x, to, {id});
  return {};
}

}  // namespace cycloid
