// com.microsoft's element-wise operators on quantised tensors, and max pooling of bytes.
#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <vector>

#include "ops/op.h"
#include "plan/lowering/elements.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantized.h"
#include "plan/lowering/rows.h"
#include "plan/lowering/window.h"

namespace cycloid {
namespace {

using kernels::QbinaryRow;
using kernels::QtileKernels;

using Table = std::array<std::uint8_t, 256>;

// y = table[x], for functions of one byte.
class TableStep final : public Step {
 public:
  TableStep(const Table& table, RowUnits units, Place in, Place out)
      : table_(table), units_(units), in_(std::move(in)), out_(std::move(out)) {
    for (std::size_t i = 0; i < table_.size(); ++i) same_ = same_ && table_[i] == i;
  }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const RowRange range = units_.range(begin, end);
    for (std::int64_t r = range.row; r < range.row + range.rows; ++r) {
      const auto* x = context.at<const std::uint8_t>(in_) + r * units_.strides[0] + range.column;
      auto* y = context.at<std::uint8_t>(out_) + r * units_.strides[1] + range.column;
      if (same_) {
        std::copy_n(x, range.columns, y);
        continue;
      }
      for (std::int64_t i = 0; i < range.columns; ++i) y[i] = table_[x[i]];
    }
  }

 private:
  Table table_;
  bool same_ = true;  // each byte is its own
  RowUnits units_;
  Place in_, out_;
};

class QbinaryStep final : public Step {
 public:
  QbinaryStep(const QtileKernels& kernels, QbinaryRow row, std::array<Place, 3> places, LoopWalk walk)
      : kernels_(kernels), row_(row), places_(std::move(places)), walk_(std::move(walk)) {}
  std::int64_t units() const { return walk_.units(); }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::array<std::int64_t, 4>& step = walk_.row_loop().step;
    walk_.for_each(begin, end, [&](const std::array<std::int64_t, 4>& at, std::int64_t rows, std::int64_t columns) {
      QbinaryRow row = row_;
      row.count = columns;
      row.a_step = walk_.column_loop().step[0];
      row.b_step = walk_.column_loop().step[1];
      for (std::int64_t r = 0; r < rows; ++r) {
        row.a = context.at<const std::uint8_t>(places_[0]) + at[0] + r * step[0];
        row.b = context.at<const std::uint8_t>(places_[1]) + at[1] + r * step[1];
        row.y = context.at<std::uint8_t>(places_[2]) + at[3] + r * step[3];
        kernels_.binary(row);
      }
    });
  }

 private:
  const QtileKernels& kernels_;
  QbinaryRow row_;
  std::array<Place, 3> places_;
  LoopWalk walk_;
};

// y = condition ? x_table[x] : y_table[y].
class QwhereStep final : public Step {
 public:
  QwhereStep(const Table& x, const Table& y, std::vector<Place> places, Place to, LoopWalk walk)
      : x_(x), y_(y), places_(std::move(places)), to_(std::move(to)), walk_(std::move(walk)) {}
  std::int64_t units() const { return walk_.units(); }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::array<std::int64_t, 4>&down = walk_.row_loop().step, &side = walk_.column_loop().step;
    walk_.for_each(begin, end, [&](const std::array<std::int64_t, 4>& at, std::int64_t rows, std::int64_t columns) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto from = [&](std::size_t k) {
          return context.at<const std::uint8_t>(places_[k]) + at[k] + r * down[k];
        };
        const std::uint8_t *condition = from(0), *x = from(1), *y = from(2);
        std::uint8_t* to = context.at<std::uint8_t>(to_) + at[3] + r * down[3];
        for (std::int64_t i = 0; i < columns; ++i)
          to[i] = condition[i * side[0]] != 0 ? x_[x[i * side[1]]] : y_[y[i * side[2]]];
      }
    });
  }

 private:
  Table x_, y_;
  std::vector<Place> places_;
  Place to_;
  LoopWalk walk_;
};

