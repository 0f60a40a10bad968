// Every lowering against the reference evaluation, for each instruction set and one and two threads.
#include "runtime/native_testing.h"

namespace cycloid {
namespace {

using native::Case;
using native::expect_agreement;

// "W[8,3,3,3]" in the text stands for a float constant of these dims with random elements.
constexpr Case kCases[] = {
    {"conv",
     "g (float[1,3,9,10] x, float[8,3,3,3] w, float[8] b) => (float[?,?,?,?] y) { y = Conv <pads=[1,1,1,1]> (x, w, b) "
     "}",
     28, 0, 1},
    {"conv_odd_channels",
     "g (float[5,7,8,6] x, float[13,7,3,3] w) => (float[?,?,?,?] y) { y = Conv <strides=[2,2]> (x, w) }", 64},
    {"conv_dilated",
     "g (float[1,4,11,9] x, float[6,4,3,3] w) => (float[?,?,?,?] y) { y = Conv <dilations=[2,2], pads=[2,1,0,1]> (x, "
     "w) }",
     36},
    {"conv_same_upper",
     "g (float[1,4,11,8] x, float[6,4,4,3] w) => (float[?,?,?,?] y) { y = Conv <auto_pad=\"SAME_UPPER\", "
     "strides=[2,2]> (x, w) }",
     48},
    {"conv_same_lower",
     "g (float[1,4,11,8] x, float[6,4,4,3] w) => (float[?,?,?,?] y) { y = Conv <auto_pad=\"SAME_LOWER\", "
     "strides=[2,2]> (x, w) }",
     48},
    {"conv_groups",
     "g (float[2,6,8,8] x, float[9,2,3,3] w) => (float[?,?,?,?] y) { y = Conv <group=3, pads=[1,1,1,1]> (x, w) }", 18},
    {"conv_depthwise",
     "g (float[2,19,8,9] x, float[19,1,3,3] w, float[19] b) => (float[?,?,?,?] y) { c = Conv <group=19, "
     "pads=[1,1,1,1]> (x, w, b) y = Relu (c) }",
     10},
    {"conv_1d", "g (float[2,6,31] x, float[8,6,5] w) => (float[?,?,?] y) { y = Conv <pads=[2,2], strides=[2]> (x, w) }",
     30},
    {"conv_winograd",
     "g (float[2,16,14,14] x, float[32,16,3,3] w, float[32] b) => (float[?,?,?,?] y) { c = Conv <pads=[1,1,1,1]> (x, "
     "w, b) y = Relu (c) }",
     145},
    {"conv_max_pool",
     "g (float[2,3,20,17] x, float[21,3,3,3] w, float[21] b) => (float[?,?,?,?] y) { c = Conv <strides=[2,2], "
     "pads=[1,1,0,1]> (x, w, b) r = Relu (c) y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (r) }",
     28, 0, 1},
    {"conv_average_pool_in_a_concatenation",
     "g (float[1,2,12,12] x, float[5,2,3,3] w, float[4,2,2,2] v) => (float[?,?,?,?] y) { c = Conv <pads=[1,1,1,1]> (x, "
     "w) p = AveragePool <kernel_shape=[2,2], strides=[2,2]> (c) d = Conv <strides=[2,2]> (x, v) y = Concat <axis=1> "
     "(p, d) }",
     24, 0, 1},
    {"conv_pool_and_more",
     "g (float[1,2,12,12] x, float[5,2,3,3] w) => (float[?,?,?,?] y, float[?,?,?,?] z) { c = Conv <pads=[1,1,1,1]> (x, "
     "w) y = MaxPool <kernel_shape=[2,2], strides=[2,2]> (c) z = Neg (c) }",
     18},
    // More than L2 holds.
    {"conv_separable_sum_of_later",
     "g (float[1,24,160,163] x, float[24,1,5,5] w, float[9,24,1,1] v, float[9,24,1,1] u) => (float[?,?,?,?] y) { c = "
     "Conv <group=24, pads=[2,2,2,2]> (x, w) d = Conv (c, v) n = Conv (x, u) y = Add (d, n) }",
     50},
    {"conv_depthwise_max_pool",
     "g (float[2,19,12,13] x, float[19,1,3,3] w) => (float[?,?,?,?] y) { c = Conv <group=19, pads=[1,1,1,1]> (x, w) y "
     "= MaxPool <kernel_shape=[2,2], strides=[2,2]> (c) }",
     10},
    {"conv_silu",
     "g (float[1,5,6,6] x, float[7,5,1,1] w) => (float[?,?,?,?] y) { c = Conv (x, w) s = Sigmoid (c) y = Mul (c, s) }",
     5, 0, 1},
    {"conv_hard_swish",
     "g (float[1,5,6,6] x, float[7,5,1,1] w) => (float[?,?,?,?] y) { c = Conv (x, w) y = HardSwish (c) }", 5, 0, 1},
    {"conv_residual_after",
     "g (float[1,8,6,6] x, float[8,8,3,3] w) => (float[?,?,?,?] y) { a = Conv <pads=[1,1,1,1]> (x, w) r = Relu (a) y = "
     "Add (x, r) }",
     72, 0, 2},
    {"conv_prelu",
     "g (float[1,8,6,6] x, float[8,8,1,1] w, float[8,1,1] s) => (float[?,?,?,?] y) { a = Conv (x, w) y = PRelu (a, s) "
     "}",
     8, 0, 1},
    {"conv_batch_norm",
     "g (float[1,6,5,5] x, float[4,6,3,3] w, float[4] s, float[4] b, float[4] m) => (float[?,?,?,?] y) <float[4] v = "
     "{0.5, 1.5, 2.5, 0.75}> { a = Conv (x, w) n = BatchNormalization (a, s, b, m, v) y = Relu (n) }",
     54},
    {"conv_scale_shift",
     "g (float[1,6,5,5] x, float[4,6,3,3] w, float[1,4,1,1] s, float[4,1,1] b) => (float[?,?,?,?] y) { a = Conv (x, w) "
     "n = Mul (a, s) y = Add (n, b) }",
     54},
    {"batch_norm_relu",
     "g (float[2,6,5,5] x, float[6] s, float[6] b, float[6] m) => (float[?,?,?,?] y) <float[6] v = {0.5, 1.5, 2.5, "
     "0.75, 1, 2}> { n = BatchNormalization (x, s, b, m, v) y = Relu (n) }",
     2},
    {"fire", R"(g (float[2,8,7,7] x, float[4,8,1,1] s, float[6,4,1,1] e, float[10,4,3,3] f) => (float[?,?,?,?] y) {
        a = Conv (x, s) b = Relu (a) c = Conv (b, e) d = Relu (c) h = Conv <pads=[1,1,1,1]> (b, f) i = Relu (h) y = Concat <axis=1> (d, i) })",
     36, 0, 1},
    {"dense_block", R"(g (float[1,4,6,6] x, float[3,4,3,3] w, float[3,7,3,3] v) => (float[?,?,?,?] y) {
        c0 = Relu (x) a = Conv <pads=[1,1,1,1]> (c0, w) c1 = Concat <axis=1> (c0, a) b = Conv <pads=[1,1,1,1]> (c1, v) c2 = Concat <axis=1> (c1, b) y = Relu (c2) })",
     63},
    {"concat_twice_the_same",
     "g (float[1,4,6,6] x, float[3,4,1,1] w) => (float[?,?,?,?] y) { a = Conv (x, w) y = Concat <axis=1> (a, a, x) }",
     4},
    {"concat_rows",
     "g (float[2,3] x, float[2,5] z) => (float[?,?] y, float[?,?] t) { y = Concat <axis=1> (x, z, x) t = Concat "
     "<axis=0> (x, x) }",
     1},
    {"max_pool",
     "g (float[2,5,9,8] x) => (float[?,?,?,?] y) { y = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,0,1,1]> (x) "
     "}",
     1},
    {"max_pool_ceil",
     "g (float[1,5,9,8] x) => (float[?,?,?,?] y) { y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x) }",
     1},
    {"average_pool",
     "g (float[2,5,9,8] x) => (float[?,?,?,?] y) { y = AveragePool <kernel_shape=[3,2], strides=[2,1], pads=[1,1,1,0]> "
     "(x) }",
     9},
    {"average_pool_padding",
     "g (float[2,5,9,8] x) => (float[?,?,?,?] y) { y = AveragePool <kernel_shape=[3,2], strides=[2,1], pads=[1,1,1,0], "
     "count_include_pad=1> (x) }",
     9},
    {"average_pool_ceil",
     "g (float[1,3,8,8] x) => (float[?,?,?,?] y) { y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], "
     "count_include_pad=1, ceil_mode=1> (x) }",
     9},
    {"global_pools",
     "g (float[2,5,9,8] x, float[6,5,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) { c = Conv (x, w) y = "
     "GlobalAveragePool (c) z = GlobalMaxPool (c) }",
     72},
    {"classifier", R"(g (float[3,5,9,8] x, float[6,5,3,3] w, float[10,6] v, float[10] b) => (float[?,?] y) {
        c = Conv (x, w) p = GlobalAveragePool (c) f = Flatten (p) l = Gemm <transB=1> (f, v, b) y = Softmax (l) })",
     45},
    {"gemm", "g (float[5,17] a, float[17,9] b, float[9] c) => (float[?,?] y) { m = Gemm (a, b, c) y = Relu (m) }", 18,
     0, 0},
    {"gemm_alpha_beta",
     "g (float[17,5] a, float[9,17] b, float[1,9] c) => (float[?,?] y) { y = Gemm <transA=1, transB=1, alpha=0.5, "
     "beta=2.0> (a, b, c) }",
     18, 0, 0},
    {"mlp",
     R"(g (float[1,30] x, float[30,64] w0, float[64] b0, float[64,32] w1, float[32] b1, float[32,1] w2, float[1] b2) => (float[?,?] y) {
        a = MatMul (x, w0) b = Add (a, b0) c = Relu (b) d = MatMul (c, w1) e = Add (b1, d) f = Tanh (e) h = MatMul (f, w2) i = Add (h, b2) y = Sigmoid (i) })",
     64, 0, 0},
    {"matmul_batched", "g (float[2,3,5,7] a, float[2,3,7,4] b) => (float[?,?,?,?] y) { y = MatMul (a, b) }", 7, 0, 0},
    {"matmul_broadcast", "g (float[2,1,5,7] a, float[3,7,4] b) => (float[?,?,?,?] y) { y = MatMul (a, b) }", 7, 0, 0},
    {"matmul_tall",
     "g (float[2,3,5,7] a, float[7,4] b, float[4] c) => (float[?,?,?,?] y) { m = MatMul (a, b) y = Add (m, c) }", 8, 0,
     0},
    {"matmul_vectors",
     "g (float[7] a, float[7,4] b, float[3,4] c) => (float[?] y, float[?] z) { y = MatMul (a, b) z = MatMul (c, y) }",
     11, 0, 0},
    {"matmul_residual",
     "g (float[6,7] a, float[7,4] b, float[6,4] c) => (float[?,?] y) { m = MatMul (a, b) s = Add (m, c) y = Relu (s) }",
     8, 0, 0},
    {"binary_broadcast",
     R"(g (float[2,3,4,5] x, float[5] a, float[3,1,1] b, float[4,1] c, float[2,1,1,5] d, float e) => (float[?,?,?,?] y) {
        s = Add (x, a) t = Mul (s, b) u = Sub (c, t) v = Max (u, d) y = Div (v, e) })",
     1, 0, 0},
    {"binary_channels_last",
     R"(g (float[2,3,4,5] x, float[6,3,1,1] w, float[6,1,1] b, float[2,6,1,1] g1, float[1,1,4,5] m, float[4,5] k) => (float[?,?,?,?] y) {
        c = Conv (x, w) h = Add (c, c) s = Mul (h, b) t = Mul (s, g1) u = Add (t, m) v = Sub (u, k) y = Clip (v) })",
     3},
    {"squeeze_excite",
     R"(g (float[2,6,5,5] x, float[6,6,3,3] w, float[2,6,1,1] s, float[6,2,1,1] e) => (float[?,?,?,?] y) {
        c = Conv <pads=[1,1,1,1]> (x, w) p = GlobalAveragePool (c) a = Conv (p, s) b = Relu (a) d = Conv (b, e) h = HardSigmoid (d) y = Mul (c, h) })",
     54},
    {"sum_and_max_of_three",
     "g (float[4,5] a, float[4,5] b, float[5] c) => (float[?,?] y, float[?,?] z) { y = Sum (a, b, c) z = Max (a, b, c) "
     "}",
     3, 0, 0},
    {"unary",
     R"(g (float[3,70] x) => (float[?,?] y) { a = Abs (x) b = Sqrt (a) c = Exp (b) d = Log (c) e = Neg (d) f = Erf (e) h = Softplus (f) i = Reciprocal (h) j = Tanh (i) k = Floor (j)
        l = Sigmoid (x) m = Elu (x) n = LeakyRelu (x) o = Gelu (x) p = Mish (x) q = Add (k, l) r = Add (m, n) s = Add (o, p) t = Add (q, r) y = Add (s, t) })",
     8},
    {"softmaxes",
     "g (float[3,6,4,5] x) => (float[?,?,?,?] y, float[?,?,?,?] z) { y = Softmax <axis=1> (x) z = LogSoftmax (x) }",
     10},
    {"lrn", "g (float[2,7,4,5] x) => (float[?,?,?,?] y) { y = LRN <size=5, alpha=0.1, beta=0.75, bias=1.0> (x) }", 5},
    {"layer_norm",
     "g (float[2,7,24] x, float[24] s, float[24] b) => (float[?,?,?] y) { y = LayerNormalization <axis=-1> (x, s, b) }",
     48},
    {"reduces",
     R"(g (float[2,6,4,5] x) => (float[?,?] y, float[?,?,?] z, float[?,?,?,?] u, float[?,?,?] v) <int64[2] a = {2, 3}, int64[1] b = {1}, int64[1] c = {-1}> {
        y = ReduceMean <keepdims=0> (x, a) z = ReduceMax <keepdims=0> (x, b) u = ReduceSum (x, c) v = ReduceL2 <keepdims=0> (x, c) })",
     20, 0, 0},
    {"reduces_of_axes_apart",
     R"(g (float[3,4,5,1,6] x) => (float[?,?] y, float[?,?,?,?,?] z, float[?,?,?] u) <int64[3] a = {0, 2, 4}, int64[2] b = {1, 4}> {
        y = ReduceMean <keepdims=0> (x, a) z = ReduceMax (x, a) u = ReduceSum <keepdims=0> (x, b) })",
     90, 0, 0},
    {"reduce_after_conv",
     "g (float[2,3,4,5] x, float[6,3,1,1] w) => (float[?,?] y) <int64[2] a = {2, 3}> { c = Conv (x, w) y = ReduceMean "
     "<keepdims=0> (c, a) }",
     20},
    {"transposes",
     "g (float[2,3,4,5] x) => (float[?,?,?,?] y, float[?,?,?,?] z) { y = Transpose <perm=[0,2,3,1]> (x) z = Transpose "
     "<perm=[3,1,0,2]> (x) }",
     1},
    {"channels_last_input", R"(g (float[2,6,5,3] x, float[4,3,3,3] w) => (float[?,?,?,?] y) {
        t = Transpose <perm=[0,3,1,2]> (x) c = Conv (t, w) r = Relu (c) y = Transpose <perm=[0,2,3,1]> (r) })",
     27},
    {"shuffle",
     R"(g (float[1,6,4,4] x, float[6,6,1,1] w) => (float[?,?,?,?] y) <int64[5] s = {1, 2, 3, 4, 4}, int64[4] t = {1, 6, 4, 4}> {
        c = Conv (x, w) a = Reshape (c, s) b = Transpose <perm=[0,2,1,3,4]> (a) d = Reshape (b, t) y = Conv (d, w) })",
     6},
    {"shuffled_concat",
     R"(g (float[2,3,4,5] x, float[5,3,1,1] w, float[10,10,1,1] u) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[5] s = {2, 2, 5, 4, 5}, int64[4] t = {2, 10, 4, 5}> {
        c = Conv (x, w) r = Relu (c) k = Concat <axis=1> (c, r) a = Reshape (k, s) b = Transpose <perm=[0,2,1,3,4]> (a) y = Reshape (b, t) z = Conv (y, u) })",
     3 + 10},
    {"shuffled_split",
     R"(g (float[2,3,4,5] x, float[10,3,1,1] w, float[5,5,1,1] u) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[3] s = {10, 2, 20}, int64[5] t = {2, -1, 5, 4, 5}, int64 i = {0}, int64 j = {1}> {
        c = Conv (x, w) a = Reshape (c, s) b = Transpose <perm=[1,0,2]> (a) d = Reshape (b, t) e = Gather <axis=0> (d, i) f = Gather <axis=0> (d, j) r = Relu (e) y = Concat <axis=1> (r, f) z = Conv (f, u) })",
     3 + 5},
    {"pads",
     R"(g (float[2,3,4,5] x, float[6,3,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] t) <int64[8] p = {0,1,2,0, 1,0,1,3}, int64[4] q = {1, 2, 0, 1}, int64[2] r = {1, -1}, float v = {2.5}> {
        c = Conv (x, w) y = Pad (c, p) t = Pad (x, q, v, r) })",
     3},
    {"pad_channels",
     R"(g (float[2,3,4,5] x, float[6,3,1,1] w, float[11,11,1,1] u) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[8] p = {0,2,0,0, 0,3,0,0}, int64[8] q = {0,0,0,0, 0,5,0,0}, float v = {2.5}> {
        c = Conv (x, w) a = Pad (c, p, v) r = Relu (c) b = Pad (r, q) d = Conv (b, u) y = Add (d, a) z = Add (r, c) })",
     3 + 11},
    {"depth_to_space",
     "g (float[2,12,3,4] x, float[12,12,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) { c = Conv (x, w) y = "
     "DepthToSpace <blocksize=2> (c) z = DepthToSpace <blocksize=2, mode=\"CRD\"> (c) }",
     12},
    {"resize_nearest",
     "g (float[2,3,3,4] x, float[7,3,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) <float[4] s = {1, 1, 2, 3}> { c = "
     "Conv (x, w) y = Resize <mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"> "
     "(c, , s) z = Resize <mode=\"nearest\"> (c, , s) }",
     3},
    {"resize_linear",
     "g (float[2,3,5,4] x, float[19,3,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) <float[4] s = {1, 1, 2, 1.7}, "
     "int64[4] n = {2, 19, 3, 9}> { c = Conv (x, w) y = Resize <mode=\"linear\"> (c, , s) z = Resize <mode=\"linear\", "
     "coordinate_transformation_mode=\"align_corners\"> (c, , , n) }",
     3 + 4},
    {"resize_cubic_and_nearest",
     "g (float[1,3,5,4] x, float[7,3,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) <float[4] s = {1, 1, 1.5, 2.5}> { "
     "c "
     "= Conv (x, w) y = Resize <mode=\"cubic\"> (c, , s) z = Resize <mode=\"nearest\", "
     "coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil\"> (c, , s) }",
     3 + 16},
    {"conv_transpose",
     "g (float[2,6,5,4] x, float[6,7,3,2] w, float[7] b) => (float[?,?,?,?] y) { c = ConvTranspose <strides=[2,3], "
     "pads=[1,0,0,1], output_padding=[1,0]> (x, w, b) y = Relu (c) }",
     37, 0, 2},
    {"conv_transpose_same",
     "g (float[1,4,5,4] x, float[4,3,3,3] w) => (float[?,?,?,?] y, float[?,?,?,?] z) { y = ConvTranspose "
     "<strides=[2,2], auto_pad=\"SAME_UPPER\"> (x, w) z = ConvTranspose <strides=[2,2], group=2, output_shape=[9,10]> "
     "(x, w) }",
     36, 1},
    {"rms_normalization", "g (float[5,40] x, float[40] s) => (float[?,?] y) { y = RMSNormalization (x, s) }", 40},
    {"gelus_of_microsoft",
     "g (float[3,40] x, float[40] b) => (float[?,?] y, float[?,?] z, float[?,?] v) { p = com.microsoft.BiasGelu (x, b) "
     "y "
     "= com.microsoft.Gelu (p) z = com.microsoft.FastGelu (x, b) v = com.microsoft.QuickGelu <alpha=1.5> (x) }",
     1},
    {"skip_layer_normalization",
     "g (float[2,5,16] x, float[2,5,16] k, float[16] g, float[16] h, float[16] b) => (float[?,?,?] y, float[?,?,?] s, "
     "float[?,?,?] z, float[?,?,?] v) { y, , , s = com.microsoft.SkipLayerNormalization <epsilon=0.00001> (x, k, g, h, "
     "b) z "
     "= com.microsoft.SkipSimplifiedLayerNormalization <epsilon=0.00001> (s, k, g) v = SimplifiedLayerNormalization "
     "(x, g) "
     "}",
     16},
    {"fused_matmul",
     "g (float[2,5,16] x, float[2,7,16] k) => (float[?,?,?] y) { y = com.microsoft.FusedMatMul <transB=1, alpha=0.3> "
     "(x, "
     "k) }",
     16},
    {"attention",
     "g (float[2,5,24] x, float[2,7,24] k, float[2,7,12] v, float[5,7] m) => (float[?,?,?] y) { y = Attention "
     "<q_num_heads=3, kv_num_heads=3> (x, k, v, m) }",
     24},
    {"attention_by_heads",
     "g (float[2,3,5,8] x, float[2,3,7,8] k, float[2,3,7,4] v) => (float[?,?,?,?] y) { y = Attention <scale=0.2> (x, "
     "k, v) "
     "}",
     24},
    {"multi_head_attention",
     "g (float[2,5,24] x, float[2,7,24] k, float[2,7,12] v, float[60] b, float[2,3,5,7] m) => (float[?,?,?] y) { y = "
     "com.microsoft.MultiHeadAttention <num_heads=3> (x, k, v, b, , m) }",
     24},
    {"softmax_inner_axis",
     "g (float[2,3,9,70] x) => (float[?,?,?,?] y, float[?,?,?,?] z) { y = Softmax <axis=2> (x) z = LogSoftmax <axis=1> "
     "(x) }",
     9},
    {"gelu_erf_written_out",
     "g (float[3,40] x, float[40,24] w) => (float[?,?] y, float[?,?] z) <float s = {1.41421356}, float o = {1}, float "
     "h = "
     "{0.5}, float q = {0.70710678}> { a = MatMul (x, w) b = Div (a, s) c = Erf (b) d = Add (c, o) e = Mul (h, d) y = "
     "Mul (a, e) k = Mul (x, q) l = Erf (k) m = Add (o, l) n = Mul (x, m) z = Mul (n, h) }",
     40},
    {"gelu_tanh_written_out",
     "g (float[3,40] x) => (float[?,?] y, float[?,?] z) <float k = {0.044715}, float s = {0.7978846}, float o = {1}, "
     "float "
     "h = {0.5}, float t = {3}> { a = Mul (k, x) b = Mul (x, a) c = Mul (x, b) d = Add (x, c) e = Mul (s, d) f = Tanh "
     "(e) g = Add (o, f) i = Mul (h, g) y = Mul (x, i) p = Pow (x, t) q = Mul (p, k) r = Add (q, x) u = Mul (r, s) v = "
     "Tanh (u) w = Add (v, o) n = Mul (w, x) z = Mul (h, n) }",
     1},
    // Each is one constant away from a Gelu.
    {"not_gelu",
     "g (float[3,40] x) => (float[?,?] y, float[?,?] z) <float s = {1.5}, float o = {1}, float h = {0.5}, float q = "
     "{0.70710678}> { b = Div (x, s) c = Erf (b) d = Add (c, o) e = Mul (h, d) y = Mul (x, e) k = Mul (x, q) l = Erf "
     "(k) "
     "m = Add (h, l) n = Mul (x, m) z = Mul (n, h) }",
     1},
    {"splits", R"(g (float[1,6,4,4] x, float[6,6,1,1] w) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[2] s = {2, 4}> {
        c = Conv (x, w) a, b = Split <axis=1> (c, s) y = Relu (a) z = Neg (b) })",
     6},
    {"slices",
     R"(g (float[2,6,4] x) => (float[?,?,?] y, float[?,?,?] z) <int64[1] s = {1}, int64[1] e = {4}, int64[1] a = {1}, int64[1] b = {0}, int64[1] f = {9}> {
        y = Slice (x, s, e, a) z = Slice (x, s, f, b) })",
     1},
    {"slices_with_steps",
     R"(g (float[9,6,11] x) => (float[?,?,?] y, float[?,?,?] z, float[?] d) <int64[3] s = {7, 1, 0}, int64[3] e = {-100, 5, 11}, int64[3] a = {0, 1, 2}, int64[3] p = {-3, 2, 4}, int64[1] b = {0}, int64[1] f = {9}, int64[1] t = {2}, int64[1] flat = {-1}, int64[1] g = {594}, int64[1] h = {12}> {
        y = Slice (x, s, e, a, p) z = Slice (x, b, f, b, t) r = Reshape (x, flat) d = Slice (r, b, g, b, h) })",
     1},
    {"transposed_left",
     "g (float[37,150] x, float[150,37] w) => (float[?,?] y) { t = Transpose (x) s = Sub (t, w) y = Relu (s) }", 1},
    {"transposed_right",
     "g (float[600,140] x, float[140,600] w) => (float[?,?] y) { t = Transpose (x) y = Sub (w, t) }", 1},
    {"transposed_and_broadcast",
     "g (float[3,40,5] x, float[40] w) => (float[?,?,?] y) { t = Transpose <perm=[2,0,1]> (x) y = Mul (t, w) }", 1},
    {"transposed_both",
     "g (float[20,30] x, float[20,30] w) => (float[?,?] y) { s = Transpose (x) t = Transpose (w) y = Add (s, t) }", 1},
    {"transposed_twice_used",
     "g (float[20,20] x) => (float[?,?] y, float[?,?] z) { t = Transpose (x) y = Add (x, t) z = Neg (t) }", 1},
    {"transposed_beyond_caches",
     "g (float[2100,2000] x, float[2000,2100] w) => (float[?,?] y) { t = Transpose (x) y = Add (t, w) }", 1},
    {"added_beyond_caches", "g (float[2100,2001] x, float[2001] w) => (float[?,?] y) { y = Add (x, w) }", 1},
    // Ids are made by Cast, in [-5, 5] or [-30, 30].
    {"segment_sums",
     R"(g (float[5000] x, float[5000] w) => (float[?] y) <float f = {5}, int64 l = {-1}, int64 h = {3}, float[5] d = {1, 2, 3, 4, 5}, int64[1] b = {0}, int64[1] e = {3}> {
        m = Mul (x, f) i = Cast <to=7> (m) c = Clip (i, l, h) s = ScatterElements <reduction="add"> (d, c, w) y = Slice (s, b, e) })",
     5000, 1},
    {"segment_maxima_of_many",
     R"(g (float[5000] x, float[5000] w) => (float[?] y) <float f = {30}, int32 l = {-1}, int32 h = {18}, int64[1] n = {20}, int64[1] b = {0}, int64[1] e = {18}> {
        d = ConstantOfShape (n) m = Mul (x, f) i = Cast <to=6> (m) c = Clip (i, l, h) s = ScatterElements <reduction="max"> (d, c, w) y = Slice (s, b, e) })",
     1, 1},
    {"segments_with_the_bounds",
     R"(g (float[500] x, float[500] w) => (float[?] y) <float f = {5}, int64 l = {-1}, int64 h = {2}, float[3] d = {0, 0, 0}> {
        m = Mul (x, f) i = Cast <to=7> (m) c = Clip (i, l, h) y = ScatterElements <reduction="add"> (d, c, w) })",
     500, 3},
};

class Native : public testing::TestWithParam<Case> {};

TEST_P(Native, AgreesWithTheReferenceEvaluation) { expect_agreement(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Cases, Native, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cycloid
