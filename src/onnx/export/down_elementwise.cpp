// Arithmetic, Clip, Cast, Softmax, and what the families share.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "onnx/export/down_converter.h"

namespace cycloid::onnx {
namespace {

// The one element of a constant as a float; nullopt for other types.
std::optional<float> as_float(const Tensor& tensor) {
  if (tensor.element_count() != 1) return std::nullopt;
  if (tensor.dtype() == DType::kFloat32) return tensor.data<float>()[0];
  if (tensor.dtype() == DType::kFloat64) return static_cast<float>(tensor.data<double>()[0]);
  if (tensor.dtype() == DType::kFloat16) return to_float(tensor.data<Float16>()[0]);
  return std::nullopt;
}

// From 11 on the bounds are inputs.
Status clip_11(NodeEditor& edit) {
  // Absent bounds meant float's limits before, which clip infinities.
  if (!edit.has_input(1) || !edit.has_input(2)) {
    if (edit.has_input(1)) {
      edit.replace_by(edit.add("Max", {edit.input(0), edit.input(1)}));
    } else if (edit.has_input(2)) {
      edit.replace_by(edit.add("Min", {edit.input(0), edit.input(2)}));
    } else {
      edit.replace_by(edit.input(0));
    }
    return {};
  }
  for (const auto& [i, name] : {std::pair<std::size_t, const char*>{1, "min"}, {2, "max"}}) {
    const Tensor* bound = edit.graph().constant(edit.input(i));
    const auto value = bound == nullptr ? std::nullopt : as_float(*bound);
    if (!value) {
      edit.replace_by(edit.add("Min", {edit.add("Max", {edit.input(0), edit.input(1)}), edit.input(2)}));
      return {};
    }
    edit.set(name, *value);
  }
  truncate_inputs(edit, 1);
  return {};
}

// Before 13 the axes from `axis` on are one.
Status softmax_13(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(edit.node(), "axis", -1));
  const auto rank = edit.rank(0);
  if (!rank) return unsupported("its input's rank is not known");
  const std::int64_t at = axis < 0 ? axis + *rank : axis;
  if (*rank == 0) return unsupported("its input is a scalar");
  const Shape& shape = *edit.types().of(edit.input(0)).shape;
  if (std::all_of(shape.begin() + at + 1, shape.end(), [](const Dim& dim) { return dim.is(1); })) {
    edit.set("axis", at);
    return {};
  }
  std::vector<std::int64_t> perm;
  for (std::int64_t i = 0; i < *rank; ++i) perm.push_back(i);
  std::swap(perm[static_cast<std::size_t>(at)], perm.back());
  const ValueId turned = edit.add("Transpose", {edit.input(0)}, {{"perm", perm}});
  const ValueId result = edit.add(edit.node().op_type, {turned}, {{"axis", *rank - 1}});
  edit.replace_by(edit.add("Transpose", {result}, {{"perm", perm}}));
  return {};
}

// Before 8 all inputs have the same shape.
Status same_shapes_8(NodeEditor& edit) {
  const ValueType& first = edit.types().of(edit.input(0));
  for (const ValueId input : edit.node().inputs) {
    const ValueType& type = edit.types().of(input);
    if (!first.shape || !type.shape || *type.shape != *first.shape) {
      return unsupported("before opset 8 its inputs need the same shape");
    }
  }
  return {};
}

Status cast_like_15(NodeEditor& edit) {
  const DType dtype = edit.dtype(1);
  if (dtype == DType::kUndefined) return unsupported("the element type of its second input is not known");
  edit.graph().set_operator(edit.id(), "", "Cast");
  truncate_inputs(edit, 1);
  edit.set("to", static_cast<std::int64_t>(dtype));
  return {};
}

// Before 28 the remainder of floats has the dividend's sign (fmod).
Status mod_28(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::int64_t fmod, get_int(edit.node(), "fmod", 0));
  if (fmod == 0 && !is_integer(edit.dtype(0))) return unsupported("a remainder of floats with the divisor's sign");
  return {};
}

