// Expansions: operators that an older operator set lacks, in operators of the normal form. The bodies follow the definitions in
// ONNX's operator reference.
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "graph/splice.h"
#include "onnx/export/down_converter.h"
#include "onnx/export/expand_attention.h"

namespace cycloid::onnx {
namespace {

Status only_output_0(NodeEditor& edit) {
  for (std::size_t i = 1; i < edit.node().outputs.size(); ++i) {
    const ValueId output = edit.node().outputs[i];
    if (output.valid() && !edit.graph().is_dead(output)) return unsupported("its output {} is used", i);
  }
  edit.graph().drop_outputs(edit.id(), 1);
  return {};
}

ValueId add_one(NodeEditor& edit, ValueId x) { return edit.add("Add", {x, edit.scalar_like("one", 1, 0)}); }

Status gelu(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string approximate, get_string(edit.node(), "approximate", "none"));
  const ValueId x = edit.input(0);
  ValueId inner;
  if (approximate == "tanh") {
    const ValueId cube = edit.add("Mul", {edit.add("Mul", {x, x}), x});
    const ValueId sum = edit.add("Add", {x, edit.add("Mul", {cube, edit.scalar_like("c", 0.044715, 0)})});
    const double root = std::sqrt(2 * std::numbers::inv_pi);
    inner = edit.add("Tanh", {edit.add("Mul", {sum, edit.scalar_like("root", root, 0)})});
  } else {
    inner = edit.add("Erf", {edit.add("Div", {x, edit.scalar_like("root2", std::numbers::sqrt2, 0)})});
  }
  const ValueId half = edit.add("Mul", {x, edit.scalar_like("half", 0.5, 0)});
  edit.replace_by(edit.add("Mul", {half, add_one(edit, inner)}));
  return {};
}

Status swish(NodeEditor& edit) {
  CYCLOID_ASSIGN(const float alpha, get_float(edit.node(), "alpha", 1));
  const ValueId x = edit.input(0);
  const ValueId scaled = alpha == 1 ? x : edit.add("Mul", {x, edit.scalar_like("alpha", alpha, 0)});
  edit.replace_by(edit.add("Mul", {x, edit.add("Sigmoid", {scaled})}));
  return {};
}

Status mish(NodeEditor& edit) {
  const ValueId x = edit.input(0);
  edit.replace_by(edit.add("Mul", {x, edit.add("Tanh", {edit.add("Softplus", {x})})}));
  return {};
}

Status hard_swish(NodeEditor& edit) {
  const ValueId x = edit.input(0);
  edit.replace_by(edit.add("Mul", {x, edit.add("HardSigmoid", {x}, {{"alpha", 1.0F / 6}, {"beta", 0.5F}})}));
  return {};
}

Status celu(NodeEditor& edit) {
  CYCLOID_ASSIGN(const float alpha, get_float(edit.node(), "alpha", 1));
  const ValueId factor = edit.scalar_like("alpha", alpha, 0);
  const ValueId elu = edit.add("Elu", {edit.add("Div", {edit.input(0), factor})});
  edit.replace_by(edit.add("Mul", {elu, factor}));
  return {};
}

Status greater_or_equal(NodeEditor& edit) {
  const ValueId a = edit.input(0);
  const ValueId b = edit.input(1);
  edit.replace_by(edit.add("Or", {edit.add("Greater", {a, b}), edit.add("Equal", {a, b})}));
  return {};
}
Status less_or_equal(NodeEditor& edit) {
  const ValueId a = edit.input(0);
  const ValueId b = edit.input(1);
  edit.replace_by(edit.add("Or", {edit.add("Less", {a, b}), edit.add("Equal", {a, b})}));
  return {};
}

// The axes from `axis` to the last, counted from the back where that needs no rank.
Result<std::vector<std::int64_t>> last_axes(const NodeEditor& edit) {
  CYCLOID_ASSIGN(std::int64_t axis, get_int(edit.node(), "axis", -1));
  if (axis >= 0) {
    const auto rank = edit.rank(0);
    if (!rank) return unsupported("its input's rank is not known");
    axis -= *rank;
  }
  std::vector<std::int64_t> axes;
  for (; axis < 0; ++axis) axes.push_back(axis);
  return axes;
}

// Statistics are computed in float (stash_type).
class Stash {
 public:
  explicit Stash(NodeEditor& edit) : edit_(edit), dtype_(edit.dtype(0)) {}
  Status check() const {
    if (dtype_ == DType::kUndefined) return unsupported("its element type is not known");
    CYCLOID_ASSIGN(const std::int64_t type, get_int(edit_.node(), "stash_type", 1));
    return type == 1 ? Status() : Status(unsupported("its stash_type is {}", type));
  }
  bool casts() const { return dtype_ == DType::kFloat16 || dtype_ == DType::kBFloat16; }
  ValueId in(ValueId x) const { return casts() ? cast(x, DType::kFloat32) : x; }
  ValueId out(ValueId x) const { return casts() ? cast(x, dtype_) : x; }
  ValueId scalar(const char* name, double value) const {
    return dtype_ == DType::kFloat64 ? edit_.constant(name, Tensor::scalar(value))
                                     : edit_.constant(name, Tensor::scalar(static_cast<float>(value)));
  }

