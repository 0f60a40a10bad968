// Shapes and the moving of elements, reductions.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "onnx/export/down_converter.h"

namespace cycloid::onnx {
namespace {

// From 18 (ReduceSum: 13) on the axes are an input.
Status reduce_axes(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* axes, constant_integers(edit, 1));
  CYCLOID_ASSIGN(const std::int64_t noop, get_int(edit.node(), "noop_with_empty_axes", 0));
  edit.drop("noop_with_empty_axes");
  const bool empty = axes == nullptr || axes->element_count() == 0;
  if (empty && noop != 0) {
    // Of a single element each: the reductions that are more than the identity still do their work.
    const std::string& op = edit.node().op_type;
    const auto alone = [&](const char* name) { edit.replace_by(edit.add(name, {edit.input(0)})); };
    if (op == "ReduceL1" || op == "ReduceL2") {
      alone("Abs");
    } else if (op == "ReduceLogSum") {
      alone("Log");
    } else if (op == "ReduceSumSquare") {
      edit.replace_by(edit.add("Mul", {edit.input(0), edit.input(0)}));
    } else {
      edit.replace_by(edit.input(0));
    }
    return {};
  }
  if (!empty) edit.set("axes", from_front(to_int64s(*axes), edit.rank(0)));
  truncate_inputs(edit, 1);
  return {};
}

Status squeeze_13(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* axes, constant_integers(edit, 1));
  if (axes != nullptr) edit.set("axes", from_front(to_int64s(*axes), edit.rank(0)));
  truncate_inputs(edit, 1);
  return {};
}

Status unsqueeze_13(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* axes, constant_integers(edit, 1));
  if (axes == nullptr) return invalid_model("it needs axes");
  auto rank = edit.rank(0);
  if (rank) *rank += axes->element_count();
  edit.set("axes", from_front(to_int64s(*axes), rank));
  truncate_inputs(edit, 1);
  return {};
}

// From 18 on num_outputs asks for parts of equal size, but for the last; before, absent sizes mean that they are equal.
Status split_18(NodeEditor& edit) {
  edit.drop("num_outputs");
  if (edit.has_input(1)) return {};
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(edit.node(), "axis", 0));
  const auto rank = edit.rank(0);
  if (!rank) return unsupported("whether its parts are equal is not known");
  const Dim& dim = edit.types().of(edit.input(0)).shape->at(static_cast<std::size_t>(axis < 0 ? axis + *rank : axis));
  const auto size = dim.known();
  const auto parts = static_cast<std::int64_t>(edit.node().outputs.size());
  if (!size || *size % parts == 0) return {};  // a size that is open must divide: the old operator refuses others
  const std::int64_t chunk = (*size + parts - 1) / parts;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), chunk);
  sizes.back() = *size - chunk * (parts - 1);
  if (sizes.back() < 0) return unsupported("{} elements in {} parts", *size, parts);
  edit.set_input(1, edit.ints("split", sizes));
  return {};
}

Status split_13(NodeEditor& edit) {
  CYCLOID_TRY(input_to_ints(edit, 1, "split"));
  truncate_inputs(edit, 1);
  return {};
}

Status slice_10(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* steps, constant_integers(edit, 4));
  if (steps != nullptr && !std::ranges::all_of(to_int64s(*steps), [](std::int64_t s) { return s == 1; })) {
    return unsupported("its steps are not all 1");
  }
  CYCLOID_TRY(input_to_ints(edit, 1, "starts"));
  CYCLOID_TRY(input_to_ints(edit, 2, "ends"));
  CYCLOID_ASSIGN(const Tensor* axes, constant_integers(edit, 3));
  if (axes != nullptr) edit.set("axes", from_front(to_int64s(*axes), edit.rank(0)));
  truncate_inputs(edit, 1);
  return {};
}

Status pad_19(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "mode", "constant"));
  if (mode == "wrap") return unsupported("its mode is 'wrap'");
  return {};
}

// Before 18 pads are of all axes.
Status pad_18(NodeEditor& edit) {
  if (!edit.has_input(3)) {
    truncate_inputs(edit, 3);
    return {};
  }
  CYCLOID_ASSIGN(const Tensor* axes, constant_integers(edit, 3));
  CYCLOID_ASSIGN(const Tensor* pads, constant_integers(edit, 1));
  const auto rank = edit.rank(0);
  if (!rank || pads == nullptr) return unsupported("its input's rank is not known");
  const auto given = to_int64s(*pads);
  const auto at = from_front(to_int64s(*axes), rank);
  std::vector<std::int64_t> all(static_cast<std::size_t>(2 * *rank), 0);
  if (given.size() != 2 * at.size()) return invalid_model("it has {} pads for {} axes", given.size(), at.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (at[i] < 0 || at[i] >= *rank) return invalid_model("axis {} is out of range", at[i]);
    all[static_cast<std::size_t>(at[i])] = given[i];
    all[static_cast<std::size_t>(at[i] + *rank)] = given[i + at.size()];
  }
  edit.set_input(1, edit.ints("pads", all));
  truncate_inputs(edit, 3);
  return {};
}