constexpr DownConverter kConverters[] = {
    {"Mod", 28, mod_28},         {"Clip", 11, clip_11},
    {"Softmax", 13, softmax_13}, {"LogSoftmax", 13, softmax_13},
    {"Hardmax", 13, softmax_13}, {"Max", 8, same_shapes_8},
    {"Min", 8, same_shapes_8},   {"Sum", 8, same_shapes_8},
    {"Mean", 8, same_shapes_8},  {"CastLike", 15, cast_like_15},
};

bool is_zero(const NodeEditor&, const Attribute& value) {
  const auto* x = std::get_if<std::int64_t>(&value);
  return x != nullptr && *x == 0;
}
bool is_one(const NodeEditor&, const Attribute& value) {
  const auto* x = std::get_if<std::int64_t>(&value);
  return x != nullptr && *x == 1;
}
bool is_minus_one(const NodeEditor&, const Attribute& value) {
  const auto* x = std::get_if<std::int64_t>(&value);
  return x != nullptr && *x == -1;
}
bool all_ones(const NodeEditor&, const Attribute& value) {
  const auto* x = std::get_if<std::vector<std::int64_t>>(&value);
  return x != nullptr && std::ranges::all_of(*x, [](std::int64_t i) { return i == 1; });
}
bool any(const NodeEditor&, const Attribute&) { return true; }
bool is_text(const Attribute& value, std::string_view text) {
  const auto* x = std::get_if<std::string>(&value);
  return x != nullptr && *x == text;
}
bool is_none(const NodeEditor&, const Attribute& value) { return is_text(value, "none"); }
bool is_dcr(const NodeEditor&, const Attribute& value) { return is_text(value, "DCR"); }
bool is_up(const NodeEditor&, const Attribute& value) { return is_text(value, "up"); }
bool is_stretch(const NodeEditor&, const Attribute& value) { return is_text(value, "stretch"); }
bool is_output_half_pixel(const NodeEditor&, const Attribute& value) { return is_text(value, "output_half_pixel"); }
// Only casts to float8 ask for it.
bool no_float8(const NodeEditor& edit, const Attribute& value) {
  const auto to = get_int(edit.node(), "to", 0);
  return is_one(edit, value) || (to && (*to < 17 || *to > 20));
}
bool per_tensor(const NodeEditor& edit, const Attribute&) {
  const auto rank = edit.rank(1);
  if (rank == 0) return true;
  const ValueType& scale = edit.types().of(edit.input(1));
  return rank == 1 && (*scale.shape)[0].is(1);
}
// Without one (or empty) axes it asks for nothing to be reduced.
bool has_axes(const NodeEditor& edit, const Attribute& value) { return is_zero(edit, value) || edit.has_input(1); }

