// Normalisation, pooling, dropout, recurrence, sampling of images by position.
#include <cmath>

#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

bool used(const NodeEditor& edit, const Graph& graph, std::size_t output) {
  const auto& outputs = edit.node().outputs;
  return output < outputs.size() && outputs[output].valid() && !graph.is_dead(outputs[output]);
}

// The outputs from 1 on (statistics, which only training makes) must not be used.
Status drop_statistics(NodeEditor& edit) {
  for (std::size_t i = 1; i < edit.node().outputs.size(); ++i) {
    if (used(edit, edit.graph(), i)) return unsupported("its training form (output {} is used) is not supported", i);
  }
  edit.graph().drop_outputs(edit.id(), 1);
  return {};
}

// Before 9, spatial = 0: statistics per element of an instance, not per channel. Elementwise, all shapes broadcast.
Status per_element(NodeEditor& edit) {
  CYCLOID_ASSIGN(const float epsilon, get_float(edit.node(), "epsilon", 1e-5F));
  const ValueId centred = edit.add("Sub", {edit.input(0), edit.input(3)});
  const ValueId variance = edit.add("Add", {edit.input(4), edit.scalar_like("epsilon", epsilon, 4)});
  const ValueId normal = edit.add("Div", {centred, edit.add("Sqrt", {variance})});
  const ValueId scaled = edit.add("Mul", {normal, edit.input(1)});
  edit.replace_by(edit.add("Add", {scaled, edit.input(2)}));
  return {};
}

// Versions before 7 say by is_test whether they train; files of that time leave it out and mean inference all the same
// where only the first output is asked for, as the operator's own text has it.
Status batch_normalization_14(NodeEditor& edit) {
  CYCLOID_TRY(drop_statistics(edit));
  edit.drop("is_test");
  CYCLOID_ASSIGN(const auto spatial, edit.take_int("spatial"));
  if (spatial.value_or(1) != 0) return {};
  const auto rank = edit.rank(1);
  const auto x = edit.rank(0);
  if ((rank && *rank <= 1 && x && *x <= 2)) return {};
  for (std::size_t i = 0; i < 5; ++i) {
    if (!edit.has_input(i)) return invalid_model("it needs 5 inputs");
  }
  return per_element(edit);
}

// From 12 on ratio and training_mode are inputs, and absence means inference. Before 10 the mask was of the data's
// type.
Status dropout_12(NodeEditor& edit) {
  edit.drop("is_test");
  edit.drop("ratio");
  if (edit.version() >= 10 || !used(edit, edit.graph(), 1)) return {};
  return unsupported("the mask (output 1) of Dropout before opset 10 is not supported");
}

Status gemm_7(NodeEditor& edit) {
  edit.drop("broadcast");
  return {};
}

// Before 2 the norm of LpPool and GlobalLpPool was a float.
Status lp_2(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto p, edit.take_float("p"));
  if (!p) return {};
  if (*p != std::floor(*p) || *p < 1 || *p > 1e6F) return unsupported("a norm of p = {}", *p);
  edit.set("p", static_cast<std::int64_t>(*p));
  return {};
}

// Before 7 output_sequence asked for output 0; now its use does.
Status recurrent_7(NodeEditor& edit) {
  edit.drop("output_sequence");
  return {};
}

// Before 16 boxes were not shifted by half a pixel.
Status roi_align_16(NodeEditor& edit) {
  edit.set("coordinate_transformation_mode", std::string("output_half_pixel"));
  return {};
}

Status grid_sample_20(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "mode", "bilinear"));
  if (mode == "bilinear") edit.set("mode", std::string("linear"));
  if (mode == "bicubic") edit.set("mode", std::string("cubic"));
  return {};
}

// Before 21 scale and bias were per group; now they are per channel: each group's is repeated for its channels.
Status group_normalization_21(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::int64_t groups, get_int(edit.node(), "num_groups", 0));
  if (groups < 1) return invalid_model("it needs the attribute num_groups, of 1 or more");
  const std::int64_t column[] = {groups, 1};
  const std::int64_t all[] = {-1};
  const ValueId channels = edit.add("Shape", {edit.input(0)}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}});
  const ValueId count = edit.ints("groups", {&groups, 1});
  const ValueId each = edit.add("Concat", {count, edit.add("Div", {channels, count})}, {{"axis", std::int64_t{0}}});
  for (const std::size_t i : {1U, 2U}) {
    const ValueId values = edit.add("Reshape", {edit.input(i), edit.ints("column", column)});
    edit.set_input(i, edit.add("Reshape", {edit.add("Expand", {values, each}), edit.ints("all", all)}));
  }
  return {};
}

constexpr Converter kConverters[] = {
    {"BatchNormalization", 14, batch_normalization_14},
    {"Dropout", 12, dropout_12},
    {"Gemm", 7, gemm_7},
    {"LpPool", 2, lp_2},
    {"GlobalLpPool", 2, lp_2},
    {"RNN", 7, recurrent_7},
    {"GRU", 7, recurrent_7},
    {"LSTM", 7, recurrent_7},
    {"RoiAlign", 16, roi_align_16},
    {"GridSample", 20, grid_sample_20},
    {"GroupNormalization", 21, group_normalization_21},
};

}  // namespace

std::span<const Converter> nn_converters() { return kConverters; }

}  // namespace cycloid::onnx
