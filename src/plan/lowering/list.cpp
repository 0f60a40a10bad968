#include <algorithm>
#include <iterator>

#include "plan/lowering/lowering.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

struct Line {
  std::string_view op;
  Lower lower;
};

// Sorted by name.
constexpr Line kLines[] = {
    {"Abs", lower_unary},
    {"Add", lower_binary},
    {"AveragePool", lower_pool},
    {"BatchNormalization", lower_batch_normalization},
    {"Ceil", lower_unary},
    {"Clip", lower_unary},
    {"Concat", lower_concat},
    {"Conv", lower_conv},
    {"ConvTranspose", lower_conv_transpose},
    {"DepthToSpace", lower_depth_to_space},
    {"Div", lower_binary},
    {"Elu", lower_unary},
    {"Erf", lower_unary},
    {"Exp", lower_unary},
    {"Flatten", lower_view},
    {"Floor", lower_unary},
    {"Gelu", lower_unary},
    {"Gemm", lower_gemm},
    {"GlobalAveragePool", lower_pool},
    {"GlobalMaxPool", lower_pool},
    {"HardSigmoid", lower_unary},
    {"HardSwish", lower_unary},
    {"LRN", lower_lrn},
    {"LayerNormalization", lower_layer_normalization},
    {"LeakyRelu", lower_unary},
    {"Log", lower_unary},
    {"LogSoftmax", lower_softmax},
    {"MatMul", lower_matmul},
    {"Max", lower_binary},
    {"MaxPool", lower_pool},
    {"Min", lower_binary},
    {"Mish", lower_unary},
    {"Mul", lower_binary},
    {"Neg", lower_unary},
    {"PRelu", lower_prelu},
    {"Pad", lower_pad},
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
    {"Round", lower_unary},
    {"ScatterElements", lower_scatter_elements},
    {"Sigmoid", lower_unary},
    {"Sign", lower_unary},
    {"Slice", lower_slice},
    {"Softmax", lower_softmax},
    {"Softplus", lower_unary},
    {"Softsign", lower_unary},
    {"Split", lower_split},
    {"Sqrt", lower_unary},
    {"Squeeze", lower_view},
    {"Sub", lower_binary},
    {"Sum", lower_binary},
    {"Swish", lower_unary},
    {"Tanh", lower_unary},
    {"Transpose", lower_transpose},
    {"Unsqueeze", lower_view},
};

}  // namespace

Lower find_lowering(std::string_view domain, std::string_view op_type) {
  if (!domain.empty()) return nullptr;
  const auto at = std::ranges::lower_bound(kLines, op_type, {}, &Line::op);
  return at != std::end(kLines) && at->op == op_type ? at->lower : nullptr;
}

bool waits_for_user(const Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!node.domain.empty()) return false;
  if (node.op_type == "Transpose") return transpose_waits_for_binary(lowering, id);
  return node.op_type == "Clip" && clip_waits_for_scatter(lowering, id);
}

}  // namespace cycloid