constexpr NewAttribute kNewAttributes[] = {
    {"ArgMax", "select_last_index", 12, is_zero},
    {"ArgMin", "select_last_index", 12, is_zero},
    {"Attention", "left_window_size", 25, is_minus_one},
    {"Attention", "right_window_size", 25, is_minus_one},
    {"AveragePool", "ceil_mode", 10, is_zero},
    {"AveragePool", "dilations", 19, all_ones},
    {"BatchNormalization", "training_mode", 14, is_zero},
    {"Cast", "saturate", 19, no_float8},
    {"Cast", "round_mode", 24, is_up},
    {"DepthToSpace", "mode", 11, is_dcr},
    {"DequantizeLinear", "axis", 13, per_tensor},
    {"DequantizeLinear", "block_size", 21, is_zero},
    {"DequantizeLinear", "output_dtype", 23, is_zero},
    {"Dropout", "seed", 12, any},
    {"GRU", "layout", 14, is_zero},
    {"GatherND", "batch_dims", 12, is_zero},
    {"GroupNormalization", "stash_type", 21, is_one},
    {"LSTM", "layout", 14, is_zero},
    {"LpPool", "ceil_mode", 18, is_zero},
    {"LpPool", "dilations", 18, all_ones},
    {"MaxPool", "ceil_mode", 10, is_zero},
    {"MaxPool", "dilations", 10, all_ones},
    {"MaxPool", "storage_order", 8, is_zero},
    {"QuantizeLinear", "axis", 13, per_tensor},
    {"QuantizeLinear", "block_size", 21, is_zero},
    {"QuantizeLinear", "output_dtype", 21, is_zero},
    {"QuantizeLinear", "precision", 23, is_zero},
    {"QuantizeLinear", "saturate", 19, is_one},
    {"RNN", "layout", 14, is_zero},
    {"Range", "stash_type", 27, any},
    {"ReduceL1", "noop_with_empty_axes", 18, has_axes},
    {"ReduceL2", "noop_with_empty_axes", 18, has_axes},
    {"ReduceLogSum", "noop_with_empty_axes", 18, has_axes},
    {"ReduceLogSumExp", "noop_with_empty_axes", 18, has_axes},
    {"ReduceMax", "noop_with_empty_axes", 18, has_axes},
    {"ReduceMean", "noop_with_empty_axes", 18, has_axes},
    {"ReduceMin", "noop_with_empty_axes", 18, has_axes},
    {"ReduceProd", "noop_with_empty_axes", 18, has_axes},
    {"ReduceSum", "noop_with_empty_axes", 13, has_axes},
    {"ReduceSumSquare", "noop_with_empty_axes", 18, has_axes},
    {"Reshape", "allowzero", 14, is_zero},
    {"Resize", "antialias", 18, is_zero},
    {"Resize", "keep_aspect_ratio_policy", 18, is_stretch},
    {"RoiAlign", "coordinate_transformation_mode", 16, is_output_half_pixel},
    {"ScatterElements", "reduction", 16, is_none},
    {"ScatterND", "reduction", 16, is_none},
    {"SpaceToDepth", "mode", 28, is_dcr},
    {"TopK", "largest", 11, is_one},
    {"TopK", "sorted", 11, any},
};

}  // namespace

Result<const Tensor*> constant_input(NodeEditor& edit, std::size_t i) {
  if (!edit.has_input(i)) return static_cast<const Tensor*>(nullptr);
  const Tensor* tensor = edit.graph().constant(edit.input(i));
  if (tensor == nullptr) return unsupported("its input {} is computed, and must be constant there", i);
  return tensor;
}

Result<const Tensor*> constant_integers(NodeEditor& edit, std::size_t i) {
  CYCLOID_ASSIGN(const Tensor* tensor, constant_input(edit, i));
  if (tensor != nullptr && (!is_integer(tensor->dtype()) || size_of(tensor->dtype()) == 0))
    return invalid_model("its input {} has elements of {}, and must have integers", i, to_string(tensor->dtype()));
  return tensor;
}

Status input_to_ints(NodeEditor& edit, std::size_t i, std::string_view name) {
  CYCLOID_ASSIGN(const Tensor* tensor, constant_integers(edit, i));
  if (tensor != nullptr) edit.set(std::string(name), to_int64s(*tensor));
  return {};
}

void truncate_inputs(NodeEditor& edit, std::size_t count) {
  std::vector<ValueId> inputs = edit.node().inputs;
  if (inputs.size() > count) inputs.resize(count);
  edit.set_inputs(std::move(inputs));
}

std::vector<std::int64_t> from_front(std::vector<std::int64_t> axes, std::optional<std::int64_t> rank) {
  for (std::int64_t& axis : axes) {
    if (axis < 0 && rank) axis += *rank;
  }
  return axes;
}

std::span<const DownConverter> elementwise_down_converters() { return kConverters; }
std::span<const NewAttribute> new_attributes() { return kNewAttributes; }

}  // namespace cycloid::onnx
