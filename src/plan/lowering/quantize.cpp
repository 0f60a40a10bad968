// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
#include "plan/lowering/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ops/elements.h"
#include "ops/quantization/quantize.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantized.h"
#include "plan/lowering/rows.h"
#include "tensor/float8.h"

namespace cycloid {
namespace {

using kernels::QtileKernels;

// Rows of elements, and which of the scales each element takes.
struct ScaledRows {
  RowUnits units;
  // Row r takes scale r / length * outer_step + r % length / block * along_step,
  std::int64_t length = 1, block = 1, outer_step = 0, along_step = 0;
  std::int64_t run = 0;     // or, where not 0, its next one every `run` elements,
  bool by_element = false;  // or each of its elements the next one.

  // Calls f(in, out, elements, scale) with offsets in elements and the index of the (first) scale, for the units [begin, end).
  template <class F>
  void for_each(std::int64_t begin, std::int64_t end, F f) const {
    const RowRange range = units.range(begin, end);
    for (std::int64_t r = range.row; r < range.row + range.rows; ++r) {
      const std::int64_t first = r / length * outer_step + r % length / block * along_step;
      const std::int64_t last = range.column + range.columns;
      for (std::int64_t c = range.column, next = last; c < last; c = next) {
        if (run != 0) next = std::min(last, (c / run + 1) * run);
        const std::int64_t scale = first + (run != 0 ? c / run : by_element ? c : 0);
        f(r * units.strides[0] + c, r * units.strides[1] + c, next - c, static_cast<std::size_t>(scale));
      }
    }
  }
};

// Scales and zero points as many: known, or brought by the run.
struct Scales {
  std::vector<float> known;
  std::vector<std::int32_t> zeros;  // empty: those of zero_place
  std::optional<Place> place, zero_place;

  const float* scales(const StepContext& context) const {
    return place ? context.at<const float>(*place) : known.data();
  }
  std::int32_t zero(const StepContext& context, std::size_t k) const {
    if (!zero_place) return zeros[k];
    std::int32_t zero = 0;
    // NOLINTBEGIN(bugprone-signed-char-misuse): an int8 is a number
    dispatch<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t>(
        zero_place->dtype, [&]<class T>(T) { zero = context.at<const T>(*zero_place)[k]; });
    // NOLINTEND(bugprone-signed-char-misuse)
    return zero;
  }
};

// The step's own numbers and where it works.
struct Scaling {
  const QtileKernels& kernels;
  ScaledRows rows;
  Scales scales;
  Place in, out;
};

// A float8 (or float4) by the upper half of a float32, whose last bit says too whether anything is below: there are at most 3
// bits of mantissa, so that the 7 that are looked at have the one that rounding asks for, and more.
struct Float8Codes {
  std::vector<std::uint8_t> codes;

  static Float8Codes of(DType dtype, bool saturate) {
    Float8Codes table;
    for (std::uint32_t key = 0; key < 1U << 16; ++key)
      table.codes.push_back(float_to_float8(dtype, std::bit_cast<float>(key << 16), saturate));
    return table;
  }
  std::uint8_t operator()(float x) const {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return codes[bits >> 16 | ((bits & 0xffff) != 0 ? 1U : 0U)];
  }
};

class QuantizeStep final : public Step {
 public:
  QuantizeStep(Scaling s, bool saturate) : s_(std::move(s)) {
    const DType dtype = s_.out.dtype;
    if (is_float8(dtype)) {
      table_ = Float8Codes::of(dtype, saturate);
      return;
    }
    const std::int32_t values = 1 << bits_of(dtype);
    low_ = is_signed_integer(dtype) ? -values / 2 : 0;
    high_ = low_ + values - 1;
  }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const float* scales = s_.scales.scales(context);
    s_.rows.for_each(begin, end, [&](std::int64_t in, std::int64_t out, std::int64_t count, std::size_t k) {
      const float* x = context.at<const float>(s_.in) + in;
      const auto bytes = static_cast<std::int64_t>(size_of(s_.out.dtype));
      auto* y = context.at<std::uint8_t>(s_.out) + out * bytes;
      const bool each = s_.rows.by_element;
      if (!table_.codes.empty()) {
        for (std::int64_t i = 0; i < count; ++i)
          y[i] = table_(x[i] / scales[k + (each ? static_cast<std::size_t>(i) : 0)]);
        return;
      }
      s_.kernels.quantize({.x = x,
                           .count = count,
                           .scale = scales[k],
                           .zero = s_.scales.zero(context, k),
                           .lo = low_,
                           .hi = high_,
                           .y = y,
                           .scales = each ? scales + k : nullptr,
                           .zeros = each ? s_.scales.zeros.data() + k : nullptr,
                           .words = bytes == 2});
    });
  }

