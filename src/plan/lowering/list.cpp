#include <algorithm>
#include <span>

#include "plan/lowering/attention.h"
#include "plan/lowering/control.h"
#include "plan/lowering/elements.h"
#include "plan/lowering/features.h"
#include "plan/lowering/gather.h"
#include "plan/lowering/lanes.h"
#include "plan/lowering/lowering.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/picks.h"
#include "plan/lowering/recurrent.h"
#include "plan/lowering/rotary.h"
#include "plan/lowering/trees.h"
#include "plan/lowering/vision.h"

namespace cycloid {
namespace {

struct Line {
  std::string_view op;
  Lower lower;
};

// Sorted by name.
constexpr Line kLines[] = {
    {"Abs", lower_unary},
    {"Acos", lower_unary},
    {"Acosh", lower_unary},
    {"Add", lower_binary},
    {"AffineGrid", lower_affine_grid},
    {"And", lower_elements},
    {"ArgMax", lower_arg},
    {"ArgMin", lower_arg},
    {"Asin", lower_unary},
    {"Asinh", lower_unary},
    {"Atan", lower_unary},
    {"Atanh", lower_unary},
    {"Attention", lower_attention},
    {"AveragePool", lower_pool},
    {"BatchNormalization", lower_batch_normalization},
    {"BitCast", lower_bit_cast},
    {"BitShift", lower_elements},
    {"BitwiseAnd", lower_elements},
    {"BitwiseNot", lower_elements1},
    {"BitwiseOr", lower_elements},
    {"BitwiseXor", lower_elements},
    {"Cast", lower_cast},
    {"CastLike", lower_cast},
    {"Ceil", lower_unary},
    {"Clip", lower_unary},
    {"Col2Im", lower_col2im},
    {"Compress", lower_compress},
    {"Concat", lower_concat},
    {"Conv", lower_conv},
    {"ConvInteger", lower_conv_integer},
    {"ConvTranspose", lower_conv_transpose},
    {"Cos", lower_unary},
    {"Cosh", lower_unary},
    {"CumProd", lower_cumulative_sum},
    {"CumSum", lower_cumulative_sum},
    {"DeformConv", lower_deform_conv},
    {"DepthToSpace", lower_depth_to_space},
    {"DequantizeLinear", lower_dequantize},
    {"Div", lower_binary},
    {"DynamicQuantizeLinear", lower_dynamic_quantize},
    {"Elu", lower_unary},
    {"Equal", lower_elements},
    {"Erf", lower_unary},
    {"Exp", lower_unary},
    {"Expand", lower_expand},
    {"Flatten", lower_view},
    {"Floor", lower_unary},
    {"GRU", lower_recurrent},
    {"Gather", lower_gather},
    {"GatherElements", lower_gather_elements},
    {"GatherND", lower_gather_nd},
    {"Gelu", lower_unary},
    {"Gemm", lower_gemm},
    {"GlobalAveragePool", lower_pool},
    {"GlobalMaxPool", lower_pool},
    {"Greater", lower_elements},
    {"GreaterOrEqual", lower_elements},
    {"GridSample", lower_grid_sample},
    {"GroupNormalization", lower_group_normalization},
    {"HardSigmoid", lower_unary},
    {"HardSwish", lower_unary},
    {"Hardmax", lower_hardmax},
    {"If", lower_if},
    {"InstanceNormalization", lower_group_normalization},
    {"IsNaN", lower_elements1},
    {"LRN", lower_lrn},
    {"LSTM", lower_recurrent},
    {"LayerNormalization", lower_layer_normalization},
    {"LeakyRelu", lower_unary},
    {"Less", lower_elements},
    {"LessOrEqual", lower_elements},
    {"Log", lower_unary},
    {"LogSoftmax", lower_softmax},
    {"Loop", lower_loop},
    {"LpPool", lower_lp_pool},
    {"MatMul", lower_matmul},
    {"MatMulInteger", lower_matmul_integer},
    {"Max", lower_binary},
    {"MaxPool", lower_pool},
    {"MaxRoiPool", lower_max_roi_pool},
    {"MaxUnpool", lower_max_unpool},
    {"Min", lower_binary},
    {"Mish", lower_unary},
    {"Mod", lower_elements},
    {"Mul", lower_binary},
    {"Neg", lower_unary},
    {"NonMaxSuppression", lower_non_max_suppression},
    {"NonZero", lower_non_zero},
    {"Not", lower_elements1},
    {"OneHot", lower_one_hot},
    {"Or", lower_elements},
    {"PRelu", lower_prelu},
    {"Pad", lower_pad},
    {"Pow", lower_pow},
    {"QLinearConv", lower_qlinear_conv},
    {"QLinearMatMul", lower_qlinear_matmul},
    {"QuantizeLinear", lower_quantize},
    {"RMSNormalization", lower_layer_normalization},
    {"RNN", lower_recurrent},
    {"Reciprocal", lower_unary},
    {"ReduceL1", lower_reduce},
    {"ReduceL2", lower_reduce},
    {"ReduceMax", lower_reduce},
    {"ReduceMean", lower_reduce},
    {"ReduceMin", lower_reduce},
    {"ReduceProd", lower_reduce},
    {"ReduceSum", lower_reduce},
    {"ReduceSumSquare", lower_reduce},
    {"Relu", lower_unary},
    {"Reshape", lower_view},
    {"Resize", lower_resize},
    {"ReverseSequence", lower_reverse_sequence},
    {"RoiAlign", lower_roi_align},
    {"RotaryEmbedding", lower_rotary_embedding},
    {"Round", lower_unary},
    {"Scan", lower_scan},
    {"ScatterElements", lower_scatter},
    {"ScatterND", lower_scatter},
    {"Sigmoid", lower_unary},
    {"Sign", lower_unary},
    {"Sin", lower_unary},
    {"Sinh", lower_unary},
    {"Slice", lower_slice},
    {"Softmax", lower_softmax},
    {"Softplus", lower_unary},
    {"Softsign", lower_unary},
    {"SpaceToDepth", lower_depth_to_space},
    {"Split", lower_split},
    {"Sqrt", lower_unary},
    {"Squeeze", lower_view},
    {"Sub", lower_binary},
    {"Sum", lower_binary},
    {"Swish", lower_unary},
    {"Tan", lower_unary},
    {"Tanh", lower_unary},
    {"TfIdfVectorizer", lower_tf_idf},
    {"ThresholdedRelu", lower_thresholded_relu},
    {"Tile", lower_tile},
    {"TopK", lower_top_k},
    {"Transpose", lower_transpose},
    {"Unique", lower_unique},
    {"Unsqueeze", lower_view},
    {"Where", lower_where},
    {"Xor", lower_elements},
};

// Of ai.onnx.ml, sorted by name.
constexpr Line kMlLines[] = {
    {"LabelEncoder", lower_label_encoder},
    {"LinearClassifier", lower_linear},
    {"LinearRegressor", lower_linear},
    {"Normalizer", lower_normalizer},
    {"SVMClassifier", lower_svm},
    {"SVMRegressor", lower_svm},
    {"Scaler", lower_scaler},
    {"TreeEnsemble", lower_trees},
    {"TreeEnsembleClassifier", lower_trees},
    {"TreeEnsembleRegressor", lower_trees},
};

// Of com.microsoft; sorted too.
constexpr Line kMicrosoftLines[] = {
    {"DequantizeLinear", lower_dequantize},
    {"DynamicQuantizeLSTM", lower_dynamic_quantize_lstm},
    {"DynamicQuantizeMatMul", lower_dynamic_quantize_matmul},
    {"GroupQueryAttention", lower_group_query_attention},
    {"MatMulIntegerToFloat", lower_matmul_integer_to_float},
    {"MatMulNBits", lower_matmul_nbits},
    {"QGemm", lower_qgemm},
    {"QLinearAdd", lower_qlinear_binary},
    {"QLinearConcat", lower_qlinear_concat},
    {"QLinearGlobalAveragePool", lower_qlinear_global_pool},
    {"QLinearLeakyRelu", lower_qlinear_unary},
    {"QLinearMul", lower_qlinear_binary},
    {"QLinearSigmoid", lower_qlinear_unary},
    {"QLinearSoftmax", lower_qlinear_softmax},
    {"QLinearWhere", lower_qlinear_where},
    {"QuantizeLinear", lower_quantize},
    {"RotaryEmbedding", lower_microsoft_rotary_embedding},
};

Lower find(std::span<const Line> lines, std::string_view op_type) {
  const auto at = std::ranges::lower_bound(lines, op_type, {}, &Line::op);
  return at != lines.end() && at->op == op_type ? at->lower : nullptr;
}

}  // namespace

Lower find_lowering(std::string_view domain, std::string_view op_type) {
  if (domain.empty()) return find(kLines, op_type);
  if (domain == "ai.onnx.ml") return find(kMlLines, op_type);
  return domain == "com.microsoft" ? find(kMicrosoftLines, op_type) : nullptr;
}

bool waits_for_user(const Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!node.domain.empty()) return false;
  if (node.op_type == "Transpose") return transpose_waits_for_binary(lowering, id);
  return node.op_type == "Clip" && clip_waits_for_scatter(lowering, id);
}

}  // namespace cycloid
