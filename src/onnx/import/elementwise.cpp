// Arithmetic, comparisons, Clip, Cast, activations.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

// Before 7: B broadcasts to A only if `broadcast` is 1, aligned at its last axis, or with its first axis at `axis` of
// A. From 7 on numpy's rule: B gets axes of size 1 at its end to be aligned as before.
Status legacy_broadcast(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto broadcast, edit.take_int("broadcast"));
  CYCLOID_ASSIGN(const auto axis, edit.take_int("axis"));
  if (broadcast.value_or(0) == 0 || !axis) return {};
  const auto a = edit.rank(0);
  const auto b = edit.rank(1);
  if (!b)
    return unsupported("its legacy broadcast along axis {} needs the rank of its second input, which is not known",
                       *axis);
  if (*b == 0) return {};
  if (!a)
    return unsupported("its legacy broadcast along axis {} needs the rank of its first input, which is not known",
                       *axis);
  const std::int64_t first = *axis < 0 ? *axis + *a : *axis;
  if (first < 0 || first + *b > *a) {
    return invalid_model("its second input of rank {} does not fit the first of rank {} at axis {}", *b, *a, *axis);
  }
  std::vector<std::int64_t> axes;
  for (std::int64_t i = *b; i < *a - first; ++i) axes.push_back(i);
  if (axes.empty()) return {};
  edit.set_input(1, edit.add("Unsqueeze", {edit.input(1), edit.ints("axes", axes)}));
  return {};
}

// Before 7 a slope of rank 1 is per channel, axis 1 of the input; from 7 on it broadcasts at the end.
Status prelu_7(NodeEditor& edit) {
  const auto slope = edit.rank(1);
  const auto x = edit.rank(0);
  if (!slope || !x) return unsupported("PRelu before opset 7 needs the ranks of its inputs, which are not known");
  if (*slope != 1 || *x <= 2) return {};
  const ValueType& type = edit.types().of(edit.input(1));
  if (type.shape->at(0).is(1)) return {};
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 1; i < *x - 1; ++i) axes.push_back(i);
  edit.set_input(1, edit.add("Unsqueeze", {edit.input(1), edit.ints("axes", axes)}));
  return {};
}

Status clip_11(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto low, edit.take_float("min"));
  CYCLOID_ASSIGN(const auto high, edit.take_float("max"));
  // The defaults of version 6, float's limits, clip nothing of a float but its infinities.
  if (low || edit.version() >= 6)
    edit.set_input(1, edit.scalar_like("min", low.value_or(std::numeric_limits<float>::lowest()), 0));
  if (high || edit.version() >= 6)
    edit.set_input(2, edit.scalar_like("max", high.value_or(std::numeric_limits<float>::max()), 0));
  return {};
}

// Before 6 the element type is a name, as in TensorProto.DataType.
Status cast_6(NodeEditor& edit) {
  if (!edit.has("to") || !std::holds_alternative<std::string>(edit.node().attributes.find("to")->second)) return {};
  CYCLOID_ASSIGN(std::string name, get_string(edit.node(), "to", ""));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto dtype = parse_dtype(name);
  if (!dtype) return invalid_model("it casts to '{}', which is no element type", name);
  edit.set("to", static_cast<std::int64_t>(*dtype));
  return {};
}

Status selu_6(NodeEditor& edit) {
  if (!edit.has("alpha")) edit.set("alpha", 1.6732F);
  if (!edit.has("gamma")) edit.set("gamma", 1.0507F);
  return {};
}

// Before 13 the input is seen as a matrix: the axes from `axis` (1) on are one. From 13 on only `axis` (-1) counts.
Status softmax_13(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(edit.node(), "axis", 1));
  const auto rank = edit.rank(0);
  if (rank) {
    const std::int64_t first = axis < 0 ? axis + *rank : axis;
    if (first < 0 || first > *rank) return invalid_model("axis {} is out of range for rank {}", axis, *rank);
    const Shape& shape = *edit.types().of(edit.input(0)).shape;
    bool alone = first < *rank;
    for (std::int64_t i = first + 1; i < *rank; ++i) alone = alone && shape[static_cast<std::size_t>(i)].is(1);
    if (alone) {
      edit.set("axis", first);
      return {};
    }
  }
  const ValueId shape = edit.add("Shape", {edit.input(0)});
  const ValueId matrix = edit.add("Flatten", {edit.input(0)}, {{"axis", axis}});
  const ValueId result = edit.add(edit.node().op_type, {matrix}, {{"axis", std::int64_t{1}}});
  edit.replace_by(edit.add("Reshape", {result, shape}));
  return {};
}

constexpr Converter kConverters[] = {
    {"Add", 7, legacy_broadcast},
    {"Sub", 7, legacy_broadcast},
    {"Mul", 7, legacy_broadcast},
    {"Div", 7, legacy_broadcast},
    {"Pow", 7, legacy_broadcast},
    {"And", 7, legacy_broadcast},
    {"Or", 7, legacy_broadcast},
    {"Xor", 7, legacy_broadcast},
    {"Equal", 7, legacy_broadcast},
    {"Greater", 7, legacy_broadcast},
    {"Less", 7, legacy_broadcast},
    {"PRelu", 7, prelu_7},
    {"Clip", 11, clip_11},
    {"Cast", 6, cast_6},
    {"Selu", 6, selu_6},
    {"Softmax", 13, softmax_13},
    {"LogSoftmax", 13, softmax_13},
    {"Hardmax", 13, softmax_13},
};

}  // namespace

std::span<const Converter> elementwise_converters() { return kConverters; }

}  // namespace cycloid::onnx
