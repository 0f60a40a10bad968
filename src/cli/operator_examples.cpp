#include "cli/operator_examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <utility>
#include <vector>

#include "graph/text.h"
#include "ops/op.h"
#include "plan/plan.h"
#include "tensor/tensor.h"

namespace cycloid {
namespace {

// Operators of one form; @ stands for their names.
constexpr std::string_view kOne[] = {"Abs",
                                     "Acos",
                                     "Acosh",
                                     "ArgMax",
                                     "ArgMin",
                                     "Asin",
                                     "Asinh",
                                     "Atan",
                                     "Atanh",
                                     "BitwiseNot",
                                     "Ceil",
                                     "Celu",
                                     "Cos",
                                     "Cosh",
                                     "Dropout",
                                     "Elu",
                                     "Erf",
                                     "Exp",
                                     "Flatten",
                                     "Floor",
                                     "Gelu",
                                     "GlobalAveragePool",
                                     "GlobalLpPool",
                                     "GlobalMaxPool",
                                     "HardSigmoid",
                                     "HardSwish",
                                     "Hardmax",
                                     "Identity",
                                     "IsInf",
                                     "IsNaN",
                                     "LeakyRelu",
                                     "Log",
                                     "LogSoftmax",
                                     "LpNormalization",
                                     "MeanVarianceNormalization",
                                     "Mish",
                                     "Neg",
                                     "NonZero",
                                     "Not",
                                     "Reciprocal",
                                     "Relu",
                                     "Round",
                                     "Selu",
                                     "Shape",
                                     "Shrink",
                                     "Sigmoid",
                                     "Sign",
                                     "Sin",
                                     "Sinh",
                                     "Size",
                                     "Softmax",
                                     "Softplus",
                                     "Softsign",
                                     "Sqrt",
                                     "Swish",
                                     "Tan",
                                     "Tanh",
                                     "ThresholdedRelu",
                                     "Transpose",
                                     "Trilu",
                                     "Unique",
                                     "com.microsoft.FastGelu",
                                     "com.microsoft.Gelu",
                                     "com.microsoft.QuickGelu"};
constexpr std::string_view kTwo[] = {
    "Add",  "And",         "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "Max",        "Mean",      "Min",        "Mod", "Mul",   "Or",      "PRelu",
    "Pow",  "Sub",         "Sum",        "Xor"};
constexpr std::string_view kReduce[] = {"ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
                                        "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
                                        "ReduceSum", "ReduceSumSquare"};
constexpr std::string_view kBlocks[] = {"DepthToSpace", "SpaceToDepth"};

struct Form {
  std::span<const std::string_view> ops;
  std::string_view text;
};
constexpr Form kForms[] = {
    {kOne, "g ($[2,4,4,8] x) => (y) { y = @ (x) }"},
    {kTwo, "g ($[2,4,4,8] x, $[4,8] z) => (y) { y = @ (x, z) }"},
    {kReduce, "g ($[2,4,8] x, int64[1] A) => (y) { y = @ (x, A) }"},
    {kBlocks, "g ($[1,8,4,4] x) => (y) { y = @ <blocksize=2> (x) }"},
};

// Those with a form of their own.
struct Line {
  std::string_view op;  // with its domain where that is not ai.onnx
  std::string_view text;
};
constexpr Line kOwn[] = {
    {"AffineGrid", "g ($[2,2,3] t) => (y) <int64[4] s = {2, 4, 6, 8}> { y = AffineGrid (t, s) }"},
    {"Attention", "g ($[1,2,4,8] q, $[1,2,6,8] k, $[1,2,6,8] v) => (y) { y = Attention (q, k, v) }"},
    {"AveragePool", "g ($[1,4,6,6] x) => (y) { y = AveragePool <kernel_shape=[2,2]> (x) }"},
    {"BatchNormalization",
     "g ($[2,4,6,8] x, $[4] S, $[4] B, $[4] M, $[4] V) => (y) { y = BatchNormalization (x, S, B, M, V) }"},
    {"BitCast", "g ($[4,8] x) => (y) { y = BitCast <to=~> (x) }"},
    {"BitShift", "g ($[4,8] x, $[8] z) => (y) { y = BitShift <direction=\"LEFT\"> (x, z) }"},
    {"Cast", "g ($[4,8] x) => (y) { y = Cast <to=1> (x) }"},
    {"CastLike", "g ($[4,8] x, float[1] L) => (y) { y = CastLike (x, L) }"},
    {"CenterCropPad", "g ($[4,8] x) => (y) <int64[2] n = {6, 5}> { y = CenterCropPad (x, n) }"},
    {"Clip", "g ($[4,8] x, $ L, $ H) => (y) { y = Clip (x, L, H) }"},
    {"Col2Im", "g ($[1,16,9] x) => (y) <int64[2] n = {4, 4}, int64[2] k = {2, 2}> { y = Col2Im (x, n, k) }"},
    {"Compress", "g ($[4,8] x, bool[4] c) => (y) { y = Compress <axis=0> (x, c) }"},
    {"Concat", "g ($[4,8] x, $[2,8] z) => (y) { y = Concat <axis=0> (x, z) }"},
    {"Constant", "g () => (y) { y = Constant <value=$[1] {1}> () }"},
    {"ConstantOfShape", "g ($[2] S) => (y) { y = ConstantOfShape (S) }"},
    {"Conv", "g ($[1,4,6,6] x, $[4,4,3,3] W) => (y) { y = Conv (x, W) }"},
    {"ConvInteger", "g ($[1,4,6,6] x, int8[4,4,3,3] W) => (y) { y = ConvInteger (x, W) }"},
    {"ConvTranspose", "g ($[1,4,6,6] x, $[4,4,3,3] W) => (y) { y = ConvTranspose (x, W) }"},
    {"CumProd", "g ($[4,8] x, int64 A) => (y) { y = CumProd (x, A) }"},
    {"CumSum", "g ($[4,8] x, int64 A) => (y) { y = CumSum (x, A) }"},
    {"DFT", "g ($[2,8,1] x, int64 A) => (y) { y = DFT (x, , A) }"},
    {"DeformConv", "g ($[1,4,6,6] x, $[4,4,1,1] W, $[1,2,6,6] o) => (y) { y = DeformConv (x, W, o) }"},
    {"DequantizeLinear", "g ($[4,8] x, float S) => (y) { y = DequantizeLinear (x, S) }"},
    {"DynamicQuantizeLinear", "g ($[4,8] x) => (y, s, z) { y, s, z = DynamicQuantizeLinear (x) }"},
    {"Einsum", "g ($[4,8] x, $[8,6] z) => (y) { y = Einsum <equation=\"ij,jk->ik\"> (x, z) }"},
    {"Expand", "g ($[4,1] x) => (y) <int64[2] s = {4, 8}> { y = Expand (x, s) }"},
    {"EyeLike", "g ($[4,8] x) => (y) { y = EyeLike (x) }"},
    {"GRU", "g ($[3,2,8] x, $[1,12,8] W, $[1,12,4] R) => (y, h) { y, h = GRU <hidden_size=4> (x, W, R) }"},
    {"Gather", "g ($[4,8] x, int64[3] I) => (y) { y = Gather (x, I) }"},
    {"GatherElements", "g ($[4,8] x, int64[2,8] i) => (y) { y = GatherElements (x, i) }"},
    {"GatherND", "g ($[4,8] x, int64[3,1] i) => (y) { y = GatherND (x, i) }"},
    {"Gemm", "g ($[4,8] x, $[8,6] W, $[6] B) => (y) { y = Gemm (x, W, B) }"},
    {"GridSample", "g ($[1,4,6,6] x, $[1,3,3,2] g) => (y) { y = GridSample (x, g) }"},
    {"GroupNormalization",
     "g ($[2,4,6,8] x, $[4] S, $[4] B) => (y) { y = GroupNormalization <num_groups=2> (x, S, B) }"},
    {"If",
     "g (bool c, $[4,8] x) => (y) { y = If <then_branch = t () => (p) { p = Add (x, x) }, else_branch = e () => (q) { "
     "q "
     "= Identity (x) }> (c) }"},
    {"InstanceNormalization", "g ($[2,4,6,8] x, $[4] S, $[4] B) => (y) { y = InstanceNormalization (x, S, B) }"},
    {"LRN", "g ($[2,4,6,8] x) => (y) { y = LRN <size=3> (x) }"},
    {"LSTM", "g ($[3,2,8] x, $[1,16,8] W, $[1,16,4] R) => (y, h) { y, h = LSTM <hidden_size=4> (x, W, R) }"},
    {"LayerNormalization", "g ($[4,8] x, $[8] S, $[8] B) => (y) { y = LayerNormalization (x, S, B) }"},
    {"Loop",
     "g (int64 N, bool C, $[4,8] x) => (y) { y = Loop <body = b (int64 i, bool c, $[4,8] p) => (d, q) { d = Identity "
     "(c) "
     "q = Add (p, x) }> (N, C, x) }"},
    {"LpPool", "g ($[1,4,6,6] x) => (y) { y = LpPool <kernel_shape=[2,2]> (x) }"},
    {"MatMul", "g ($[4,8] x, $[8,6] W) => (y) { y = MatMul (x, W) }"},
    {"MatMulInteger", "g ($[4,8] x, int8[8,6] W) => (y) { y = MatMulInteger (x, W) }"},
    {"MaxRoiPool", "g ($[1,4,6,6] x, $[3,5] R) => (y) { y = MaxRoiPool <pooled_shape=[2,2]> (x, R) }"},
    {"MaxPool", "g ($[1,4,6,6] x) => (y) { y = MaxPool <kernel_shape=[2,2]> (x) }"},
    {"MaxUnpool",
     "g ($[1,4,3,3] x, int64[1,4,3,3] i) => (y) { y = MaxUnpool <kernel_shape=[2,2], strides=[2,2]> (x, i) }"},
    {"NonMaxSuppression", "g ($[1,8,4] x, $[1,2,8] s, int64[1] N) => (y) { y = NonMaxSuppression (x, s, N) }"},
    {"OneHot", "g ($[4] x, float[2] V) => (y) <int64 d = {5}> { y = OneHot (x, d, V) }"},
    {"Pad", "g ($[4,8] x, int64[4] P) => (y) { y = Pad (x, P) }"},
    {"QLinearConv",
     "g ($[1,4,6,6] x, float S, $ Z, int8[4,4,3,3] W, float T, int8 U, float V, $ Y) => (y) { y = QLinearConv (x, S, "
     "Z, "
     "W, T, U, V, Y) }"},
    {"QLinearMatMul",
     "g ($[4,8] x, float S, $ Z, int8[8,6] W, float T, int8 U, float V, $ Y) => (y) { y = QLinearMatMul (x, S, Z, W, "
     "T, "
     "U, V, Y) }"},
    {"QuantizeLinear", "g ($[4,8] x, $ S, uint8 Z) => (y) { y = QuantizeLinear (x, S, Z) }"},
    {"RMSNormalization", "g ($[4,8] x, $[8] S) => (y) { y = RMSNormalization (x, S) }"},
    {"RNN", "g ($[3,2,8] x, $[1,4,8] W, $[1,4,4] R) => (y, h) { y, h = RNN <hidden_size=4> (x, W, R) }"},
    {"Reshape", "g ($[4,8] x) => (y) <int64[2] s = {2, 16}> { y = Reshape (x, s) }"},
    {"Resize", "g ($[1,4,6,6] x) => (y) <int64[4] n = {1, 4, 12, 12}> { y = Resize <mode=\"linear\"> (x, , , n) }"},
    {"ReverseSequence", "g ($[4,2,8] x, int64[2] l) => (y) { y = ReverseSequence (x, l) }"},
    {"RoiAlign", "g ($[1,4,6,6] x, $[3,4] r, int64[3] I) => (y) { y = RoiAlign (x, r, I) }"},
    {"RotaryEmbedding", "g ($[1,2,4,8] x, $[1,4,4] c, $[1,4,4] s) => (y) { y = RotaryEmbedding (x, c, s) }"},
    {"STFT", "g ($[1,32,1] x, int64 S, $[8] W) => (y) { y = STFT (x, S, W) }"},
    {"Scan",
     "g ($[8] h, $[4,8] x) => (y, z) { y, z = Scan <num_scan_inputs=1, body = b ($[8] p, $[8] a) => (q, r) { q = Add "
     "(p, "
     "a) r = Identity (q) }> (h, x) }"},
    {"ScatterElements", "g ($[4,8] x, int64[2,8] i, $[2,8] u) => (y) { y = ScatterElements (x, i, u) }"},
    {"ScatterND", "g ($[4,8] x, int64[3,1] i, $[3,8] u) => (y) { y = ScatterND (x, i, u) }"},
    {"SimplifiedLayerNormalization", "g ($[4,8] x, $[8] S) => (y) { y = SimplifiedLayerNormalization (x, S) }"},
    {"Slice", "g ($[4,8] x) => (y) <int64[1] s = {1}, int64[1] e = {3}> { y = Slice (x, s, e) }"},
    {"Split", "g ($[4,8] x) => (y, z) { y, z = Split <num_outputs=2> (x) }"},
    {"Squeeze", "g ($[4,1,8] x, int64[1] A) => (y) { y = Squeeze (x, A) }"},
    {"TfIdfVectorizer",
     "g ($[2,4] x) => (y) { y = TfIdfVectorizer <mode=\"TF\", min_gram_length=1, max_gram_length=1, max_skip_count=0, "
     "ngram_counts=[0], ngram_indexes=[0,1], pool_int64s=[1,2]> (x) }"},
    {"Tile", "g ($[4,8] x) => (y) <int64[2] r = {2, 3}> { y = Tile (x, r) }"},
    {"TopK", "g ($[4,8] x, int64[1] K) => (y, i) { y, i = TopK (x, K) }"},
    {"Unsqueeze", "g ($[4,8] x, int64[1] A) => (y) { y = Unsqueeze (x, A) }"},
    {"Where", "g (bool[4,8] c, $[4,8] x, $[8] z) => (y) { y = Where (c, x, z) }"},
    {"com.microsoft.Attention",
     "g ($[1,4,8] x, $[8,24] W, $[24] B) => (y) { y = com.microsoft.Attention <num_heads=2> (x, W, B) }"},
    {"com.microsoft.BiasGelu", "g ($[4,8] x, $[8] B) => (y) { y = com.microsoft.BiasGelu (x, B) }"},
    {"com.microsoft.DequantizeLinear",
     "g ($[4,8] x, float S, $ Z) => (y) { y = com.microsoft.DequantizeLinear (x, S, Z) }"},
    {"com.microsoft.DynamicQuantizeLSTM",
     "g ($[3,2,8] x, int8[1,8,16] W, int8[1,4,16] R, $[1] S, int8[1] Z, $[1] T, int8[1] U) => (y, h) { y, h = "
     "com.microsoft.DynamicQuantizeLSTM <hidden_size=4> (x, W, R, , , , , , S, Z, T, U) }"},
    {"com.microsoft.DynamicQuantizeMatMul",
     "g ($[4,8] x, int8[8,6] W, $ S) => (y) { y = com.microsoft.DynamicQuantizeMatMul (x, W, S) }"},
    {"com.microsoft.EmbedLayerNormalization",
     "g ($[2,4] i, $[2,4] s, float[5,8] W, float[4,8] P, float[2,8] K, float[8] G, float[8] B) => (y, m) { y, m = "
     "com.microsoft.EmbedLayerNormalization (i, s, W, P, K, G, B) }"},
    {"com.microsoft.FusedConv",
     "g ($[1,4,6,6] x, $[4,4,3,3] W, $[4] B) => (y) { y = com.microsoft.FusedConv <activation=\"Relu\"> (x, W, B) }"},
    {"com.microsoft.FusedGemm",
     "g ($[4,8] x, $[8,6] W, $[6] B) => (y) { y = com.microsoft.FusedGemm <activation=\"Relu\"> (x, W, B) }"},
    {"com.microsoft.FusedMatMul", "g ($[4,8] x, $[8,6] W) => (y) { y = com.microsoft.FusedMatMul (x, W) }"},
    {"com.microsoft.GroupQueryAttention",
     "g ($[1,4,32] q, $[1,4,16] k, $[1,4,16] v) => (y, p, r) <int32[1] n = {3}, int32[1] t = {4}> { y, p, r = "
     "com.microsoft.GroupQueryAttention <num_heads=4, kv_num_heads=2> (q, k, v, , , n, t) }"},
    {"com.microsoft.MatMulIntegerToFloat",
     "g ($[4,8] x, int8[8,6] W, float S, float T) => (y) { y = com.microsoft.MatMulIntegerToFloat (x, W, S, T) }"},
    {"com.microsoft.MatMulNBits",
     "g ($[4,32] x, uint8[6,1,16] W, $[6] S) => (y) { y = com.microsoft.MatMulNBits <K=32, N=6, bits=4, block_size=32> "
     "(x, W, S) }"},
    {"com.microsoft.MultiHeadAttention",
     "g ($[1,4,8] q, $[1,6,8] k, $[1,6,8] v) => (y) { y = com.microsoft.MultiHeadAttention <num_heads=2> (q, k, v) }"},
    {"com.microsoft.QAttention",
     "g ($[1,4,8] x, int8[8,24] W, float[24] B, float S, float T, $ Z, int8 U) => (y) { y = com.microsoft.QAttention "
     "<num_heads=2> (x, W, B, S, T, , Z, U) }"},
    {"com.microsoft.QGemm",
     "g ($[4,8] x, float S, $ Z, int8[8,6] W, float T, int8 U, int32[6] B, float V, $ Y) => (y) { y = "
     "com.microsoft.QGemm (x, S, Z, W, T, U, B, V, Y) }"},
    {"com.microsoft.QLinearAdd",
     "g ($[4,8] x, float S, $ Z, $[4,8] z, float T, $ U, float V, $ Y) => (y) { y = com.microsoft.QLinearAdd (x, S, Z, "
     "z, T, U, V, Y) }"},
    {"com.microsoft.QLinearConcat",
     "g (float S, $ Z, $[4,8] x, float T, $ U, $[4,8] z, float V, $ Y) => (y) { y = com.microsoft.QLinearConcat "
     "<axis=1> (S, Z, x, T, U, z, V, Y) }"},
    {"com.microsoft.QLinearGlobalAveragePool",
     "g ($[1,4,6,6] x, float S, $ Z, float T, $ Y) => (y) { y = com.microsoft.QLinearGlobalAveragePool (x, S, Z, T, Y) "
     "}"},
    {"com.microsoft.QLinearLeakyRelu",
     "g ($[4,8] x, float S, $ Z, float T, $ Y) => (y) { y = com.microsoft.QLinearLeakyRelu (x, S, Z, T, Y) }"},
    {"com.microsoft.QLinearMul",
     "g ($[4,8] x, float S, $ Z, $[4,8] z, float T, $ U, float V, $ Y) => (y) { y = com.microsoft.QLinearMul (x, S, Z, "
     "z, T, U, V, Y) }"},
    {"com.microsoft.QLinearSigmoid",
     "g ($[4,8] x, float S, $ Z, float T, $ Y) => (y) { y = com.microsoft.QLinearSigmoid (x, S, Z, T, Y) }"},
    {"com.microsoft.QLinearSoftmax",
     "g ($[4,8] x, float S, $ Z, float T, $ Y) => (y) { y = com.microsoft.QLinearSoftmax <opset=13> (x, S, Z, T, Y) }"},
    {"com.microsoft.QuantizeLinear",
     "g ($[4,8] x, $ S, uint8 Z) => (y) { y = com.microsoft.QuantizeLinear (x, S, Z) }"},
    {"com.microsoft.RotaryEmbedding",
     "g ($[1,4,16] x, int64[1] i, $[8,4] C, $[8,4] S) => (y) { y = com.microsoft.RotaryEmbedding <num_heads=2> (x, i, "
     "C, S) }"},
    {"com.microsoft.SimplifiedLayerNormalization",
     "g ($[4,8] x, $[8] S) => (y) { y = com.microsoft.SimplifiedLayerNormalization (x, S) }"},
    {"com.microsoft.SkipLayerNormalization",
     "g ($[1,4,8] x, $[1,4,8] z, $[8] S, $[8] B) => (y) { y = com.microsoft.SkipLayerNormalization (x, z, S, B) }"},
    {"com.microsoft.SkipSimplifiedLayerNormalization",
     "g ($[1,4,8] x, $[1,4,8] z, $[8] S) => (y) { y = com.microsoft.SkipSimplifiedLayerNormalization (x, z, S) }"},
    {"ai.onnx.ml.ArrayFeatureExtractor",
     "g ($[4,2] x, int64[1] I) => (y) { y = ai.onnx.ml.ArrayFeatureExtractor (x, I) }"},
    {"ai.onnx.ml.Binarizer", "g ($[4,2] x) => (y) { y = ai.onnx.ml.Binarizer <threshold=0.5> (x) }"},
    {"ai.onnx.ml.FeatureVectorizer",
     "g ($[4,2] x, $[4,3] z) => (y) { y = ai.onnx.ml.FeatureVectorizer <inputdimensions=[2,3]> (x, z) }"},
    {"ai.onnx.ml.Imputer",
     "g ($[4,2] x) => (y) { y = ai.onnx.ml.Imputer <imputed_value_floats=[0.5,1.5], imputed_value_int64s=[1,2]> (x) }"},
    {"ai.onnx.ml.LabelEncoder",
     "g ($[4] x) => (y) { y = ai.onnx.ml.LabelEncoder <keys_tensor=$[2] {0, 1}, values_int64s=[5,7]> (x) }"},
    {"ai.onnx.ml.LinearClassifier",
     "g ($[4,2] x) => (y, z) { y, z = ai.onnx.ml.LinearClassifier <coefficients=[1.0,2.0,3.0,4.0], "
     "intercepts=[0.5,1.0], classlabels_ints=[0,1]> (x) }"},
    {"ai.onnx.ml.LinearRegressor",
     "g ($[4,2] x) => (y) { y = ai.onnx.ml.LinearRegressor <coefficients=[1.0,2.0], intercepts=[0.5]> (x) }"},
    {"ai.onnx.ml.Normalizer", "g ($[4,2] x) => (y) { y = ai.onnx.ml.Normalizer <norm=\"L2\"> (x) }"},
    {"ai.onnx.ml.OneHotEncoder", "g ($[4] x) => (y) { y = ai.onnx.ml.OneHotEncoder <cats_int64s=[0,1,2]> (x) }"},
    {"ai.onnx.ml.Scaler", "g ($[4,2] x) => (y) { y = ai.onnx.ml.Scaler <offset=[1.0,2.0], scale=[0.5,2.0]> (x) }"},
    {"ai.onnx.ml.SVMClassifier",
     "g ($[4,2] x) => (y, z) { y, z = ai.onnx.ml.SVMClassifier <kernel_type=\"RBF\", kernel_params=[0.5,0.0,3.0], "
     "support_vectors=[1.0,2.0,3.0,4.0], coefficients=[1.0,-1.0], vectors_per_class=[1,1], rho=[0.5], "
     "classlabels_ints=[0,1]> (x) }"},
    {"ai.onnx.ml.SVMRegressor",
     "g ($[4,2] x) => (y) { y = ai.onnx.ml.SVMRegressor <kernel_type=\"RBF\", kernel_params=[0.5,0.0,3.0], "
     "support_vectors=[1.0,2.0,3.0,4.0], coefficients=[1.0,-1.0], n_supports=2, rho=[0.5]> (x) }"},
    {"ai.onnx.ml.TreeEnsemble",
     "g ($[4,2] x) => (y) { y = ai.onnx.ml.TreeEnsemble <n_targets=1, tree_roots=[0], nodes_featureids=[1], "
     "nodes_modes=uint8[1] {0}, nodes_splits=$[1] {0.5}, nodes_truenodeids=[0], nodes_trueleafs=[1], "
     "nodes_falsenodeids=[1], nodes_falseleafs=[1], leaf_targetids=[0,0], leaf_weights=$[2] {1, 2}> (x) }"},
    {"ai.onnx.ml.TreeEnsembleClassifier",
     "g ($[4,2] x) => (y, z) { y, z = ai.onnx.ml.TreeEnsembleClassifier <nodes_treeids=[0,0,0], nodes_nodeids=[0,1,2], "
     "nodes_featureids=[1,0,0], nodes_values=[0.5,0.0,0.0], nodes_modes=[\"BRANCH_LEQ\",\"LEAF\",\"LEAF\"], "
     "nodes_truenodeids=[1,0,0], nodes_falsenodeids=[2,0,0], class_treeids=[0,0], class_nodeids=[1,2], "
     "class_ids=[0,1], class_weights=[1.0,2.0], classlabels_int64s=[0,1]> (x) }"},
    {"ai.onnx.ml.TreeEnsembleRegressor",
     "g ($[4,2] x) => (y) { y = ai.onnx.ml.TreeEnsembleRegressor <nodes_treeids=[0,0,0], nodes_nodeids=[0,1,2], "
     "nodes_featureids=[1,0,0], nodes_values=[0.5,0.0,0.0], nodes_modes=[\"BRANCH_LEQ\",\"LEAF\",\"LEAF\"], "
     "nodes_truenodeids=[1,0,0], nodes_falsenodeids=[2,0,0], n_targets=1, target_treeids=[0,0], target_nodeids=[1,2], "
     "target_ids=[0,0], target_weights=[1.0,2.0]> (x) }"},
};

std::string named(std::string_view domain, std::string_view name) {
  return domain.empty() ? std::string(name) : fmt::format("{}.{}", domain, name);
}

std::string replaced(std::string_view text, char mark, std::string_view by) {
  std::string result;
  for (const char c : text) {
    if (c == mark)
      result += by;
    else
      result += c;
  }
  return result;
}

// Another type of elements of as many bits, where there is one.
DType same_bits(DType dtype) {
  for (const DType other : {DType::kUInt2, DType::kUInt4, DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64,
                            DType::kInt2, DType::kInt4, DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64}) {
    if (other != dtype && bits_of(other) == bits_of(dtype)) return other;
  }
  return dtype;
}

// Elements of tensors of strings in quotes.
std::string quoted(std::string text) {
  for (std::size_t at = text.find("=string["); at != std::string::npos; at = text.find("=string[", at + 1)) {
    const std::size_t begin = text.find('{', at);
    std::string items;
    std::size_t end = begin + 1;
    for (; end < text.size() && text[end] != '}'; ++end) {
      const bool digit = std::isdigit(static_cast<unsigned char>(text[end])) != 0;
      items += digit ? fmt::format("\"{}\"", text[end]) : std::string(1, text[end]);
    }
    text.replace(begin + 1, end - begin - 1, items);
  }
  return text;
}

// The example's text with this element type for "$", and the number of another one of as many bits for "~".
std::string of_type(std::string_view text, DType dtype) {
  const std::string typed = replaced(text, '$', to_string(dtype));
  return quoted(replaced(typed, '~', std::to_string(static_cast<int>(same_bits(dtype)))));
}

// Which of the node's inputs has a type of "$", if one has.
std::optional<std::size_t> varying_input(std::string_view text) {
  const Result<ModelIr> model = parse_model(of_type(text, DType::kFloat32));
  const Result<ModelIr> other = parse_model(of_type(text, DType::kFloat64));
  if (!model || !other) return {};
  const auto inputs_of = [](const ModelIr& ir) { return ir.graph.node(*ir.graph.nodes().begin()).inputs; };
  const std::vector<ValueId> a = inputs_of(*model), b = inputs_of(*other);
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].valid() && model->graph.value(a[i]).type.dtype != other->graph.value(b[i]).type.dtype) return i;
  }
  return {};
}