 private:
  ValueId cast(ValueId x, DType to) const { return edit_.add("Cast", {x}, {{"to", static_cast<std::int64_t>(to)}}); }
  NodeEditor& edit_;
  DType dtype_;
};

// x / sqrt(mean(x^2) + epsilon) over the axes.
ValueId by_root_mean_square(NodeEditor& edit, const Stash& stash, ValueId x, const std::vector<std::int64_t>& axes,
                            float epsilon) {
  const ValueId square = edit.add("Mul", {x, x});
  const ValueId mean = edit.add("ReduceMean", {square, edit.ints("axes", axes)}, {{"keepdims", std::int64_t{1}}});
  return edit.add("Div", {x, edit.add("Sqrt", {edit.add("Add", {mean, stash.scalar("epsilon", epsilon)})})});
}

Status layer_normalization(NodeEditor& edit) {
  CYCLOID_TRY(only_output_0(edit));
  const Stash stash(edit);
  CYCLOID_TRY(stash.check());
  CYCLOID_ASSIGN(const auto axes, last_axes(edit));
  CYCLOID_ASSIGN(const float epsilon, get_float(edit.node(), "epsilon", 1e-5F));
  const ValueId x = stash.in(edit.input(0));
  const ValueId mean = edit.add("ReduceMean", {x, edit.ints("axes", axes)}, {{"keepdims", std::int64_t{1}}});
  const ValueId normal = by_root_mean_square(edit, stash, edit.add("Sub", {x, mean}), axes, epsilon);
  ValueId y = edit.add("Mul", {stash.out(normal), edit.input(1)});
  if (edit.has_input(2)) y = edit.add("Add", {y, edit.input(2)});
  edit.replace_by(y);
  return {};
}

Status rms_normalization(NodeEditor& edit) {
  const Stash stash(edit);
  CYCLOID_TRY(stash.check());
  CYCLOID_ASSIGN(const auto axes, last_axes(edit));
  CYCLOID_ASSIGN(const float epsilon, get_float(edit.node(), "epsilon", 1e-5F));
  const ValueId normal = by_root_mean_square(edit, stash, stash.in(edit.input(0)), axes, epsilon);
  edit.replace_by(edit.add("Mul", {stash.out(normal), edit.input(1)}));
  return {};
}

// The channels of a group are normalised together: as instances of one channel each.
Status group_normalization(NodeEditor& edit) {
  const Stash stash(edit);
  CYCLOID_TRY(stash.check());
  CYCLOID_ASSIGN(const std::int64_t groups, get_int(edit.node(), "num_groups", 0));
  CYCLOID_ASSIGN(const float epsilon, get_float(edit.node(), "epsilon", 1e-5F));
  const auto rank = edit.rank(0);
  if (!rank) return unsupported("its input's rank is not known");
  const std::int64_t grouped[] = {0, groups, -1};
  std::vector<std::int64_t> channels(static_cast<std::size_t>(*rank - 1), 1);
  channels[0] = -1;
  const ValueId shape = edit.add("Shape", {edit.input(0)});
  const ValueId x = edit.add("Reshape", {stash.in(edit.input(0)), edit.ints("groups", grouped)});
  const std::vector<std::int64_t> axes = {2};
  const ValueId mean = edit.add("ReduceMean", {x, edit.ints("axes", axes)}, {{"keepdims", std::int64_t{1}}});
  const ValueId normal = by_root_mean_square(edit, stash, edit.add("Sub", {x, mean}), axes, epsilon);
  const ValueId whole = edit.add("Reshape", {stash.out(normal), shape});
  const ValueId scale = edit.add("Reshape", {edit.input(1), edit.ints("channels", channels)});
  const ValueId bias = edit.add("Reshape", {edit.input(2), edit.ints("channels", channels)});
  edit.replace_by(edit.add("Add", {edit.add("Mul", {whole, scale}), bias}));
  return {};
}

Status mean_variance_normalization(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto axes, get_ints(edit.node(), "axes", {0, 2, 3}));
  const ValueId x = edit.input(0);
  const auto mean_of = [&](ValueId of) {
    return edit.add("ReduceMean", {of, edit.ints("axes", axes)}, {{"keepdims", std::int64_t{1}}});
  };
  const ValueId centred = edit.add("Sub", {x, mean_of(x)});
  const ValueId deviation = edit.add("Sqrt", {mean_of(edit.add("Mul", {centred, centred}))});
  edit.replace_by(edit.add("Div", {centred, edit.add("Add", {deviation, edit.scalar_like("epsilon", 1e-9, 0)})}));
  return {};
}

constexpr DownConverter kExpansions[] = {
    {"Gelu", 20, gelu},
    {"Swish", 24, swish},
    {"Mish", 18, mish},
    {"HardSwish", 14, hard_swish},
    {"Celu", 12, celu},
    {"GreaterOrEqual", 12, greater_or_equal},
    {"LessOrEqual", 12, less_or_equal},
    {"LayerNormalization", 17, layer_normalization},
    {"RMSNormalization", 23, rms_normalization},
    {"GroupNormalization", 21, group_normalization},
    {"MeanVarianceNormalization", 9, mean_variance_normalization},
    {"Attention", 23, expand_attention},
    {"RotaryEmbedding", 23, expand_rotary_embedding},
};

}  // namespace

std::span<const DownConverter> expansions() { return kExpansions; }

}  // namespace cycloid::onnx
