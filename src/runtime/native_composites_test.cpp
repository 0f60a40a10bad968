// Operators that are taken apart, and attention, against the reference evaluation.
#include "runtime/native_testing.h"

namespace cycloid {
namespace {

using native::Case;
using native::expect_agreement;

constexpr Case kCases[] = {
    {"einsum_products",
     R"(g (float[2,3,5,7] x, float[2,3,9,7] k, float[3,7,4] w) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?] t) {
        y = Einsum <equation="bhid,bhjd->bhij"> (x, k) z = Einsum <equation="bhid,hdk->bihk"> (x, w) t = Einsum <equation="bhid,bhjd->dj"> (x, k) })",
     42},
    {"einsum_of_one",
     R"(g (float[2,3,5] x) => (float[?,?] y, float[?] z, float[?,?,?] t, float s) {
        y = Einsum <equation="abc->ca"> (x) z = Einsum <equation="abc->b"> (x) t = Einsum <equation="bca"> (x) s = Einsum <equation="abc->"> (x) })",
     30},
    {"einsum_outer",
     R"(g (float[4,5] x, float[4,3] k) => (float[?,?,?] y, float[?,?] z) {
        y = Einsum <equation="ai,aj->aji"> (x, k) z = Einsum <equation="ai,aj->ij"> (x, k) })",
     4},
    {"einsum_of_three",
     R"(g (float[4,5] x, float[5,6] k, float[6,3] w) => (float[?,?] y, float[?] z) {
        y = Einsum <equation="ij,jk,kl->il"> (x, k, w) z = Einsum <equation="ij,jk,kl->l"> (x, k, w) })",
     120},
    {"einsum_ellipsis",
     R"(g (float[2,1,4,5] x, float[3,5,6] k) => (float[?,?,?,?] y, float[?,?,?] z) {
        y = Einsum <equation="...ij,...jk->...ik"> (x, k) z = Einsum <equation="...ij,...jk->i..."> (x, k) })",
     30},
    {"einsum_sizes_of_one",
     R"(g (float[1,4,1] x, float[1,6] k) => (float[?,?,?] y, float[?,?] z) {
        y = Einsum <equation="bic,bj->bij"> (x, k) z = Einsum <equation="bic,bj->jc"> (x, k) })",
     4},
    // A diagonal has no form of its own.
    {"einsum_diagonal", R"(g (float[5,5] x) => (float[?] y) { y = Einsum <equation="ii->i"> (x) })", 1, 1},
    {"small_operators",
     R"(g (float[2,6,4,10] x, float[6,1,10] k) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?,?] t, float[?,?,?,?] u, float[?,?,?,?] v, float[?,?,?,?] w) {
        y = Mean (x, k) z = MeanVarianceNormalization (x) t = LpNormalization <axis=1> (x) u = LpNormalization <p=1> (x) v = Selu (x) w = Celu <alpha=0.7> (x) })",
     80},
    {"more_small_operators",
     R"(g (float[2,6,4,10] x) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?] t) <int64[1] i = {1}> {
        y = SpaceToDepth <blocksize=2> (x) z = SpaceToDepth <blocksize=2, mode="CRD"> (x) a = Abs (x) t = ReduceLogSum <keepdims=0> (a, i) })",
     6},
    {"fused_conv",
     R"(g (float[1,5,6,6] x, float[7,5,3,3] w, float[7] b, float[1,7,4,4] k) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?,?] t) {
        y = com.microsoft.FusedConv <activation="Relu"> (x, w, b, k) z = com.microsoft.FusedConv <activation="Clip", activation_params=[-0.5, 0.25]> (x, w, b) t = com.microsoft.FusedConv <activation="HardSigmoid", activation_params=[0.2, 0.5]> (x, w) })",
     46},
    {"fused_gemm",
     R"(g (float[5,17] x, float[9,17] w, float[9] b) => (float[?,?] y) { y = com.microsoft.FusedGemm <transB=1, activation="LeakyRelu", activation_alpha=0.1> (x, w, b) })",
     18},
    {"fused_matmul",
     R"(g (float[3,2,5,7] x, float[3,2,7,4] k, float[7,3,2,5] w, float[7,3,2,4] v) => (float[?,?,?,?] y, float[?,?,?,?] z, float[?,?,?,?] t) {
        y = com.microsoft.FusedMatMul <alpha=0.5> (x, k) z = com.microsoft.FusedMatMul <transA=1, transBatchA=1> (w, k) t = com.microsoft.FusedMatMul <transBatchB=1> (x, v) })",
     7},
    {"embed_layer_normalization",
     R"(g (float[11,8] w, float[6,8] p, float[2,8] s, float[8] g1, float[8] b1) => (float[?,?,?] y, float[?,?,?] z) <int32[2,3] i = {3, 0, 10, 7, 7, 1}, int32[2,3] k = {0, 1, 1, 0, 0, 1}, int32[1,3] at = {5, 0, 2}> {
        y = com.microsoft.EmbedLayerNormalization (i, k, w, p, s, g1, b1) z, , e = com.microsoft.EmbedLayerNormalization (i, , w, p, , g1, b1, , at) })",
     16},
    {"attention_causal",
     R"(g (float[2,37,24] x, float[2,37,12] k, float[2,37,8] v) => (float[?,?,?] y, float[?,?,?] z) {
        y = Attention <q_num_heads=4, kv_num_heads=2, is_causal=1> (x, k, v) z = Attention <q_num_heads=4, kv_num_heads=2, softcap=2.0> (x, k, v) })",
     64},
    {"attention_one_query",
     R"(g (float[2,6,1,20] x, float[2,2,75,20] k, float[2,2,75,35] v, float[1,6,1,75] m) => (float[?,?,?,?] y, float[?,?,?,?] z) {
        y = Attention <scale=0.7> (x, k, v) z = Attention (x, k, v, m) })",
     100},
    {"attention_with_a_past",
     R"(g (float[2,3,16] x, float[2,3,8] k, float[2,3,10] v, float[2,2,5,4] p, float[2,2,5,5] r) => (float[?,?,?] y, float[?,?,?,?] pk, float[?,?,?,?] pv, float[?,?,?] z) {
        y, pk, pv = Attention <q_num_heads=4, kv_num_heads=2, is_causal=1> (x, k, v, , p, r) z = Attention <q_num_heads=4, kv_num_heads=2> (x, k, v, , p, r) })",
     24},
    {"attention_windows_and_lengths",
     R"(g (float[2,3,9,8] x, float[2,3,11,8] k, float[2,3,11,4] v) => (float[?,?,?,?] y, float[?,?,?,?] z) <int64[2] n = {11, 3}> {
        y = Attention <left_window_size=2, right_window_size=1> (x, k, v) z = Attention <is_causal=1> (x, k, v, , , , n) })",
     24},
    {"attention_of_truth_values",
     R"(g (float[2,3,5,8] x, float[2,3,7,8] k, float[2,3,7,4] v) => (float[?,?,?,?] y) <bool[5,7] m = {1,1,1,0,1,1,1, 0,0,0,0,0,0,0, 1,0,0,0,0,0,0, 1,1,1,1,1,1,1, 0,0,0,0,0,0,1}> {
        y = Attention (x, k, v, m) })",
     24},
    {"attention_of_short_masks",
     R"(g (float[2,3,5,8] x, float[2,3,7,8] k, float[2,3,7,4] v, float[5,4] m) => (float[?,?,?,?] y) { y = Attention (x, k, v, m) })",
     24},
    {"attention_with_scores",
     R"(g (float[2,3,16] x, float[2,3,8] k, float[2,3,10] v, float[2,2,5,4] p, float[2,2,5,5] r) => (float[?,?,?] y, float[?,?,?,?] pk, float[?,?,?,?] pv, float[?,?,?,?] s, float[?,?,?] y1, float[?,?,?,?] s1) {
        y, pk, pv, s = Attention <q_num_heads=4, kv_num_heads=2, is_causal=1, qk_matmul_output_mode=3> (x, k, v, , p, r) y1, , , s1 = Attention <q_num_heads=4, kv_num_heads=2, softcap=0.7, qk_matmul_output_mode=1> (x, k, v) })",
     24},
    {"attention_with_masked_scores",
     R"(g (float[2,3,5,8] x, float[2,3,7,8] k, float[2,3,7,4] v, float[1,3,1,7] m) => (float[?,?,?,?] y, float[?,?,?,?] s, float[?,?,?,?] y1, float[?,?,?,?] s1, float[?,?,?,?] y2, float[?,?,?,?] s2, float[?,?,?,?] s3) <bool[5,7] f = {1,1,1,0,1,1,1, 0,0,0,0,0,0,0, 1,0,0,0,0,0,0, 1,1,1,1,1,1,1, 0,0,0,0,0,0,1}> {
        y, , , s = Attention <qk_matmul_output_mode=3> (x, k, v, f) y1, , , s1 = Attention <qk_matmul_output_mode=3, left_window_size=1, right_window_size=2> (x, k, v, m)
        y2, , , s2 = Attention <scale=0.3> (x, k, v, m) , , , s3 = Attention <qk_matmul_output_mode=2> (x, k, v, m) })",
     24},
    {"multi_head_masks",
     R"(g (float[2,5,24] x, float[2,7,24] k, float[2,7,12] v, float[1,3,5,7] m) => (float[?,?,?] y, float[?,?,?] z, float[?,?,?] t, float[?,?,?] u) <int32[2] n = {7, 3}, int32[4] e = {5, 7, 1, 0}, int32[2,7] f = {1,1,1,0,1,1,0, 0,1,1,1,1,1,1}> {
        y = com.microsoft.MultiHeadAttention <num_heads=3> (x, k, v, , n) z = com.microsoft.MultiHeadAttention <num_heads=3, mask_filter_value=-3.0> (x, k, v, , f, m)
        t = com.microsoft.MultiHeadAttention <num_heads=3, unidirectional=1, scale=0.4> (x, k, v) u = com.microsoft.MultiHeadAttention <num_heads=3> (x, k, v, , e) })",
     24},
    {"multi_head_by_heads",
     R"(g (float[2,5,24] x, float[2,3,7,8] k, float[2,3,7,4] v) => (float[?,?,?] y) { y = com.microsoft.MultiHeadAttention <num_heads=3> (x, k, v) })",
     24},
    {"multi_head_with_a_past",
     R"(g (float[2,2,24] x, float[2,2,24] k, float[2,2,24] v, float[72] b, float[2,3,4,8] p, float[2,3,4,8] r) => (float[?,?,?] y, float[?,?,?,?] pk, float[?,?,?,?] pv) {
        y, pk, pv = com.microsoft.MultiHeadAttention <num_heads=3> (x, k, v, b, , , p, r) })",
     24},
    {"attention_of_microsoft",
     R"(g (float[2,5,16] x, float[16,72] w, float[72] b, float[2,2,3,4,8] p) => (float[?,?,?] y, float[?,?,?,?,?] pp, float[?,?,?] z) <int32[2] n = {5, 2}> {
        y, pp = com.microsoft.Attention <num_heads=3, unidirectional=1> (x, w, b, , p) z = com.microsoft.Attention <num_heads=3> (x, w, b, n) })",
     40},
    {"attention_of_microsoft_with_sizes",
     R"(g (float[2,5,16] x, float[16,60] w, float[60] b) => (float[?,?,?] y) { y = com.microsoft.Attention <num_heads=3, qkv_hidden_sizes=[24,24,12]> (x, w, b) })",
     40},
    {"group_query_prompt",
     R"(g (float[2,5,32] x, float[2,5,16] k, float[2,5,16] v, float[9,4] c, float[9,4] s) => (float[?,?,?] y, float[?,?,?,?] pk, float[?,?,?,?] pv) <int32[2] n = {4, 4}, int32[1] t = {5}> {
        y, pk, pv = com.microsoft.GroupQueryAttention <num_heads=4, kv_num_heads=2, do_rotary=1> (x, k, v, , , n, t, c, s) })",
     24},
    {"group_query_step",
     R"(g (float[2,1,64] x, float[2,2,9,8] p, float[2,2,9,8] r, float[12,3] c, float[12,3] s) => (float[?,?,?] y, float[?,?,?,?] pk, float[?,?,?,?] pv) <int32[2] n = {7, 3}, int32 t = {9}> {
        y, pk, pv = com.microsoft.GroupQueryAttention <num_heads=4, kv_num_heads=2, do_rotary=1, rotary_interleaved=1, local_window_size=4, softcap=3.0> (x, , , p, r, n, t, c, s) })",
     24},
    {"group_query_bias",
     R"(g (float[2,3,32] x, float[2,3,16] k, float[2,3,16] v, float[2,2,4,8] p, float[2,2,4,8] r, float[1,4,3,7] m) => (float[?,?,?] y) <int32[2] n = {6, 4}, int32[1] t = {7}> {
        y = com.microsoft.GroupQueryAttention <num_heads=4, kv_num_heads=2, scale=0.3> (x, k, v, p, r, n, t, , , , m) })",
     24},
    {"rotary",
     R"(g (float[2,5,24] x, float[2,5,4] c, float[2,5,4] s, float[2,3,5,10] z, float[9,4] d, float[9,4] e) => (float[?,?,?] y, float[?,?,?,?] t, float[?,?,?] u) <int64[2,5] i = {0,1,2,3,4, 8,7,6,5,4}, int64[1] f = {3}> {
        y = RotaryEmbedding <num_heads=3, interleaved=1> (x, c, s) t = RotaryEmbedding <rotary_embedding_dim=8> (z, d, e, i) u = com.microsoft.RotaryEmbedding <num_heads=3> (x, f, d, e) })",
     2},
    {"group_normalizations",
     R"(g (float[2,6,5,7] x, float[6] s, float[6] b) => (float[?,?,?,?] y, float[?,?,?,?] t) {
        y = InstanceNormalization (x, s, b) t = GroupNormalization <num_groups=3, epsilon=0.01> (x, s, b) })",
     64},
    {"grid_samples",
     R"(g (float[2,19,5,7] x, float[2,3,4,2] k, float[1,2,1,1] a, float[1,3,3,2] z) => (float[?,?,?,?] y, float[?,?,?,?] t, float[?,?,?,?] u, float[?,?,?,?] v) <float f = {1.4}> {
        m = Mul (k, f) y = GridSample (x, m) t = GridSample <mode="cubic", padding_mode="reflection", align_corners=1> (x, m)
        u = GridSample <mode="nearest", padding_mode="border"> (x, m) v = GridSample <padding_mode="reflection"> (a, z) })",
     16},
    {"roi_aligns",
     R"(g (float[2,19,9,11] x) => (float[?,?,?,?] y, float[?,?,?,?] t, float[?,?,?,?] u) <float[3,4] r = {0.5, 1, 7, 6.5, -3, -2, 4, 30, 2, 2, 2, 2}, int64[3] i = {0, 1, 1}> {
        y = RoiAlign <output_height=3, output_width=2, sampling_ratio=2> (x, r, i) t = RoiAlign <output_height=2, output_width=2, spatial_scale=0.5> (x, r, i)
        u = RoiAlign <output_height=2, output_width=3, coordinate_transformation_mode="output_half_pixel"> (x, r, i) })",
     64},
    {"roi_aligns_by_maximum",
     R"(g (float[2,19,9,11] x) => (float[?,?,?,?] y, float[?,?,?,?] t) <float[4,4] r = {0.5, 1, 7, 6.5, -3, -2, 4, 30, 2, 2, 2, 2, 20, 20, 24, 24}, int64[4] i = {0, 1, 1, 0}> {
        y = RoiAlign <output_height=3, output_width=2, sampling_ratio=2, mode="max"> (x, r, i) t = RoiAlign <output_height=2, output_width=2, spatial_scale=0.5, mode="max", coordinate_transformation_mode="output_half_pixel"> (x, r, i) })",
     4},
    {"sines",
     "g (float[3,70] x) => (float[?,?] y, float[?,?] z) <float f = {40}> { m = Mul (x, f) y = Sin (m) z = Cos (m) }",
     1},
    {"angles",
     R"(g (float[3,70] x) => (float[?,?] y, float[?,?] z, float[?,?] t, float[?,?] u) <float f = {9}, float o = {1.5}> {
        m = Mul (x, f) y = Tan (x) a = Asin (x) b = Acos (x) z = Add (a, b) c = Atan (m) d = Sinh (m) e = Asinh (d) t = Add (c, e)
        h = Abs (m) i = Add (h, o) j = Acosh (i) k = Cosh (x) l = Atanh (x) n = Add (j, k) u = Add (n, l) })",
     4},
    {"signals",
     R"(g (float[2,40,1] x, float[2,3,10,1] z, float[3,6,2] a) => (float[?,?,?,?] y, float[?,?,?,?] t, float[?,?,?,?] u, float[?,?,?] v, float[?,?,?] w) <int64 s = {3}, int64 n = {8}, float[8] h = {0, 0.2, 0.5, 0.9, 1, 0.9, 0.5, 0.2}, int64 k = {-2}> {
        y = STFT (x, s, h, n) t = STFT <onesided=0> (x, s, , n) u = DFT <onesided=1> (z, , k) v = DFT (a) w = DFT <inverse=1> (a) })",
     40},
    {"log_sums_and_triangles",
     R"(g (float[3,6,5] x) => (float[?,?] y, float y1, float[?,?,?] z, float[?,?,?] t, float[?,?,?] u) <int64[1] i = {1}, int64 k = {-1}> {
        y = ReduceLogSumExp <keepdims=0> (x, i) y1 = ReduceLogSumExp <keepdims=0> (x) z = Trilu (x, k) t = Trilu <upper=0> (x) u = ThresholdedRelu <alpha=0.3> (x) })",
     90},
    {"log_sums_of_special_values",
     R"(g (float[3,6] x) => (float[?] y, float[?] z, float[?] t) <int64[1] i = {1}> {
        l = Sub (x, x) n = Div (l, l) r = Div (x, l) a = Abs (r) m = Neg (a) y = ReduceLogSumExp <keepdims=0> (n, i)
        p = ReduceLogSumExp <keepdims=0> (r, i) q = ReduceLogSumExp <keepdims=0> (m, i) z = Sigmoid (p) t = Sigmoid (q) })",
     6},
    {"infinities",
     R"(g (float[3,6] x) => (float[?,?] y, float[?,?] z) <float o = {0.1}, float n = {0}> {
        l = Less (x, o) r = Div (x, n) w = Where (l, r, x) i = IsInf (w) y = Cast <to=1> (i) j = IsInf <detect_positive=0> (w) z = Cast <to=1> (j) })",
     1},
    {"weights_of_few_bits",
     "g (float[3,40] x, float[2,20] z) => (float[?,?] y, float[?,?] t) <int4[40,3] w = {-4, -6, 0, -5, 7, 6, 7, 4, -2, "
     "-5, 7, -8, 4, 5, -8, 6, 0, -1, -5, 2, -8, -8, -8, -8, 4, -2, 5, -8, -1, 6, 7, -1, 3, -1, -1, 6, 1, -8, 5, -5, "
     "-3, 1, -5, 2, 5, -2, 1, 1, 7, 4, -7, 7, -1, 4, 5, -3, 3, 3, -6, 6, -5, -3, 4, 3, 7, -8, 7, -7, 1, 4, -3, -3, -1, "
     "-8, -2, -1, 4, 3, 3, 6, 0, -8, 4, -4, -2, 5, -7, 7, 3, -2, 5, 7, 3, 5, 3, -8, 2, 6, -8, -1, -3, -3, -6, 0, -7, "
     "-6, -6, -8, 6, -8, 0, -1, 0, -5, -3, 3, 1, -6, -3, -3}, float[3,3] s = {0.5, 0.25, 0.125, 1, 0.75, 0.5, 0.1, "
     "0.2, 0.3}, int4[3,3] p = {0, -3, 0, 1, 6, 2, 7, 7, -5}, uint8[20,2] v = {12, 159, 197, 175, 215, 96, 132, 55, "
     "129, 107, 221, 10, 115, 9, 203, 74, 18, 82, 228, 218, 112, 230, 114, 15, 202, 164, 218, 30, 152, 64, 108, 24, "
     "156, 36, 39, 158, 152, 81, 213, 129}, float[2,2] r = {0.01, 0.02, 0.03, 0.04}> { d = "
     "DequantizeLinear <axis=0, block_size=16> (w, s, p) y = MatMul (x, d) e = DequantizeLinear <axis=0, "
     "block_size=16> (v, r) t = MatMul (z, e) }",
     40},
};

class NativeComposites : public testing::TestWithParam<Case> {};

TEST_P(NativeComposites, AgreesWithTheReferenceEvaluation) { expect_agreement(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Cases, NativeComposites, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cycloid
