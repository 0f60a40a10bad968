// Operators of element types without kernels, by those of wider types that hold every value, or of the same bits:
//
// ReduceMax, ReduceMin, ArgMax, ArgMin, TopK of bool, 16 and 32 bits     =>  the same of int32 or int64 between casts
// ReduceSum, ReduceProd, ReduceL1, ReduceSumSquare of unsigned integers  =>  the same of signed ones, which wrap to the same bits
// QuantizeLinear of int32, float16 and bfloat16                          =>  the quotient in its precision, then QuantizeLinear of float32
// DequantizeLinear of int32                                              =>  Cast(x - zero point) * scale
#include <algorithm>

#include "plan/fusion/expanding.h"
#include "plan/half.h"

namespace cycloid {
namespace {

// Of those that have kernels, the least that holds all values of the type; kUndefined where there is none.
DType wider(DType type) {
  switch (type) {
    case DType::kBool:
    case DType::kInt16:
    case DType::kUInt16: return DType::kInt32;
    case DType::kUInt32: return DType::kInt64;
    default: return DType::kUndefined;
  }
}

ValueId cast(Expanding& e, ValueId x, DType type) {
  if (e.dtype(x) == type) return x;
  return e.add_typed("Cast", type, {x}, *e.dims(x), {{"to", static_cast<std::int64_t>(type)}});
}

// Scales or zero points, one in all or one for each place of `axis`, for operands of rank `rank`; invalid where they are others.
ValueId along_axis(Expanding& e, ValueId values, const Dims& shape, std::int64_t axis) {
  const Dims dims = *e.dims(values);
  if (dims.empty() || dims == Dims{1}) return e.reshaped(values, {});
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (dims.size() != 1 || axis < -rank || axis >= rank) return {};
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  if (dims[0] != shape[at]) return {};
  Dims broadcast(shape.size(), 1);
  broadcast[at] = dims[0];
  return e.reshaped(values, broadcast);
}

Tensor ones(const Dims& dims) {
  Tensor all = Tensor::zeros(DType::kFloat32, dims).value();
  std::ranges::fill(all.mutable_data<float>(), 1.0F);
  return all;
}

// Whether scales are one, or one for each place of an axis, and all is of known shape.
bool is_plain(const Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> block = get_int(node, "block_size", 0);
  const auto scale = e.dims(node.inputs[1]);
  return block && *block == 0 && e.dims(node.inputs[0]) && scale && scale->size() <= 1 &&
         (!e.input(2).valid() || e.dims(e.input(2)) == scale);
}

}  // namespace

void expand_to_wider(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0];
  const DType narrow = e.dtype(x), wide = wider(narrow);
  const auto shape = e.dims(x);
  if (wide == DType::kUndefined || !shape || std::ranges::find(*shape, 0) != shape->end()) return;
  std::vector<Expanding::Made> made;
  for (const ValueId output : node.outputs) {
    if (!output.valid() || !e.dims(output)) return;
    made.push_back({e.dtype(output) == narrow ? wide : e.dtype(output), *e.dims(output)});
  }
  std::vector<ValueId> inputs = node.inputs;
  inputs[0] = cast(e, x, wide);
  const std::vector<ValueId> results = e.add_many(node.op_type, std::move(inputs), made, node.attributes);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool was_narrow = e.dtype(node.outputs[i]) == narrow;
    e.give(i, was_narrow ? cast(e, results[i], narrow) : results[i]);
  }
  e.done();
}

void expand_to_signed(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0];
  const DType type = e.dtype(x);
  const auto from = e.dims(x), to = e.dims(node.outputs[0]);
  if ((type != DType::kUInt32 && type != DType::kUInt64) || !from || !to) return;
  if (std::ranges::find(*from, 0) != from->end()) return;
  const DType same_bits = type == DType::kUInt32 ? DType::kInt32 : DType::kInt64;
  const auto bits = [&](ValueId value, DType as, const Dims& dims) {
    return e.add_typed("BitCast", as, {value}, dims, {{"to", static_cast<std::int64_t>(as)}});
  };
  std::vector<ValueId> inputs = node.inputs;
  inputs[0] = bits(x, same_bits, *from);
  // What has no sign is its own magnitude.
  const std::string op = node.op_type == "ReduceL1" ? "ReduceSum" : node.op_type;
  const ValueId result = e.add_typed(op, same_bits, std::move(inputs), *to, node.attributes);
  e.give(0, bits(result, type, *to));
  e.done();
}

void expand_quantize(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0], scale = node.inputs[1];
  const DType from = e.dtype(x), of_scale = e.dtype(scale);
  if (!is_plain(e) || (from == DType::kFloat32 && of_scale == DType::kFloat32)) return;
  const Result<std::int64_t> axis = get_int(node, "axis", 1), given = get_int(node, "precision", 0);
  if (!axis || !given || (from != DType::kInt32 && from != DType::kFloat32 && !is_half(from))) return;
  const DType precision = *given == 0 ? of_scale : static_cast<DType>(*given);
  if ((of_scale != DType::kFloat32 && !is_half(of_scale)) || (precision != DType::kFloat32 && !is_half(precision)))
    return;
  const Dims shape = *e.dims(x), scales = *e.dims(scale);
  std::vector<ValueId> inputs = node.inputs;
  if (is_half(precision)) {
    const ValueId divisor = along_axis(e, cast(e, scale, precision), shape, *axis);
    if (!divisor.valid()) return;
    const ValueId quotient = e.add_typed("Div", precision, {cast(e, x, precision), divisor}, shape);
    inputs[0] = cast(e, quotient, DType::kFloat32);
    inputs[1] = e.graph().add_constant("ones", ones(scales));
  } else {
    inputs[0] = cast(e, x, DType::kFloat32);
    inputs[1] = cast(e, scale, DType::kFloat32);
  }
  Attributes attributes = node.attributes;
  attributes.erase("precision");
  const ValueId y = node.outputs[0];
  e.give(0, e.add_typed("QuantizeLinear", e.dtype(y), std::move(inputs), shape, std::move(attributes)));
  e.done();
}

void expand_dequantize(Expanding& e) {
  const Node& node = e.node();
  const ValueId x = node.inputs[0], scale = node.inputs[1], zero = e.input(2);
  const DType to = e.dtype(node.outputs[0]);
  if (e.dtype(x) != DType::kInt32 || !is_plain(e)) return;
  if ((e.dtype(scale) != DType::kFloat32 && !is_half(e.dtype(scale))) || (to != DType::kFloat32 && !is_half(to)))
    return;
  const Result<std::int64_t> axis = get_int(node, "axis", 1);
  if (!axis) return;
  const Dims shape = *e.dims(x);
  ValueId code = x;
  if (zero.valid()) {
    const ValueId shift = along_axis(e, zero, shape, *axis);
    if (!shift.valid()) return;
    code = e.add("Sub", {x, shift}, shape);
  }
  const ValueId factor = along_axis(e, cast(e, scale, DType::kFloat32), shape, *axis);
  if (!factor.valid()) return;
  e.give(0, cast(e, e.add("Mul", {cast(e, code, DType::kFloat32), factor}, shape), to));
  e.done();
}

}  // namespace cycloid