 private:
  Scaling s_;
  Float8Codes table_;
  std::int32_t low_ = 0, high_ = 0;
};

class DequantizeStep final : public Step {
 public:
  explicit DequantizeStep(Scaling s) : s_(std::move(s)) {
    for (int code = 0; code < 256 && is_float8(s_.in.dtype); ++code)
      values_.push_back(float8_to_float(s_.in.dtype, static_cast<std::uint8_t>(code)));
  }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const float* scales = s_.scales.scales(context);
    s_.rows.for_each(begin, end, [&](std::int64_t in, std::int64_t out, std::int64_t count, std::size_t k) {
      const auto bytes = static_cast<std::int64_t>(size_of(s_.in.dtype));
      const auto* x = context.at<const std::uint8_t>(s_.in) + in * bytes;
      float* y = context.at<float>(s_.out) + out;
      const bool each = s_.rows.by_element;
      if (!values_.empty()) {
        for (std::int64_t i = 0; i < count; ++i)
          y[i] = values_[x[i]] * scales[k + (each ? static_cast<std::size_t>(i) : 0)];
        return;
      }
      s_.kernels.dequantize({.x = x,
                             .x_signed = is_signed_integer(s_.in.dtype),
                             .count = count,
                             .scale = scales[k],
                             .zero = s_.scales.zero(context, k),
                             .y = y,
                             .scales = each ? scales + k : nullptr,
                             .zeros = each ? s_.scales.zeros.data() + k : nullptr,
                             .words = bytes == 2});
    });
  }

