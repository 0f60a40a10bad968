// Operators of few steps, each of which has kernels:
//
// Mean                             =>  Sum, Mul
// MeanVarianceNormalization        =>  (x - ReduceMean(x)) / (Sqrt(ReduceMean((x - mean)^2)) + 1e-9)
// LpNormalization                  =>  x / Max(ReduceL1 or ReduceL2, the smallest normal number)
// ReduceLogSum                     =>  Log(ReduceSum)
// ReduceLogSumExp                  =>  m + Log(ReduceSum(Exp(x - m))), m the greatest, bounded by the finite numbers
// IsInf                            =>  Equal(Abs(x), infinity), or of x itself where one sign counts
// Trilu                            =>  Where(a constant triangle, x, 0)
// Selu, Celu                       =>  gamma * Elu(alpha), alpha * Elu(x / alpha)
// EmbedLayerNormalization          =>  Gather and Add of three tables, LayerNormalization
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

Dims reduced(Dims dims, const std::vector<std::int64_t>& axes) {
  for (const std::int64_t axis : axes) dims[static_cast<std::size_t>(axis)] = 1;
  return dims;
}

// The axes counted from 0; empty where one is none of the tensor's.
std::vector<std::int64_t> counted(std::vector<std::int64_t> axes, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  for (std::int64_t& axis : axes) {
    if (axis < -count || axis >= count) return {};
    if (axis < 0) axis += count;
  }
  return axes;
}

}  // namespace

void expand_mean(Expanding& e) {
  const Node& node = e.node();
  const auto shape = e.dims(node.outputs[0]);
  if (!shape || !std::ranges::all_of(node.inputs, [&](ValueId id) { return e.usable(id); })) return;
  const ValueId sum = node.inputs.size() == 1 ? node.inputs[0] : e.add("Sum", node.inputs, *shape);
  const double share = 1.0 / static_cast<double>(node.inputs.size());
  e.give(0, e.add("Mul", {sum, e.number(share, e.dtype(sum))}, *shape));
  e.done();
}

void expand_mean_variance(Expanding& e) {
  const Node& node = e.node();
  const Result<std::vector<std::int64_t>> given = get_ints(node, "axes", {0, 2, 3});
  if (!given || !e.usable(node.inputs[0])) return;
  const ValueId x = node.inputs[0];
  const Dims shape = *e.dims(x);
  const std::vector<std::int64_t> axes = counted(*given, shape.size());
  if (axes.empty() || std::ranges::find(shape, 0) != shape.end()) return;
  const ValueId over = e.sizes(axes);
  const Dims kept = reduced(shape, axes);
  const ValueId centred = e.add("Sub", {x, e.add("ReduceMean", {x, over}, kept)}, shape);
  const ValueId variance = e.add("ReduceMean", {e.add("Mul", {centred, centred}, shape), over}, kept);
  const ValueId deviation = e.add("Add", {e.add("Sqrt", {variance}, kept), e.number(1e-9, e.dtype(x))}, kept);
  e.give(0, e.add("Div", {centred, deviation}, shape));
  e.done();
}

void expand_lp_normalization(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> axis = get_int(node, "axis", -1), p = get_int(node, "p", 2);
  if (!axis || !p || (*p != 1 && *p != 2) || !e.dims(node.inputs[0]) || e.dtype(node.inputs[0]) != DType::kFloat32)
    return;
  const ValueId x = node.inputs[0];
  const Dims shape = *e.dims(x);
  const std::vector<std::int64_t> axes = counted({*axis}, shape.size());
  if (axes.empty() || std::ranges::find(shape, 0) != shape.end()) return;
  const Dims kept = reduced(shape, axes);
  ValueId norm = e.add(*p == 1 ? "ReduceL1" : "ReduceL2", {x, e.sizes(axes)}, kept);
  // A lane of zeros stays so.
  norm = e.add("Max", {norm, e.number(static_cast<double>(std::numeric_limits<float>::min()), DType::kFloat32)}, kept);
  e.give(0, e.add("Div", {x, norm}, shape));
  e.done();
}

void expand_reduce_log_sum(Expanding& e) {
  const Node& node = e.node();
  const auto shape = e.dims(node.outputs[0]);
  if (!shape || (!e.usable(node.inputs[0]) && e.dtype(node.inputs[0]) != DType::kFloat64)) return;
  e.give(0, e.add("Log", {e.add("ReduceSum", node.inputs, *shape, node.attributes)}, *shape));
  e.done();
}

