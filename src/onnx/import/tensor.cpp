// Shapes and the moving of elements, reductions.
#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

// The attribute `name` of old versions as input i.
Status ints_to_input(NodeEditor& edit, std::string_view name, std::size_t i) {
  CYCLOID_ASSIGN(const auto values, edit.take_ints(name));
  if (values) edit.set_input(i, edit.ints(name, *values));
  return {};
}

Status axes_to_input(NodeEditor& edit) { return ints_to_input(edit, "axes", 1); }
Status split_13(NodeEditor& edit) { return ints_to_input(edit, "split", 1); }

Status split_18(NodeEditor& edit) {
  if (!edit.has_input(1)) edit.set("num_outputs", static_cast<std::int64_t>(edit.node().outputs.size()));
  return {};
}

Status reshape_5(NodeEditor& edit) { return ints_to_input(edit, "shape", 1); }

Status slice_10(NodeEditor& edit) {
  if (!edit.has("starts") || !edit.has("ends")) return invalid_model("it needs the attributes starts and ends");
  CYCLOID_TRY(ints_to_input(edit, "starts", 1));
  CYCLOID_TRY(ints_to_input(edit, "ends", 2));
  return ints_to_input(edit, "axes", 3);
}

Status pad_2(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto pads, edit.take_ints("paddings"));
  if (pads) edit.set("pads", *pads);
  return {};
}

Status pad_11(NodeEditor& edit) {
  if (!edit.has("pads")) return invalid_model("it needs the attribute pads");
  CYCLOID_TRY(ints_to_input(edit, "pads", 1));
  CYCLOID_ASSIGN(const auto value, edit.take_float("value"));
  if (value && *value != 0) edit.set_input(2, edit.scalar_like("value", *value, 0));
  return {};
}

Status concat_4(NodeEditor& edit) {
  if (!edit.has("axis")) edit.set("axis", std::int64_t{1});
  return {};
}

Status topk_10(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto k, edit.take_int("k"));
  if (!k) return invalid_model("it needs the attribute k");
  edit.set_input(1, edit.ints("k", {&*k, 1}));
  return {};
}

// Before 6: `tiles` (a scalar) along `axis` (a scalar). From 6 on: how often along each axis.
Status tile_6(NodeEditor& edit) {
  const Tensor* tiles = edit.graph().constant(edit.input(1));
  const Tensor* axis = edit.graph().constant(edit.input(2));
  const auto rank = edit.rank(0);
  const auto is_number = [](const Tensor* x) {
    return x != nullptr && x->element_count() == 1 && (is_integer(x->dtype()) || x->dtype() == DType::kFloat32) &&
           bits_of(x->dtype()) >= 8;
  };
  if (!is_number(tiles) || !is_number(axis) || !rank) {
    return unsupported("Tile before opset 6 needs constant tiles and axis and a known rank");
  }
  const auto number = [](const Tensor& x) {
    return x.dtype() == DType::kFloat32 ? static_cast<std::int64_t>(x.data<float>()[0]) : to_int64s(x)[0];
  };
  std::vector<std::int64_t> repeats(static_cast<std::size_t>(*rank), 1);
  const std::int64_t at = number(*axis);
  if (at < 0 || at >= *rank) return invalid_model("axis {} is out of range for rank {}", at, *rank);
  repeats[static_cast<std::size_t>(at)] = number(*tiles);
  edit.set_inputs({edit.input(0), edit.ints("repeats", repeats)});
  return {};
}

Status scatter_11(NodeEditor& edit) {
  edit.graph().set_operator(edit.id(), "", "ScatterElements");
  return {};
}

// The axis of DFT was an attribute (1); it is an input whose default differs.
Status dft_20(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto axis, edit.take_int("axis"));
  edit.set_input(2, edit.constant("axis", Tensor::scalar(axis.value_or(1))));
  return {};
}

constexpr Converter kConverters[] = {
    {"ReduceSum", 13, axes_to_input},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Squeeze", 13, axes_to_input},
    {"Unsqueeze", 13, axes_to_input},
    {"Split", 13, split_13},
    {"Split", 18, split_18},
    {"Reshape", 5, reshape_5},
    {"Slice", 10, slice_10},
    {"Pad", 2, pad_2},
    {"Pad", 11, pad_11},
    {"Concat", 4, concat_4},
    {"TopK", 10, topk_10},
    {"Tile", 6, tile_6},
    {"Scatter", 11, scatter_11},
    {"DFT", 20, dft_20},
};

}  // namespace

std::span<const Converter> tensor_converters() { return kConverters; }

}  // namespace cycloid::onnx