template <class T>
void fill_with_ones(Tensor& tensor) {
  for (T& element : tensor.mutable_data<T>()) element = static_cast<T>(1);
}

// Inputs in capitals become constants. Elements of types without arithmetic here stay 0.
Status bind_constants(Graph& graph) {
  const std::vector<ValueId> inputs(graph.inputs().begin(), graph.inputs().end());
  for (const ValueId input : inputs) {
    const Value value = graph.value(input);
    if (std::isupper(static_cast<unsigned char>(value.name[0])) == 0) continue;
    CYCLOID_ASSIGN(Tensor ones, Tensor::zeros(value.type.dtype, *known_dims(*value.type.shape)));
    dispatch<float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
             std::uint32_t, std::uint64_t, bool>(value.type.dtype, [&]<class T>(T) { fill_with_ones<T>(ones); });
    dispatch<Float16, BFloat16>(value.type.dtype, [&]<class T>(T) {
      for (T& element : ones.mutable_data<T>())
        element = T{std::is_same_v<T, Float16> ? to_float16(1).bits : to_bfloat16(1).bits};
    });
    graph.replace_uses(input, graph.add_constant(value.name, std::move(ones)));
    graph.erase_value(input);
  }
  return {};
}

}  // namespace

std::optional<OperatorExample> operator_example(std::string_view domain, std::string_view name) {
  const std::string op = named(domain, name);
  std::string text;
  for (const Form& form : kForms) {
    if (std::ranges::find(form.ops, op) != form.ops.end()) text = replaced(form.text, '@', op);
  }
  const auto* const own = std::ranges::find(kOwn, op, &Line::op);
  if (own != std::end(kOwn)) text = own->text;
  if (text.empty()) return {};
  text = fmt::format("<ir_version: 10, opset_import: [\"\" : {}, \"ai.onnx.ml\" : 5, \"com.microsoft\" : 1]> {}",
                     kNewestOpset, text);
  return OperatorExample{text, varying_input(text)};
}