void expand_reduce_log_sum_exp(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> keeps = get_int(node, "keepdims", 1), noop = get_int(node, "noop_with_empty_axes", 0);
  const auto shape = e.dims(node.outputs[0]);
  const ValueId x = node.inputs[0];
  const DType type = e.dtype(x);
  if (!keeps || !noop || !shape || !e.dims(x) || (type != DType::kFloat32 && type != DType::kFloat64)) return;
  const Dims dims = *e.dims(x);
  std::vector<std::int64_t> axes;
  const Tensor* given = e.input(1).valid() ? e.graph().constant(e.input(1)) : nullptr;
  if (e.input(1).valid() && (given == nullptr || given->dtype() != DType::kInt64)) return;
  if (given != nullptr) axes.assign(given->data<std::int64_t>().begin(), given->data<std::int64_t>().end());
  if (axes.empty() && *noop != 0) return;
  for (std::size_t i = 0; given == nullptr && i < dims.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  axes = counted(axes, dims.size());
  if (axes.empty() || std::ranges::find(dims, 0) != dims.end()) return;
  const Dims kept = reduced(dims, axes);
  const ValueId over = e.sizes(axes);
  const double most = type == DType::kFloat32 ? static_cast<double>(std::numeric_limits<float>::max())
                                              : std::numeric_limits<double>::max();
  // Of infinities alone, x - m would be NaN.
  ValueId m = e.add("ReduceMax", {x, over}, kept);
  m = e.add("Max", {m, e.number(-most, type)}, kept);
  m = e.add("Min", {m, e.number(most, type)}, kept);
  const ValueId exponentials = e.add("Exp", {e.add("Sub", {x, m}, dims)}, dims);
  const ValueId sum = e.add("Add", {e.add("Log", {e.add("ReduceSum", {exponentials, over}, kept)}, kept), m}, kept);
  e.give(0, e.reshaped(sum, *shape));
  e.done();
}

void expand_is_inf(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> negative = get_int(node, "detect_negative", 1),
                             positive = get_int(node, "detect_positive", 1);
  if (!negative || !positive || (*negative == 0 && *positive == 0)) return;
  const ValueId x = node.inputs[0];
  if (!e.usable(x) && !(e.dims(x) && e.dtype(x) == DType::kFloat64)) return;
  const Dims shape = *e.dims(x);
  const auto infinity = std::numeric_limits<double>::infinity();
  const bool both = *negative != 0 && *positive != 0;
  const ValueId size = both ? e.add("Abs", {x}, shape) : x;
  const ValueId bound = e.number(*positive != 0 ? infinity : -infinity, e.dtype(x));
  e.give(0, e.add_typed("Equal", DType::kBool, {size, bound}, shape));
  e.done();
}

void expand_trilu(Expanding& e) {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;  // elements of the triangle
  const Node& node = e.node();
  const Result<std::int64_t> upper = get_int(node, "upper", 1);
  const auto dims = e.dims(node.inputs[0]);
  if (!upper || !dims || dims->size() < 2 || std::ranges::find(*dims, 0) != dims->end()) return;
  const DType type = e.dtype(node.inputs[0]);
  if (type != DType::kFloat32 && type != DType::kInt64 && type != DType::kInt32) return;
  std::int64_t k = 0;
  if (e.input(1).valid()) {
    const Tensor* tensor = e.graph().constant(e.input(1));
    if (tensor == nullptr || tensor->dtype() != DType::kInt64 || tensor->element_count() != 1) return;
    k = tensor->data<std::int64_t>()[0];
  }
  const std::int64_t rows = (*dims)[dims->size() - 2], columns = dims->back();
  if (rows > kMost / columns) return;
  k = std::clamp(k, -rows, columns);
  Tensor kept = Tensor::zeros(DType::kBool, {rows, columns}).value();
  auto* const flags = reinterpret_cast<std::uint8_t*>(kept.mutable_bytes());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) flags[i * columns + j] = *upper != 0 ? j >= i + k : j <= i + k;
  }
  const ValueId triangle = e.graph().add_constant("triangle", std::move(kept));
  const ValueId zero = e.graph().add_constant("zero", Tensor::zeros(type, {}).value());
  e.give(0, e.add("Where", {triangle, node.inputs[0], zero}, *dims, {}, 1));
  e.done();
}

