// Operators that are several others in one, as optimised exports contain them:
//
// Gelu, BiasGelu, FastGelu (com.microsoft)         =>  Add, Gelu
// QuickGelu                                        =>  x * Sigmoid(alpha * x)
// SkipLayerNormalization                           =>  Add, Add, LayerNormalization
// SimplifiedLayerNormalization, the one with Skip  =>  Add, Add, RMSNormalization
// and those of expand_attention.cpp, expand_einsum.cpp, expand_elementwise.cpp, expand_features.cpp, expand_nbits.cpp,
// expand_products.cpp, expand_scores.cpp, expand_signal.cpp, expand_typed.cpp, expand_wider.cpp and expand_windows.cpp.
//
// What has no such form stays.
#include "plan/fusion/expand_composites.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"
#include "plan/fusion/fusion.h"

namespace cycloid {
namespace {

void expand_gelu(Expanding& e) {
  const Node& node = e.node();
  if (!e.usable(node.inputs[0])) return;
  const Dims shape = *e.dims(node.inputs[0]);
  ValueId x = node.inputs[0];
  if (e.input(1).valid()) x = e.add("Add", {x, node.inputs[1]}, shape);
  Attributes attributes;
  if (node.op_type == "FastGelu") attributes["approximate"] = std::string("tanh");
  e.give(0, e.add("Gelu", {x}, shape, std::move(attributes)));
  e.done();
}

void expand_quick_gelu(Expanding& e) {
  const Node& node = e.node();
  const Result<float> alpha = get_float(node, "alpha", 1.702F);
  if (!e.usable(node.inputs[0]) || !alpha) return;
  const ValueId x = node.inputs[0];
  const Dims shape = *e.dims(x);
  const ValueId scaled = e.add("Mul", {x, e.number(static_cast<double>(*alpha), e.dtype(x))}, shape);
  e.give(0, e.add("Mul", {x, e.add("Sigmoid", {scaled}, shape)}, shape));
  e.done();
}

Attributes row_attributes(float epsilon) { return {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}}; }

void expand_simplified(Expanding& e) {
  const Node& node = e.node();
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5F);
  const Result<std::int64_t> axis = get_int(node, "axis", -1);
  const auto shape = e.dims(node.inputs[0]), scale = e.dims(node.inputs[1]);
  if (!epsilon || !axis || !shape || !scale || !e.only_first_output() || !e.usable(node.inputs[0])) return;
  const auto rank = static_cast<std::int64_t>(shape->size());
  if (*axis != -1 && *axis != rank - 1) return;
  if (scale->size() != 1 || e.dtype(node.inputs[1]) != e.dtype(node.inputs[0])) return;
  e.give(0, e.add("RMSNormalization", {node.inputs[0], node.inputs[1]}, *shape, row_attributes(*epsilon)));
  e.done();
}

void expand_skip(Expanding& e) {
  const Node& node = e.node();
  const bool centre = node.op_type == "SkipLayerNormalization";
  const Result<float> epsilon = get_float(node, "epsilon", 1e-12F);
  const auto shape = e.dims(node.inputs[0]);
  if (!epsilon || !shape || !e.usable(node.inputs[0]) || !e.dims(node.inputs[1])) return;
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (i != 3 && node.outputs[i].valid()) return;
  }
  const ValueId bias = e.input(centre ? 4 : 3), shift = centre ? e.input(3) : ValueId{};
  ValueId sum = e.add("Add", {node.inputs[0], node.inputs[1]}, *shape);
  if (bias.valid()) sum = e.add("Add", {sum, bias}, *shape);
  std::vector<ValueId> inputs = {sum, node.inputs[2]};
  if (shift.valid()) inputs.push_back(shift);
  e.give(0, e.add(centre ? "LayerNormalization" : "RMSNormalization", std::move(inputs), *shape,
                  row_attributes(*epsilon)));
  if (e.wants(3)) e.give(3, sum);
  e.done();
}

struct Line {
  std::string_view domain, op;
  void (*expand)(Expanding&);
};