 private:
  Scaling s_;
  std::vector<float> values_;  // of float8 codes
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

// How scales of these dims lie over x: in `rows`, but for what one scale for all leaves open (the units), and the layout that
// this needs.
Declined find_rows(const Dims& x, const Dims& scales, const QuantizeAttributes& attributes, ScaledRows& rows,
                   Layout& layout) {
  const std::int64_t count = *element_count(scales), rank = static_cast<std::int64_t>(x.size());
  if (count == 1 && attributes.block_size == 0) return {};
  const std::int64_t axis = attributes.axis < 0 ? attributes.axis + rank : attributes.axis;
  if (axis < 0 || axis >= rank) return "an axis beyond the rank";
  const std::int64_t n = x[static_cast<std::size_t>(axis)];
  std::int64_t outer = 1, inner = 1;
  for (std::int64_t i = 0; i < rank; ++i) {
    if (i < axis) outer *= x[static_cast<std::size_t>(i)];
    if (i > axis) inner *= x[static_cast<std::size_t>(i)];
  }
  const bool blocked = attributes.block_size > 0;
  const std::int64_t block = std::min(std::max<std::int64_t>(attributes.block_size, 1), n),
                     blocks = (n + block - 1) / block;
  if (count != (blocked ? outer * blocks * inner : n)) return "scales that do not fit the axis";
  layout = Layout::kRowMajor;
  // A single row is cut by columns.
  if (inner == 1) {
    rows.units = RowUnits(outer, n, n, n);
    rows.outer_step = blocked ? blocks : 0;
    rows.run = block == 1 ? 0 : block;
    rows.by_element = block == 1;
    return {};
  }
  rows.units = RowUnits(outer * n, inner, inner, inner);
  rows.length = n;
  rows.block = block;
  rows.outer_step = blocked ? blocks * inner : 0;
  rows.along_step = blocked ? inner : 1;
  rows.by_element = blocked;
  return {};
}

Declined find_scales(Lowering& lowering, const Node& node, DType quantized, bool by_element, Scales& scales) {
  const ValueId scale = node.inputs[1], zero = node.inputs.size() > 2 ? node.inputs[2] : ValueId{};
  if (!lowering.is_float(scale)) return "a scale of another type than float32";
  const auto count = static_cast<std::size_t>(*element_count(*lowering.dims(scale)));
  if (zero.valid() && *element_count(*lowering.dims(zero)) != static_cast<std::int64_t>(count))
    return "zero points that are not as many as the scales";
  const Tensor* zeros = lowering.constant(zero);
  if (zero.valid() && zeros == nullptr &&
      (by_element || !is_integer(lowering.dtype(zero)) || bits_of(lowering.dtype(zero)) < 8))
    return "zero points that are computed in the run";
  if (zeros != nullptr) {
    for (const double value : load_all<double>(*zeros)) {
      if (is_float8(quantized) && value != 0) return "a zero point that is a number of float8";
      scales.zeros.push_back(static_cast<std::int32_t>(value));
    }
  } else if (zero.valid()) {
    scales.zero_place = lowering.read(zero, Layout::kRowMajor);
  } else {
    scales.zeros.assign(count, 0);
  }
  if (const Tensor* known = lowering.constant(scale)) {
    const std::span<const float> data = known->data<float>();
    scales.known.assign(data.begin(), data.end());
  } else {
    scales.place = lowering.read(scale, Layout::kRowMajor);
  }
  return {};
}

// `quantized` is the type of the integers, make_step(Scaling) makes the step.
template <class MakeStep>
Declined lower_scaled(Lowering& lowering, NodeId id, std::string kernel, DType quantized,
                      const QuantizeAttributes& attributes, MakeStep make_step) {
  const Node& node = lowering.graph().node(id);
  ScaledRows rows;
  Layout layout = lowering.layout_of(node.inputs[0]);
  const Dims x = *lowering.dims(node.inputs[0]);
  if (Declined reason = find_rows(x, *lowering.dims(node.inputs[1]), attributes, rows, layout); !reason.empty())
    return reason;
  Scales scales;
  if (Declined reason = find_scales(lowering, node, quantized, rows.by_element, scales); !reason.empty()) return reason;
  const Place in = lowering.read(node.inputs[0], layout), out = lowering.define(node.outputs[0], layout);
  if (*element_count(*lowering.dims(node.inputs[1])) == 1 && attributes.block_size == 0)
    rows.units = element_rows(in, out);
  Lowering::Draft draft{.nodes = {id}, .kernel = std::move(kernel), .reads = {in}, .writes = {out}};
  for (const std::optional<Place>& place : {scales.place, scales.zero_place}) {
    if (place) draft.reads.push_back(*place);
  }
  draft.units = rows.units.units;
  draft.flops = static_cast<double>(out.count());
  draft.speed = 0.05;
  lowering.add(make_step(Scaling{kernels::qtile_kernels(lowering.options().isa), rows, std::move(scales), in, out}),
               std::move(draft));
  return {};
}

// Whether the kernels have the type: integers of up to 16 bits, float8 and float4, which lie one an element in bytes.
bool is_code(DType dtype) {
  return (is_integer(dtype) && bits_of(dtype) <= 16) || (is_float8(dtype) && dtype != DType::kFloat8E8M0);
}

}  // namespace

Declined lower_quantize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const DType to = lowering.dtype(node.outputs[0]);
  if (!lowering.is_float(node.inputs[0]) || !is_code(to)) return "only float32 to at most 16 bits is native";
  const Result<QuantizeAttributes> attributes = QuantizeAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  if (attributes->precision != DType::kUndefined && attributes->precision != DType::kFloat32)
    return "a division in another precision than float32";
  return lower_scaled(lowering, id, "quantize", to, *attributes,
                      [&](Scaling s) { return std::make_unique<QuantizeStep>(std::move(s), attributes->saturate); });
}

Declined lower_dequantize(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const DType from = lowering.dtype(node.inputs[0]);
  if (!is_code(from) || !lowering.is_float(node.outputs[0])) return "only at most 16 bits to float32 is native";
  const Result<QuantizeAttributes> attributes = QuantizeAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  return lower_scaled(lowering, id, "dequantize", from, *attributes,
                      [&](Scaling s) { return std::make_unique<DequantizeStep>(std::move(s)); });
}

DynamicScale dynamic_scale(const QtileKernels& kernels, const float* x, std::int64_t count) {
  float low = 0, high = 0;
  kernels.range(x, count, low, high);
  const float scale = high > low ? (high - low) / 255.0F : 1.0F;
  const float zero = std::nearbyintf(0.0F - low / scale);  // NaN where the range is infinite
  return {scale, zero > 0 ? static_cast<std::int32_t>(std::min(zero, 255.0F)) : 0};
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