// A unit is a row of the output.
class MaxPoolStep final : public Step {
 public:
  static constexpr std::int64_t kMostTaps = 64;
  MaxPoolStep(const QtileKernels& kernels, const KernelWindow& window, Place in, Place out)
      : kernels_(kernels), w_(window), in_(std::move(in)), out_(std::move(out)) {
    // Pixels whose windows are inside the image from left to right are one call.
    inner_begin_ = std::min(w_.out[1], (w_.pad_begin[1] + w_.stride[1] - 1) / w_.stride[1]);
    const std::int64_t room = w_.in[1] - 1 - (w_.kernel[1] - 1) * w_.dilation[1] + w_.pad_begin[1];
    inner_end_ = std::max(inner_begin_, std::min(w_.out[1], room < 0 ? 0 : room / w_.stride[1] + 1));
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      for (std::int64_t x = 0; x < inner_begin_; ++x) pixels(context, unit, x, 1);
      if (inner_end_ > inner_begin_) pixels(context, unit, inner_begin_, inner_end_ - inner_begin_);
      for (std::int64_t x = inner_end_; x < w_.out[1]; ++x) pixels(context, unit, x, 1);
    }
  }

 private:
  void pixels(const StepContext& context, std::int64_t unit, std::int64_t x, std::int64_t count) const {
    const std::int64_t n = unit / w_.out[0], y = unit % w_.out[0];
    const auto* image = context.at<const std::uint8_t>(in_) + n * w_.in[0] * w_.in[1] * in_.pixel_stride;
    std::array<const std::uint8_t*, kMostTaps> taps;
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < w_.kernel[0]; ++i) {
      const std::int64_t in_y = y * w_.stride[0] - w_.pad_begin[0] + i * w_.dilation[0];
      for (std::int64_t j = 0; j < w_.kernel[1]; ++j) {
        const std::int64_t in_x = x * w_.stride[1] - w_.pad_begin[1] + j * w_.dilation[1];
        if (in_y < 0 || in_y >= w_.in[0] || in_x < 0 || in_x >= w_.in[1]) continue;
        taps[static_cast<std::size_t>(found++)] = image + (in_y * w_.in[1] + in_x) * in_.pixel_stride;
      }
    }
    std::uint8_t* to = context.at<std::uint8_t>(out_) + (unit * w_.out[1] + x) * out_.pixel_stride;
    if (found == 0) {  // a window in the padding alone: the lowest number
      const std::uint8_t low = in_.dtype == DType::kInt8 ? 0x80 : 0;
      for (std::int64_t p = 0; p < count; ++p) std::fill_n(to + p * out_.pixel_stride, out_.channels(), low);
      return;
    }
    kernels_.max_pool({.taps = taps.data(),
                       .tap_count = found,
                       .step = w_.stride[1] * in_.pixel_stride,
                       .pixels = count,
                       .channels = in_.channels(),
                       .is_signed = in_.dtype == DType::kInt8,
                       .y = to,
                       .y_stride = out_.pixel_stride});
  }

  const QtileKernels& kernels_;
  KernelWindow w_;
  Place in_, out_;
  std::int64_t inner_begin_ = 0, inner_end_ = 0;
};

// What the node makes of each byte of its input `of`, by its reference evaluation, with `set` as its inputs of these positions;
// nothing where another input is computed in the run.
std::optional<Table> table_of(const Lowering& lowering, const Node& node, std::size_t of = 0,
                              const std::map<std::size_t, Tensor>& set = {}) {
  const Graph& graph = lowering.graph();
  std::array<std::uint8_t, 256> bytes{};
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const Datum x(Tensor::borrow(lowering.dtype(node.inputs[of]), {256}, bytes.data(), nullptr));
  std::vector<Datum> arguments(node.inputs.size());
  std::vector<const Datum*> pointers(node.inputs.size());
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const auto given = set.find(i);
    const Tensor* tensor = given != set.end() ? &given->second : lowering.constant(node.inputs[i]);
    if (i != of && tensor == nullptr) return {};
    if (i != of) arguments[i] = *tensor;
    pointers[i] = i == of ? &x : &arguments[i];
  }
  const auto find = [](ValueId) -> const Datum* { return nullptr; };
  const Result<std::vector<Datum>> results = evaluate_node(lowering.model(), graph, node, pointers, find, {});
  if (!results || results->empty() || (*results)[0].tensor() == nullptr) return {};
  const Tensor& y = *(*results)[0].tensor();
  if (!is_byte(y.dtype()) || y.element_count() != 256) return {};
  Table table;
  std::copy_n(reinterpret_cast<const std::uint8_t*>(y.bytes()), 256, table.begin());
  return table;
}

// The layout of a step over operands that are broadcast to y: channels-last where an operand lies so and all can.
Layout common_layout(Lowering& lowering, std::span<const ValueId> operands, ValueId y) {
  bool last = false;
  if (lowering.dims(y)->size() != 4) return Layout::kRowMajor;
  for (const ValueId id : operands) {
    const Dims& dims = *lowering.dims(id);
    if (element_count(dims) == 1) continue;
    if (dims.size() != 4 || !lowering.read(id).dense()) return Layout::kRowMajor;
    last = last || lowering.layout_of(id) == Layout::kChannelsLast;
  }
  return last ? Layout::kChannelsLast : Layout::kRowMajor;
}

// The layout to read an operand in: one of a single element has none.
Layout layout_in(const Lowering& lowering, ValueId id, Layout layout) {
  return element_count(*lowering.dims(id)) == 1 ? Layout::kRowMajor : layout;
}

