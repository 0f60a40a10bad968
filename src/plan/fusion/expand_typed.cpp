// Operators that have kernels of their own for float32 only, of other types as some that have them for all:
//
// Clip                 =>  the same with both bounds, of which there is a kernel
// Relu                 =>  Max(x, 0)
// Softmax              =>  e / ReduceSum(e), e = Exp(x - ReduceMax(x))
// LogSoftmax           =>  c - Log(ReduceSum(Exp(c))), c = x - ReduceMax(x)
// LayerNormalization   =>  c / Sqrt(ReduceMean(c * c) + epsilon) * scale + bias, c = x - ReduceMean(x)
#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>

#include "ops/dtype_set.h"
#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

// Whether the typed element loops have the type, and no kernel of float32 is better.
bool is_typed(DType type) { return type == DType::kFloat64 || kInts.contains(type); }

bool is_nonempty_double(const Expanding& e, ValueId x) {
  const auto shape = e.dims(x);
  return shape && !shape->empty() && e.dtype(x) == DType::kFloat64 && std::ranges::find(*shape, 0) == shape->end();
}

// The number that is below, or above, all others of the type.
ValueId no_bound(Expanding& e, bool below) {
  Tensor bound = Tensor::zeros(e.dtype(e.node().inputs[0]), {}).value();
  dispatch<double, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t, std::uint32_t, std::uint16_t,
           std::uint8_t>(bound.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T least = Limits::lowest(), most = Limits::max();
    if constexpr (std::is_floating_point_v<T>) {
      least = -Limits::infinity();
      most = Limits::infinity();
    }
    bound.mutable_data<T>()[0] = below ? least : most;
  });
  return e.graph().add_constant("no bound", std::move(bound));
}

// An integer Clip of indices, which the scatter does with its own work.
bool may_be_scattered(Expanding& e, ValueId y) {
  const DType type = e.dtype(y);
  return (type == DType::kInt64 || type == DType::kInt32) &&
         std::ranges::any_of(e.graph().value(y).uses,
                             [&](const Use& use) { return e.graph().node(use.node).op_type.starts_with("Scatter"); });
}

Dims with_ones(Dims shape, std::size_t first, std::size_t last) {
  std::fill(shape.begin() + static_cast<std::ptrdiff_t>(first), shape.begin() + static_cast<std::ptrdiff_t>(last), 1);
  return shape;
}

}  // namespace

void expand_clip(Expanding& e) {
  const ValueId x = e.node().inputs[0];
  const auto shape = e.dims(x);
  if (!shape || !is_typed(e.dtype(x)) || may_be_scattered(e, e.node().outputs[0])) return;
  if (e.input(1).valid() && e.input(2).valid()) return;
  std::vector<ValueId> inputs = {x};
  for (const std::size_t i : {1, 2}) inputs.push_back(e.input(i).valid() ? e.input(i) : no_bound(e, i == 1));
  e.give(0, e.add("Clip", std::move(inputs), *shape));
  e.done();
}

void expand_relu(Expanding& e) {
  const ValueId x = e.node().inputs[0];
  const auto shape = e.dims(x);
  if (!shape || !is_typed(e.dtype(x))) return;
  const ValueId zero = e.graph().add_constant("zero", Tensor::zeros(e.dtype(x), {}).value());
  e.give(0, e.add("Max", {x, zero}, *shape));
  e.done();
}

void expand_softmax(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0];
  const Result<std::int64_t> given = get_int(node, "axis", -1);
  if (!given || !is_nonempty_double(e, x)) return;
  const Dims shape = *e.dims(x);
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (*given < -rank || *given >= rank) return;
  const auto axis = static_cast<std::size_t>(*given < 0 ? *given + rank : *given);
  const Dims kept = with_ones(shape, axis, axis + 1);
  const ValueId over = e.sizes({static_cast<std::int64_t>(axis)});
  const ValueId centred = e.add("Sub", {x, e.add("ReduceMax", {x, over}, kept)}, shape);
  const ValueId exponentials = e.add("Exp", {centred}, shape);
  const ValueId sum = e.add("ReduceSum", {exponentials, over}, kept);
  if (node.op_type == "Softmax")
    e.give(0, e.add("Div", {exponentials, sum}, shape));
  else
    e.give(0, e.add("Sub", {centred, e.add("Log", {sum}, kept)}, shape));
  e.done();
}

void expand_layer_normalization(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0], scale = e.input(1), bias = e.input(2);
  const Result<std::int64_t> given = get_int(node, "axis", -1);
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5F);
  if (!given || !epsilon || !is_nonempty_double(e, x) || !e.only_first_output()) return;
  if (!e.dims(scale) || e.dtype(scale) != DType::kFloat64 || (bias.valid() && !e.dims(bias))) return;
  const Dims shape = *e.dims(x);
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (*given < -rank || *given >= rank) return;
  const auto first = static_cast<std::size_t>(*given < 0 ? *given + rank : *given);
  Dims axes(shape.size() - first);
  std::iota(axes.begin(), axes.end(), static_cast<std::int64_t>(first));
  const Dims kept = with_ones(shape, first, shape.size());
  const ValueId over = e.sizes(axes);
  const ValueId centred = e.add("Sub", {x, e.add("ReduceMean", {x, over}, kept)}, shape);
  const ValueId variance = e.add("ReduceMean", {e.add("Mul", {centred, centred}, shape), over}, kept);
  const ValueId shifted = e.add("Add", {variance, e.number(static_cast<double>(*epsilon), DType::kFloat64)}, kept);
  ValueId y = e.add("Div", {centred, e.add("Sqrt", {shifted}, kept)}, shape);
  y = e.add("Mul", {y, scale}, shape);
  if (bias.valid()) y = e.add("Add", {y, bias}, shape);
  e.give(0, y);
  e.done();
}

}  // namespace cycloid