Result<ModelIr> example_model(const OperatorExample& example, DType dtype) {
  CYCLOID_ASSIGN(ModelIr model, parse_model(of_type(example.text, dtype)));
  CYCLOID_TRY(bind_constants(model.graph));
  CYCLOID_TRY(infer_types(model));
  return model;
}

TriedTypes try_types(const OperatorExample& example, DTypeSet dtypes) {
  TriedTypes tried;
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (!dtypes.contains(dtype)) continue;
    Result<ModelIr> model = example_model(example, dtype);
    if (!model) continue;
    std::vector<std::optional<Dims>> dims;
    for (const ValueId input : model->graph.inputs()) dims.push_back(known_dims(*model->graph.value(input).type.shape));
    const auto plan = build_plan(std::make_shared<const ModelIr>(*std::move(model)), dims, {});
    // A body that runs by the reference evaluation is said in the reason of the step that it is part of.
    const bool kernels = plan && (*plan)->info.reference_steps == 0 &&
                         std::ranges::none_of((*plan)->info.steps, [](const StepInfo& step) {
                           return step.reason.find("by reference evaluation") != std::string::npos;
                         });
    DTypeSet& set = kernels ? tried.kernels : tried.reference;
    if (plan) set = set | DTypeSet{dtype};
  }
  return tried;
}

}  // namespace cycloid