std::vector<ElementLoop> loops_of(const Lowering& lowering, std::span<const ValueId> operands, ValueId y,
                                  Layout layout) {
  const auto in_memory = [&](ValueId id) {
    Dims dims = *lowering.dims(id);
    if (layout == Layout::kChannelsLast && dims.size() == 4) dims = {dims[0], dims[2], dims[3], dims[1]};
    return dims;
  };
  std::vector<Dims> dims;
  for (const ValueId id : operands) dims.push_back(in_memory(id));
  std::vector<const Dims*> pointers;
  for (const Dims& one : dims) pointers.push_back(&one);
  return broadcast_loops(pointers, in_memory(y));
}

}  // namespace

Declined lower_qlinear_unary(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!is_byte(lowering.dtype(x))) return "only 8-bit integers are native";
  const std::optional<Table> table = table_of(lowering, node);
  if (!table) return "scales that are computed in the run";
  const Place in = lowering.read(x), out = lowering.define(node.outputs[0], in.layout);
  const RowUnits units = element_rows(in, out);
  Lowering::Draft draft{.nodes = {id}, .kernel = "table", .reads = {in}, .writes = {out}};
  draft.units = units.units;
  draft.flops = static_cast<double>(out.count());
  draft.speed = 0.02;
  lowering.add(std::make_unique<TableStep>(*table, units, in, out), std::move(draft));
  return {};
}

// Of y_scale, y_zero_point, then X, x_scale, x_zero_point of each tensor: a table for each that is quantised otherwise than
// the output.
Declined lower_qlinear_concat(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims dims = *lowering.dims(node.outputs[0]);
  const auto rank = static_cast<std::int64_t>(dims.size());
  const Result<std::int64_t> given = get_int(node, "axis", 0);
  if (!given || *given < -rank || *given >= rank || node.inputs.size() % 3 != 2) return "an axis beyond the rank";
  const auto axis = static_cast<std::size_t>(*given < 0 ? *given + rank : *given);
  std::vector<Table> tables;
  bool last = false;
  for (std::size_t i = 2; i < node.inputs.size(); i += 3) {
    if (!is_byte(lowering.dtype(node.inputs[i])) || lowering.dtype(node.inputs[i]) != lowering.dtype(node.outputs[0]))
      return "only 8-bit integers of one type are native";
    Node one = node;
    one.inputs = {node.inputs[0], node.inputs[1], node.inputs[i], node.inputs[i + 1], node.inputs[i + 2]};
    one.attributes["axis"] = std::int64_t{0};
    const std::optional<Table> table = table_of(lowering, one, 2);
    if (!table) return "scales that are computed in the run";
    tables.push_back(*table);
    last = last || (axis == 1 && lowering.layout_of(node.inputs[i]) == Layout::kChannelsLast);
  }
  const Place whole = lowering.define(node.outputs[0], last ? Layout::kChannelsLast : Layout::kRowMajor);
  const auto size = [&](const Place& place) {  // of a row of bytes that stay together
    if (last) return place.channels();
    std::int64_t count = 1;
    for (std::size_t i = axis; i < dims.size(); ++i) count *= place.dims[i];
    return count;
  };
  const std::int64_t stride = last ? whole.pixel_stride : size(whole);
  std::int64_t offset = 0;
  for (std::size_t i = 2; i < node.inputs.size(); i += 3) {
    const Place part = lowering.read(node.inputs[i], whole.layout);
    const std::int64_t bytes = size(part);
    if (bytes == 0) continue;
    Place to = whole;
    to.offset += static_cast<std::size_t>(offset);
    offset += bytes;
    const RowUnits units(part.count() / bytes, bytes, last ? part.pixel_stride : bytes, stride);
    Lowering::Draft draft{.nodes = {id}, .kernel = "table", .reads = {part}};
    BufferUse use = whole.use(true);
    if (whole.offset == 0) {  // beside the other parts
      use.pitch = stride;
      use.begin = offset - bytes;
      use.end = offset;
    }
    draft.uses = {use};
    draft.units = units.units;
    draft.flops = static_cast<double>(part.count());
    draft.speed = 0.02;
    lowering.add(std::make_unique<TableStep>(tables[(i - 2) / 3], units, part, to), std::move(draft));
  }
  return {};
}