Status pad_11(NodeEditor& edit) {
  CYCLOID_TRY(input_to_ints(edit, 1, "pads"));
  CYCLOID_ASSIGN(const Tensor* value, constant_input(edit, 2));
  if (value != nullptr) {
    if (value->element_count() != 1 || value->dtype() != DType::kFloat32) return unsupported("its value is no float");
    edit.set("value", value->data<float>()[0]);
  }
  truncate_inputs(edit, 1);
  return {};
}

Status topk_10(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* k, constant_integers(edit, 1));
  if (k == nullptr || k->element_count() != 1) return invalid_model("it needs k");
  edit.set("k", to_int64s(*k)[0]);
  truncate_inputs(edit, 1);
  return {};
}

// Before 15 only whole shapes.
Status shape_15(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto start, edit.take_int("start"));
  CYCLOID_ASSIGN(const auto end, edit.take_int("end"));
  if (start.value_or(0) == 0 && !end) return {};
  if (edit.version() < 10) return unsupported("it asks for a part of the shape");
  const std::int64_t from[] = {start.value_or(0)};
  const std::int64_t to[] = {end.value_or(INT64_MAX)};
  const std::int64_t axis[] = {0};
  const ValueId shape = edit.add("Shape", {edit.input(0)});
  edit.replace_by(
      edit.add("Slice", {shape, edit.ints("starts", from), edit.ints("ends", to), edit.ints("axes", axis)}));
  return {};
}

Status reshape_14(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto zero, edit.take_int("allowzero"));
  if (zero.value_or(0) == 0) return {};
  const Tensor* shape = edit.graph().constant(edit.input(1));
  if (shape != nullptr && shape->dtype() == DType::kInt64 && std::ranges::count(to_int64s(*shape), 0) == 0) return {};
  return unsupported("its shape may hold zeros that mean zero (allowzero)");
}

Status scatter_11(NodeEditor& edit) {
  edit.graph().set_operator(edit.id(), "", "Scatter");
  return {};
}

// The axis became an input whose default differs.
Status dft_20(NodeEditor& edit) {
  CYCLOID_ASSIGN(const Tensor* axis, constant_integers(edit, 2));
  if (axis != nullptr && axis->element_count() != 1) return invalid_model("its axis is no single number");
  std::int64_t at = axis == nullptr ? -2 : to_int64s(*axis)[0];
  const auto rank = edit.rank(0);
  if (at < 0 && !rank) return unsupported("its input's rank is not known");
  if (at < 0) at += *rank;
  edit.set("axis", at);
  truncate_inputs(edit, 2);
  return {};
}

// Before 11 axes count from the front alone.
Status axis_11(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(edit.node(), "axis", 0));
  if (axis >= 0 || !edit.has("axis")) return {};
  const auto rank = edit.rank(0);
  if (!rank) return unsupported("its axis counts from the back, and its input's rank is not known");
  edit.set("axis", axis + *rank);
  return {};
}

// Before 18 only of optionals: what is none holds itself.
Status optional_get_18(NodeEditor& edit) {
  if (edit.types().of(edit.input(0)).kind == ValueType::Kind::kOptional) return {};
  edit.replace_by(edit.input(0));
  return {};
}
Status optional_has_18(NodeEditor& edit) {
  if (edit.types().of(edit.input(0)).kind == ValueType::Kind::kOptional) return {};
  return unsupported("its input is no optional");
}

constexpr DownConverter kConverters[] = {
    {"Flatten", 11, axis_11},
    {"Concat", 11, axis_11},
    {"Gather", 11, axis_11},
    {"ArgMax", 11, axis_11},
    {"ArgMin", 11, axis_11},
    {"Split", 11, axis_11},
    {"Compress", 11, axis_11},
    {"ScatterElements", 11, axis_11},
    {"OptionalGetElement", 18, optional_get_18},
    {"OptionalHasElement", 18, optional_has_18},
    {"ReduceL1", 18, reduce_axes},
    {"ReduceL2", 18, reduce_axes},
    {"ReduceLogSum", 18, reduce_axes},
    {"ReduceLogSumExp", 18, reduce_axes},
    {"ReduceMax", 18, reduce_axes},
    {"ReduceMean", 18, reduce_axes},
    {"ReduceMin", 18, reduce_axes},
    {"ReduceProd", 18, reduce_axes},
    {"ReduceSum", 13, reduce_axes},
    {"ReduceSumSquare", 18, reduce_axes},
    {"Squeeze", 13, squeeze_13},
    {"Unsqueeze", 13, unsqueeze_13},
    {"Split", 18, split_18},
    {"Split", 13, split_13},
    {"Slice", 10, slice_10},
    {"Pad", 19, pad_19},
    {"Pad", 18, pad_18},
    {"Pad", 11, pad_11},
    {"TopK", 10, topk_10},
    {"Shape", 15, shape_15},
    {"Reshape", 14, reshape_14},
    {"ScatterElements", 11, scatter_11},
    {"DFT", 20, dft_20},
};

}  // namespace

std::span<const DownConverter> tensor_down_converters() { return kConverters; }

}  // namespace cycloid::onnx