constexpr std::string_view kMicrosoft = "com.microsoft";
constexpr std::string_view kMl = "ai.onnx.ml";
constexpr Line kLines[] = {
    {"", "ArgMax", expand_to_wider},
    {"", "ArgMin", expand_to_wider},
    {"", "Attention", expand_attention_scores},
    {"", "BatchNormalization", expand_batch_normalization},
    {"", "Celu", expand_celu},
    {"", "CenterCropPad", expand_center_crop_pad},
    {"", "Clip", expand_clip},
    {"", "Col2Im", expand_col2im},
    {"", "ConvTranspose", expand_conv_transpose},
    {"", "DFT", expand_dft},
    {"", "Einsum", expand_einsum},
    {"", "DequantizeLinear", expand_dequantize},
    {"", "EyeLike", expand_eye_like},
    {"", "GlobalAveragePool", expand_global_pool},
    {"", "GlobalLpPool", expand_global_lp_pool},
    {"", "GlobalMaxPool", expand_global_pool},
    {"", "IsInf", expand_is_inf},
    {"", "LayerNormalization", expand_layer_normalization},
    {"", "LogSoftmax", expand_softmax},
    {"", "LpNormalization", expand_lp_normalization},
    {"", "LpPool", expand_lp_pool},
    {"", "Mean", expand_mean},
    {"", "MeanVarianceNormalization", expand_mean_variance},
    {"", "QuantizeLinear", expand_quantize},
    {"", "ReduceL1", expand_to_signed},
    {"", "ReduceLogSum", expand_reduce_log_sum},
    {"", "ReduceLogSumExp", expand_reduce_log_sum_exp},
    {"", "ReduceMax", expand_to_wider},
    {"", "ReduceMin", expand_to_wider},
    {"", "ReduceProd", expand_to_signed},
    {"", "ReduceSum", expand_to_signed},
    {"", "ReduceSumSquare", expand_to_signed},
    {"", "Relu", expand_relu},
    {"", "Selu", expand_selu},
    {"", "SimplifiedLayerNormalization", expand_simplified},
    {"", "STFT", expand_stft},
    {"", "Softmax", expand_softmax},
    {"", "Shrink", expand_shrink},
    {"", "TopK", expand_to_wider},
    {"", "Trilu", expand_trilu},
    {kMl, "ArrayFeatureExtractor", expand_array_feature_extractor},
    {kMl, "Binarizer", expand_binarizer},
    {kMl, "FeatureVectorizer", expand_feature_vectorizer},
    {kMl, "Imputer", expand_imputer},
    {kMl, "OneHotEncoder", expand_one_hot_encoder},
    {kMicrosoft, "Attention", expand_attention},
    {kMicrosoft, "BiasGelu", expand_gelu},
    {kMicrosoft, "EmbedLayerNormalization", expand_embed_layer_normalization},
    {kMicrosoft, "FastGelu", expand_gelu},
    {kMicrosoft, "FusedConv", expand_fused_conv},
    {kMicrosoft, "FusedGemm", expand_fused_gemm},
    {kMicrosoft, "FusedMatMul", expand_fused_matmul},
    {kMicrosoft, "Gelu", expand_gelu},
    {kMicrosoft, "MatMulNBits", expand_matmul_nbits},
    {kMicrosoft, "MultiHeadAttention", expand_multi_head_attention},
    {kMicrosoft, "QAttention", expand_qattention},
    {kMicrosoft, "QuickGelu", expand_quick_gelu},
    {kMicrosoft, "SimplifiedLayerNormalization", expand_simplified},
    {kMicrosoft, "SkipLayerNormalization", expand_skip},
    {kMicrosoft, "SkipSimplifiedLayerNormalization", expand_skip},
};

const Line* line_of(std::string_view domain, std::string_view op_type) {
  const Line* const line =
      std::ranges::find_if(kLines, [&](const Line& l) { return l.domain == domain && l.op == op_type; });
  return line == std::end(kLines) ? nullptr : line;
}

}  // namespace

bool takes_apart(std::string_view domain, std::string_view op_type) { return line_of(domain, op_type) != nullptr; }

void expand_composites(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    const Line* line = line_of(graph.node(id).domain, graph.node(id).op_type);
    if (line == nullptr) continue;
    Expanding expanding(graph, id);
    line->expand(expanding);
  }
  graph.remove_dead();
}

}  // namespace cycloid