void expand_selu(Expanding& e) {
  const Node& node = e.node();
  const Result<float> alpha = get_float(node, "alpha", 1.67326319F), gamma = get_float(node, "gamma", 1.05070102F);
  if (!alpha || !gamma || !e.usable(node.inputs[0])) return;
  const ValueId x = node.inputs[0];
  const Dims shape = *e.dims(x);
  const ValueId elu = e.add("Elu", {x}, shape, {{"alpha", *alpha}});
  e.give(0, e.add("Mul", {elu, e.number(static_cast<double>(*gamma), e.dtype(x))}, shape));
  e.done();
}

void expand_celu(Expanding& e) {
  const Node& node = e.node();
  const Result<float> alpha = get_float(node, "alpha", 1);
  if (!alpha || *alpha == 0 || !e.usable(node.inputs[0])) return;
  const ValueId x = node.inputs[0];
  const Dims shape = *e.dims(x);
  const ValueId by = e.number(static_cast<double>(*alpha), e.dtype(x));
  const ValueId elu = e.add("Elu", {e.add("Div", {x, by}, shape)}, shape, {{"alpha", 1.0F}});
  e.give(0, e.add("Mul", {elu, by}, shape));
  e.done();
}

void expand_embed_layer_normalization(Expanding& e) {
  const Node& node = e.node();
  const Result<float> epsilon = get_float(node, "epsilon", 1e-12F);
  const ValueId ids = e.input(0), segments = e.input(1), words = e.input(2), positions = e.input(3);
  const ValueId segment_table = e.input(4), mask = e.input(7), given = e.input(8);
  const auto tokens = e.dims(ids), table = e.dims(words), rows = e.dims(positions), kinds = e.dims(segment_table);
  if (!epsilon || !tokens || tokens->size() != 2 || !e.usable(words) || table->size() != 2 || !e.usable(positions) ||
      rows->size() != 2)
    return;
  const bool segmented = segments.valid();
  const std::int64_t length = (*tokens)[1], size = (*table)[1];
  if ((*rows)[1] != size || (segmented && (!kinds || kinds->size() != 2 || (*kinds)[1] != size))) return;
  if (!given.valid() && (*rows)[0] < length) return;
  if (given.valid() && (!e.dims(given) || e.dims(given)->size() != 2)) return;
  const Dims shape = {(*tokens)[0], length, size};
  const Attributes first = {{"axis", std::int64_t{0}}};
  ValueId sum = e.add("Gather", {words, ids}, shape, first);
  ValueId place;
  if (given.valid()) {
    const Dims at = *e.dims(given);
    place = e.add("Gather", {positions, given}, {at[0], length, size}, first);
  } else {
    place = e.add("Slice", {positions, e.sizes({0}), e.sizes({length}), e.sizes({0})}, {length, size});
  }
  sum = e.add("Add", {sum, place}, shape);
  if (segmented) sum = e.add("Add", {sum, e.add("Gather", {segment_table, segments}, shape, first)}, shape);
  const Attributes by_row = {{"axis", std::int64_t{-1}}, {"epsilon", *epsilon}};
  e.give(0, e.add("LayerNormalization", {sum, e.input(5), e.input(6)}, shape, by_row));
  if (e.wants(2)) e.give(2, sum);
  if (e.wants(1)) {
    const Dims batch = {(*tokens)[0]};
    if (!mask.valid()) {
      e.give(1, e.add_typed("ConstantOfShape", DType::kInt32, {e.sizes(batch)}, batch,
                            {{"value", Tensor::of<std::int32_t>({1}, std::vector<std::int32_t>{0})}}));
    } else {
      const ValueId one = e.graph().add_constant("one", Tensor::scalar<std::int32_t>(1));
      const ValueId kept = e.add_typed("Equal", DType::kBool, {mask, one}, *tokens);
      const ValueId counted_ones =
          e.add_typed("Cast", DType::kInt32, {kept}, *tokens, {{"to", static_cast<std::int64_t>(DType::kInt32)}});
      e.give(1, e.add("ReduceSum", {counted_ones, e.sizes({1})}, batch, {{"keepdims", std::int64_t{0}}}));
    }
  }
  e.done();
}

}  // namespace cycloid