Declined lower_qlinear_binary(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId a = node.inputs[0], b = node.inputs[3], y = node.outputs[0];
  if (!is_byte(lowering.dtype(a)) || lowering.dtype(b) != lowering.dtype(a)) return "only 8-bit integers are native";
  std::array<double, 6> numbers{};
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t input = i < 2 ? i + 1 : i < 4 ? i + 2 : i + 2;
    const auto value = constant_number(lowering, node, input, i % 2 == 0 ? 1 : 0);
    if (!value) return "scales or zero points that are computed in the run";
    numbers[i] = *value;
  }
  const QbinaryRow row{.a = nullptr,
                       .b = nullptr,
                       .a_step = 0,
                       .b_step = 0,
                       .y = nullptr,
                       .count = 0,
                       .is_signed = lowering.dtype(a) == DType::kInt8,
                       .product = node.op_type == "QLinearMul",
                       .a_scale = static_cast<float>(numbers[0]),
                       .b_scale = static_cast<float>(numbers[2]),
                       .y_scale = static_cast<float>(numbers[4]),
                       .a_zero = static_cast<std::int32_t>(numbers[1]),
                       .b_zero = static_cast<std::int32_t>(numbers[3]),
                       .y_zero = static_cast<std::int32_t>(numbers[5])};
  const ValueId operands[] = {a, b};
  const Layout layout = common_layout(lowering, operands, y);
  std::vector<ElementLoop> loops = join_loops(loops_of(lowering, operands, y, layout));
  if (loops.size() > LoopWalk::kMostOuter + 2) return "a broadcast of many dimensions";
  const Place at_a = lowering.read(a, layout_in(lowering, a, layout)),
              at_b = lowering.read(b, layout_in(lowering, b, layout));
  // Bytes are never parts of a concatenation in place, so what is defined is dense.
  const Place at_y = lowering.define(y, layout);
  auto step = std::make_unique<QbinaryStep>(kernels::qtile_kernels(lowering.options().isa), row,
                                            std::array<Place, 3>{at_a, at_b, at_y}, LoopWalk(std::move(loops)));
  Lowering::Draft draft{.nodes = {id}, .kernel = "qlinear.binary", .reads = {at_a, at_b}, .writes = {at_y}};
  draft.units = step->units();
  draft.flops = 4 * static_cast<double>(at_y.count());
  draft.speed = 0.05;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

Declined lower_qlinear_where(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId operands[] = {node.inputs[0], node.inputs[1], node.inputs[4]}, z = node.outputs[0];
  if (!is_byte(lowering.dtype(operands[1])) || lowering.dtype(operands[2]) != lowering.dtype(operands[1]))
    return "only 8-bit integers of one type are native";
  const auto flag = [](bool value) { return Tensor::scalar(value); };
  const auto other = [&] { return Tensor::zeros(lowering.dtype(operands[1]), {1}).value(); };
  const std::optional<Table> x = table_of(lowering, node, 1, {{0, flag(true)}, {4, other()}}),
                             y = table_of(lowering, node, 4, {{0, flag(false)}, {1, other()}});
  if (!x || !y) return "scales that are computed in the run";
  const Layout layout = common_layout(lowering, operands, z);
  std::vector<ElementLoop> loops = join_loops(loops_of(lowering, operands, z, layout));
  if (loops.size() > LoopWalk::kMostOuter + 2) return "a broadcast of many dimensions";
  Lowering::Draft draft{.nodes = {id}, .kernel = "qlinear.where"};
  for (const ValueId operand : operands)
    draft.reads.push_back(lowering.read(operand, layout_in(lowering, operand, layout)));
  const Place to = lowering.define(z, layout);
  auto step = std::make_unique<QwhereStep>(*x, *y, draft.reads, to, LoopWalk(std::move(loops)));
  draft.writes = {to};
  draft.units = step->units();
  draft.flops = static_cast<double>(to.count());
  draft.speed = 0.02;
  lowering.add(std::move(step), std::move(draft));
  return {};
}

Declined lower_byte_max_pool(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (node.outputs.size() > 1 && node.outputs[1].valid()) return "the indices of the maxima are wanted";
  const Dims in = *lowering.dims(x), out = *lowering.dims(node.outputs[0]);
  KernelWindow window;
  if (Declined reason = parse_window(node, in, out, std::span(in).subspan(std::min<std::size_t>(2, in.size())), window);
      !reason.empty())
    return reason;
  if (window.kernel[0] * window.kernel[1] > MaxPoolStep::kMostTaps) return "a window of more than 64 elements";
  const Place from = lowering.read(x, Layout::kChannelsLast),
              to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  Lowering::Draft draft{.nodes = {id}, .kernel = "max_pool.bytes", .reads = {from}, .writes = {to}};
  draft.units = in[0] * window.out[0];
  draft.flops = static_cast<double>(to.count() * window.kernel[0] * window.kernel[1]);
  draft.speed = 0.5;
  lowering.add(std::make_unique<MaxPoolStep>(kernels::qtile_kernels(lowering.options().isa), window, from, to),
               std::move(draft));
  return {};
}

}  // namespace cycloid
