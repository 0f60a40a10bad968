// The lowerings of operators of any element type, recurrent ones and trees, against the reference evaluation: for each
// instruction set and one and two threads.
#include "runtime/native_cases.h"

namespace cycloid {
namespace {

using namespace native_cases;

constexpr Case
    kCases[] =
        {
            {"integer_arithmetic",
             R"(g (int64[3,4,70] x, int64[70] a, int32[4,1] b, int32[4,5] c) => (int64[?,?,?] y, int32[?,?] z) {
        s = Add (x, a) t = Mul (s, x) u = Sub (t, a) v = Div (u, x) w = Mod (v, a) m = Max (w, x) y = Min (m, a)
        d = Add (b, c) e = Mul (d, c) f = Sub (e, b) h = Div (f, c) i = Neg (h) j = Abs (i) z = Sign (j) })"},
            {"remainders_of_c",
             R"(g (float[3,100] x, float[100] a, double[3,70] b, double[3,1] c, int64[3,40] d, int64[40] e, int32[5] f, float16[3,4] h)
        => (float[?,?] p, double[?,?] q, int64[?,?] r, int32[?] s, float16[?,?] t) <int64 three = {3}, int32 minus = {-3}> {
        p = Mod <fmod=1> (x, a) q = Mod <fmod=1> (b, c) u = Sub (d, three) r = Mod <fmod=1> (u, e) v = Neg (f) s = Mod <fmod=1> (v, minus) t = Mod <fmod=1> (h, h) })",
             20, 0, 1},
            {"thresholds",
             R"(g (float[3,100] x, double[70] a, bfloat16[9] b) => (float[?,?] p, double[?] q, bfloat16[?] r) {
        p = ThresholdedRelu <alpha=0.25> (x) q = ThresholdedRelu (a) r = Sign (b) })"},
            {"running_sums",
             R"(g (float[3,7,300] x, int64[9,20] a, double[20,11] b) => (float[?,?,?] p, float[?,?,?] q, int64[?,?] r, double[?,?] s, uint32[?,?] t, uint64[?,?] u) <int64 zero = {0}, int64 one = {1}, int64 last = {-1}> {
        p = CumSum <exclusive=1> (x, one) q = CumSum <reverse=1> (x, last) r = CumSum <reverse=1, exclusive=1> (a, zero) s = CumSum (b, one)
        c = Cast <to=12> (a) t = CumSum <reverse=1> (c, one) d = Cast <to=13> (a) u = CumSum (d, zero) })",
             1000},
            {"support_vectors",
             R"(g (float[37,3] x, double[5,3] a, int64[2,3] b, float[3] c) => (float[?,?] p, float[?,?] q, float[?,?] r, float[?,?] s, float[?,?] t, int64[?] u, float[?,?] v, int64[?] w, float[?,?] z, int64[?] d, float[?,?] e, int64[?] f, float[?,?] h, int64[?] i, float[?,?] j) {
        p = ai.onnx.ml.SVMRegressor <kernel_type="RBF", kernel_params=[0.5,0.0,3.0], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], n_supports=6, coefficients=[0.5,-1.0,0.25,1.5,-0.75,0.5], rho=[0.3]> (x)
        q = ai.onnx.ml.SVMRegressor <kernel_type="POLY", kernel_params=[0.5,1.0,3.0], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], n_supports=6, coefficients=[0.5,-1.0,0.25,1.5,-0.75,0.5], rho=[0.3]> (a)
        r = ai.onnx.ml.SVMRegressor <kernel_type="SIGMOID", kernel_params=[0.5,0.25,3.0], one_class=1, support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], n_supports=6, coefficients=[0.5,-1.0,0.25,1.5,-0.75,0.5], rho=[0.3]> (b)
        s = ai.onnx.ml.SVMRegressor <kernel_type="LINEAR", post_transform="LOGISTIC", support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], n_supports=6, coefficients=[0.5,-1.0,0.25,1.5,-0.75,0.5], rho=[0.3]> (c)
        t = ai.onnx.ml.SVMRegressor <kernel_type="LINEAR", coefficients=[0.5,-1.0,2.0], rho=[0.25]> (x)
        u, v = ai.onnx.ml.SVMClassifier <kernel_type="RBF", kernel_params=[0.5,0.0,3.0], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], vectors_per_class=[3,1,2], coefficients=[0.5,1.0,0.75,-1.0,-0.5,-0.25, 0.25,0.5,1.0,0.5,-1.0,-0.75], rho=[0.1,-0.2,0.3], classlabels_ints=[5,-7,9]> (x)
        w, z = ai.onnx.ml.SVMClassifier <kernel_type="POLY", kernel_params=[0.25,4.0,2.5], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], vectors_per_class=[3,1,2], coefficients=[0.5,1.0,0.75,-1.0,-0.5,-0.25, 0.25,0.5,1.0,0.5,-1.0,-0.75], rho=[0.1,-0.2,0.3], classlabels_ints=[0,1,2], prob_a=[-1.0,-1.2,-0.8], prob_b=[0.1,0.0,-0.1]> (c)
        d, e = ai.onnx.ml.SVMClassifier <kernel_type="SIGMOID", kernel_params=[0.25,0.5,3.0], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], vectors_per_class=[2,4], coefficients=[0.5,1.0,0.75,-1.0,-0.5,-0.25], rho=[0.1], classlabels_ints=[3,4], post_transform="SOFTMAX"> (a)
        f, h = ai.onnx.ml.SVMClassifier <kernel_type="RBF", kernel_params=[0.25,0.5,3.0], support_vectors=[0.5,1.0,-1.0, 1.5,-0.5,0.25, -1.0,-1.0,0.0, 0.75,0.5,1.25, 0.0,1.0,-0.25, 1.0,-1.5,0.5], vectors_per_class=[2,4], coefficients=[0.5,1.0,0.75,-1.0,-0.5,-0.25], rho=[0.1], classlabels_ints=[3,4], prob_a=[-1.0], prob_b=[0.25]> (b)
        i, j = ai.onnx.ml.SVMClassifier <kernel_type="LINEAR", coefficients=[1.0,0.5,-0.25,-1.0,0.5,0.75], rho=[0.25], classlabels_ints=[3,4]> (x) })",
             8, 4 * kUlp},
            {"counts_of_ngrams",
             R"(g (int64[5,40] x, int32[30] a, int64[3,7] b) => (float[?,?] p, float[?] q, float[?,?] r, float[?,?] s) {
        p = TfIdfVectorizer <mode="TF", min_gram_length=1, max_gram_length=2, max_skip_count=0, ngram_counts=[0,4], ngram_indexes=[0,1,2,3,4,5,9], pool_int64s=[0,2,5,7, 1,2, 0,0, 3,5]> (x)
        q = TfIdfVectorizer <mode="TFIDF", min_gram_length=2, max_gram_length=3, max_skip_count=5, ngram_counts=[0,2,6], ngram_indexes=[0,1,2,3,4], pool_int64s=[0,9999999999, 1,2,2,1, 0,0,1], weights=[0.5,2.0,-1.0,3.0,0.25]> (a)
        r = TfIdfVectorizer <mode="IDF", min_gram_length=1, max_gram_length=1, max_skip_count=3, ngram_counts=[0], ngram_indexes=[1,0], pool_int64s=[3,4]> (b)
        s = TfIdfVectorizer <mode="IDF", min_gram_length=1, max_gram_length=3, max_skip_count=1, ngram_counts=[0,2,4], ngram_indexes=[1,0,3,2], pool_int64s=[3,4, 1,2, 2,1,0], weights=[0.5,2.0,-1.0,3.0]> (b) })",
             8},
            {"double_arithmetic",
             R"(g (double[3,37] x, double[37] a) => (double[?,?] y, bool[?,?] z) {
        s = Add (x, a) t = Mul (s, x) u = Sub (t, a) v = Div (u, x) m = Max (v, x) n = Min (m, a) y = Abs (n) z = IsNaN (y) })"},
            {"other_types_have_no_kernel",
             R"(g (double[3,4] x, double[4] a, int64[3] b) => (double[?,?] y, double[?,?] z, int64[?] u) { y = PRelu (x, a) z = Softplus (x) u = Clip (b) })",
             8, 0, 3},
            {"products_of_doubles",
             R"(g (double[5,33] x, double[33,40] w, double[40] c, double[7,33] d, double[5,1] e, double[2,3,7,9] a, double[3,9,30] b, double[1,9,4] k, double[9] v, double[33,6] t, double[70,150] l, double[150,3] h, double f)
        => (double[?,?] p, double[?,?] q, double[?,?] r, double[?,?,?,?] s, double[?,?,?,?] u, double[?,?] z, double[?,?] o, double[?,?] m) <double[3,2] n = {1, -2, 0.5, 3, 0.25, -1}> {
        p = Gemm (x, w, c) q = Gemm <transB=1, alpha=0.5> (x, d, e) r = Gemm <transA=1> (t, w, f) s = MatMul (a, b) u = MatMul (a, k) z = MatMul (v, b) i = MatMul (l, h) o = MatMul (i, n) m = Gemm <transB=1, transA=1> (h, l) })",
             8, 64 * kUlp64},
            {"products_of_integers",
             R"(g (int64[4,6] i, int64[6,50] j, int32[3,4,5] k, int32[3,5,6] l, uint32[2,9] a, uint32[9,1] b, uint64[1,70] c, uint64[70,20] d, int32[4,6] e, int32[6] f)
        => (int64[?,?] p, int32[?,?,?] q, uint32[?,?] r, uint64[?,?] s, int32[?,?] t) <int32[6,6] n = {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6, 1, 0, 1, 0, 1, 0, 7, 7, 7, 7, 7, 7, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1}> {
        p = MatMul (i, j) q = MatMul (k, l) r = MatMul (a, b) s = MatMul (c, d) t = Gemm (e, n, f) })",
             100},
            {"functions_of_doubles",
             R"(g (double[5,37] x, double[4,3,20] w, double[20] c, double[3,20] d)
        => (double[?,?] p, double[?,?] q, double[?,?] r, double[?,?] s, double[?,?] t, double[?,?,?] u, double[?,?,?] v, double[?,?] z, double[?,?] o, bool[?,?] m, double[?,?,?] n) <double lo = {-0.5}, double hi = {1.25}> {
        e = Exp (x) l = Log (e) h = Tanh (l) i = Sigmoid (h) p = Erf (i) q = Clip (x, lo, hi) r = Relu (x) s = Softmax (x) t = LogSoftmax <axis=0> (x) u = LayerNormalization <axis=-1> (w, c, c) v = LayerNormalization <axis=1, epsilon=0.001> (w, d)
        a = Floor (x) b = Ceil (x) f = Round (x) g1 = Add (a, b) z = Add (g1, f) j = Cos (x) k = Sin (j) o = Reciprocal (k) y = Div (x, a) m = IsInf (y) n = Softmax <axis=1> (w) })",
             8, 64 * kUlp64},
            {"reductions_of_doubles",
             R"(g (double[5,37] x, double[4,3,20] w, int64[6,9] i) => (double[?,?] p, double[?] q, double[?,?] r, double[?,?,?] s, double[?,?] t, double[?,?] u, int64[?] v, int64[?] z) <int64[1] one = {1}, int64[2] two = {0, 1}> {
        p = ReduceMean (x, one) q = ReduceL2 <keepdims=0> (x, one) r = ReduceSumSquare <keepdims=0> (w, one) s = ReduceMean (w, two) t = ReduceL1 (x, one) u = ReduceLogSumExp (x, one) v = ReduceL1 <keepdims=0> (i, one) z = ReduceSumSquare <keepdims=0> (i, one) })",
             8, 64 * kUlp64},
            {"small_integers",
             R"(g (int64[3,40] a, int64[40] b, uint8[3,40] u) => (int16[?,?] p, uint16[?,?] q, int8[?,?] r, bool[?,?] s, bool[?,?] t, uint8[?,?] v, int8[?,?] w, uint32[?,?] x, uint64[?,?] y, uint8[?,?] z, int16[?,?] o, int64[?,?] k, int8[?,?] l)
        <int64 half = {40}, uint8 lo = {20}, uint8 hi = {50}, int64 one = {1}> {
        d = Sub (a, half) c = Cast <to=5> (d) e = Cast <to=5> (b) p = Add (c, e) f = Cast <to=4> (a) g1 = Cast <to=4> (b) q = Mul (f, g1) h = Cast <to=3> (d) i = Cast <to=3> (b) r = Max (h, i) s = Less (h, i) t = Equal (c, e)
        z = Clip (u, lo, hi) v = Mod (u, hi) w = Sign (h) j = Cast <to=12> (a) m = Cast <to=12> (b) x = Div (j, m) n = Cast <to=13> (a) n2 = Cast <to=13> (b) y = Min (n, n2) o = Relu (c) k = Clip (d, one, half) l = Abs (h) })",
             90},
            {"codes_of_16_bits",
             R"(g (float[3,40] x, float16[3,40] h, float16 e, uint8[3,40] u) => (int16[?,?] p, uint16[?,?] q, float[?,?] r, float[?,?] s, int16[?,?] t, float[?,?] v, float16[?,?] w)
        <float a = {0.0001}, int16 b = {-1000}, uint16 c = {30000}, float[3] d = {0.001, 0.0001, 0.5}, int16[3] f = {0, 5, -5}, uint8 z = {3}> {
        p = QuantizeLinear (x, a, b) q = QuantizeLinear (x, a, c) r = DequantizeLinear (p, a, b) s = DequantizeLinear (q, a, c) t = QuantizeLinear <axis=0> (x, d, f) v = DequantizeLinear <axis=0> (t, d, f) w = DequantizeLinear (u, e, z) })",
             250},
            {"half_comparisons",
             R"(g (float16[3,40] x, float16[40] a, bfloat16[7] b) => (bool[?,?] p, bool[?,?] q, float16[?,?] r, float16[?,?] s, int64[?,?] t, bool[?] u, bfloat16[?] v, bool[?,?] z) {
        m = Mul (x, a) p = Less (m, a) q = Equal (m, x) r = Floor (m) n = Round (m) s = Sign (m) t = ArgMax <axis=1> (m) u = GreaterOrEqual (b, b) v = Ceil (b) z = IsInf (m) })"},
            {"comparisons",
             R"(g (float[3,40] x, float[40] a, int64[3,1] b, int64[3,5] c, double[7] d, int32[6] e) => (bool[?,?] p, bool[?,?] q, bool[?] r, bool[?] s) {
        k = Less (x, a) l = GreaterOrEqual (x, a) m = Or (k, l) n = Xor (m, k) o = Not (n) p = And (o, m)
        t = Equal (b, c) u = LessOrEqual (c, b) v = Greater (b, c) w = And (t, u) q = Or (v, w) r = Greater (d, d) s = Equal (e, e) })",
             3},
            {"bits",
             R"(g (int64[40] x, int64[40] a, uint8[5,3] b, uint8[3] c) => (int64[?] y, uint8[?,?] z) {
        s = BitwiseAnd (x, a) t = BitwiseOr (s, a) y = BitwiseXor (t, x) u = BitwiseAnd (b, c) z = BitwiseOr (u, c) })",
             200},
            {"bits_without_a_sign",
             R"(g (uint32[40] x, uint32[40] a, uint64[3,5] b, uint64[5] c, uint8[9] d, int8[7] e, int32[6] f) => (uint32[?] y, uint32[?] z, uint64[?,?] t, uint8[?] u, int8[?] v, int32[?] w) {
        s = BitwiseXor (x, a) y = BitShift <direction="RIGHT"> (s, a) z = BitShift <direction="LEFT"> (s, a) p = Add (b, c) t = Mul (p, b) q = BitShift <direction="LEFT"> (d, d) u = BitwiseNot (q) v = BitwiseNot (e) w = BitwiseNot (f) })",
             40},
            {"features_of_tables",
             R"(g (float[6,4] x, float[6,3] b, int64[5] c, int64[3,4] d) => (float[?,?] p, int64[?,?] p1, float[?,?] q, float[?,?] r, float[?,?] s, float[?,?] t, float[?,?] u) <int64[1,3] i = {3, 0, 1}> {
        p = ai.onnx.ml.ArrayFeatureExtractor (x, i) p1 = ai.onnx.ml.ArrayFeatureExtractor (d, i) q = ai.onnx.ml.Binarizer <threshold=0.25> (x) r = ai.onnx.ml.FeatureVectorizer <inputdimensions=[4,3]> (x, b)
        s = ai.onnx.ml.OneHotEncoder <cats_int64s=[0,2,5,7]> (c) m = Relu (x) t = ai.onnx.ml.Imputer <imputed_value_floats=[1.0,2.0,3.0,4.0], replaced_value_float=0.0> (m)
        n = Sqrt (x) u = ai.onnx.ml.Imputer <imputed_value_floats=[9.0], replaced_value_float=nan> (n) })"},
            {"grids_and_shrinking",
             R"(g (float[2,2,3] x, float[2,3,4,5] a, int64[3,4] b) => (float[?,?,?,?] p, float[?,?,?,?] q, float[?,?,?,?] r, float[?,?,?,?] s, float[?,?,?,?] t, int64[?,?] u, float[?,?] v) <int64[4] n = {2, 7, 4, 6}> {
        p = AffineGrid (x, n) q = AffineGrid <align_corners=1> (x, n) r = GlobalLpPool (a) s = GlobalLpPool <p=1> (a) t = Shrink <lambd=0.7, bias=0.2> (a) u = EyeLike <k=1> (b) v = EyeLike <k=-2, dtype=1> (b) })",
             8, 24 * kUlp},
            {"elements_of_16_bytes",
             "g (complex128[3,4] x) => (complex128[?,?] y, complex128[?] z) <int64[1] n = {12}> { y = Identity (x) "
             "z = Reshape (x, n) }"},
            {"casts",
             R"(g (float[5,40] x, int64[40] a, bool[7] b, uint8[9] c, double[33] d) => (int64[?,?] p, int32[?,?] q, float[?] r, double[?] s, int64[?] t, float[?] u, bool[?,?] v, float[?] w, uint8[?,?] o) {
        p = Cast <to=7> (x) q = Cast <to=6> (x) r = Cast <to=1> (a) s = Cast <to=11> (a) t = Cast <to=7> (b) u = Cast <to=1> (c) v = Cast <to=9> (x) w = Cast <to=1> (d) m = Abs (x) o = Cast <to=2> (m) })"},
            {"where",
             R"(g (bool[3,40] c, float[3,40] x, float[40] a, float e, bool[3,1] f, int64[3,40] i, int64[1] j, bool[40] k) => (float[?,?] p, float[?,?] q, float[?,?] r, int64[?,?] s, float[?,?] t, int64[?,?] u) {
        p = Where (c, x, a) q = Where (c, x, e) r = Where (f, x, a) s = Where (c, i, j) t = Where (k, e, x) u = Where (c, j, j) })"},
            {"expand_and_tile",
             R"(g (float[3,1,5] x, int64[4] a, float[2,3] b, bool[1] d) => (float[?,?,?,?] p, int64[?,?] q, float[?,?] r, float[?,?] s, bool[?,?] t)
        <int64[4] m = {2, 3, 4, 5}, int64[2] n = {3, 4}, int64[2] o = {2, 3}, int64[2] k = {1, 2}> {
        p = Expand (x, m) q = Expand (a, n) r = Tile (b, o) s = Tile (b, k) t = Expand (d, n) })"},
            {"gather",
             R"(g (float[9,5] x, int64[3,4] i, int32[6] j, int64 k, int64[8,2,3] a) => (float[?,?,?] p, float[?,?] q, float[?] r, int64[?,?,?] s) {
        p = Gather (x, i) q = Gather <axis=1> (x, j) r = Gather (x, k) s = Gather <axis=0> (a, j) })",
             5},
            {"gather_negative",
             R"(g (float[9,64] x) => (float[?,?] p) <int64[3] i = {-1, 3, -9}> { p = Gather (x, i) })"},
            {"gather_elements",
             R"(g (float[6,7,8] x, int64[6,5,8] i, int64[6,7,3] j, int32[4,7,8] k, bool[8] b, int64[3] l) => (float[?,?,?] p, float[?,?,?] q, float[?,?,?] r, bool[?] s) {
        p = GatherElements <axis=1> (x, i) q = GatherElements <axis=-1> (x, j) r = GatherElements <axis=0> (x, k) s = GatherElements (b, l) })",
             6},
            {"gather_nd",
             R"(g (float[4,5,6] x, int64[3,2] i, int64[4,3,1] j, int64[2,3,3] k) => (float[?,?] p, float[?,?,?] q, float[?,?] r) {
        p = GatherND (x, i) q = GatherND <batch_dims=1> (x, j) r = GatherND (x, k) })",
             4},
            {"scatter",
             R"(g (float[5,6] x, int64[2,6] i, float[2,6] u, int64[3,1] j, float[3,6] v, int64[4,2] k, float[4] w) => (float[?,?] p, float[?,?] q, float[?,?] r) {
        p = ScatterElements (x, i, u) q = ScatterND (x, j, v) r = ScatterND (x, k, w) })",
             5},
            {"powers",
             R"(g (float[3,40] x) => (float[?,?] p, float[?,?] q, float[?,?] r, float[?,?] s) <float two = {2}, float[1] some = {1.7}, int64 itwo = {2}, float one = {1}> {
        a = Abs (x) p = Pow (x, two) q = Pow (a, some) r = Pow (x, itwo) s = Pow (x, one) })",
             8, 4 * kUlp},
            {"lstm",
             R"(g (float[6,3,5] x, float[1,3,20] h, float[1,3,20] c) => (float[?,?,?,?] y, float[?,?,?] z, float[?,?,?] u) {
        y, z, u = LSTM <hidden_size=20> (x, W[1,80,5], R[1,80,20], B[1,160], , h, c) })",
             8, 64 * kUlp},
            {"lstm_both_ways_with_all_there_is",
             R"(g (float[6,5,4] x) => (float[?,?,?,?] y, float[?,?,?] z, float[?,?,?] u) <int32[5] l = {6, 0, 3, 1, 5}> {
        y, z, u = LSTM <hidden_size=17, direction="bidirectional", clip=1.5, activations=["Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "Tanh"]> (x, W[2,68,4], R[2,68,17], B[2,136], l, H[2,5,17], C[2,5,17], P[2,51]) })",
             8, 256 * kUlp},
            {"lstm_batch_first", R"(g (float[5,6,4] x) => (float[?,?,?,?] y, float[?,?,?] z) { y, z = LSTM <hidden_size=7, layout=1, direction="reverse", input_forget=1> (x, W[1,28,4], R[1,28,7]) })",
             8, 64 * kUlp},
            {"lstm_lengths_in_the_run",
             R"(g (float[6,3,5] x, int32[3] l) => (float[?,?,?] z) { y, z = LSTM <hidden_size=20> (x, W[1,80,5], R[1,80,20], , l) })",
             7, 64 * kUlp},
            {"gru",
             R"(g (float[6,3,5] x) => (float[?,?,?,?] y, float[?,?,?] z, float[?,?,?,?] u) {
        y, z = GRU <hidden_size=37> (x, W[1,111,5], R[1,111,37], B[1,222], , H[1,3,37]) u, w = GRU <hidden_size=37, linear_before_reset=1, direction="reverse"> (x, W[1,111,5], R[1,111,37], B[1,222]) })",
             8, 64 * kUlp},
            {"gru_batch_first_both_ways",
             R"(g (float[9,4,5] x) => (float[?,?,?,?] y, float[?,?,?] z) { y, z = GRU <hidden_size=8, layout=1, linear_before_reset=1, direction="bidirectional"> (x, W[2,24,5], R[2,24,8], , , H[9,2,8]) })",
             8, 64 * kUlp},
            {"rnn",
             R"(g (float[6,3,5] x) => (float[?,?,?,?] y, float[?,?,?] z) { y, z = RNN <hidden_size=70, direction="bidirectional"> (x, W[2,70,5], R[2,70,70], B[2,140]) })",
             8, 64 * kUlp},
            {"if",
             R"(g (bool c, float[3,4] x, float[4] a) => (float[?,?] y, float[?] z) {
        y, z = If (c) <then_branch = t () => (p, q) { p = Add (x, a) q = Relu (a) }, else_branch = e () => (r, s) { n = Add (x, x) r = Mul (n, x) s = Neg (a) }> })"},
            {"if_of_other_shapes",
             R"(g (bool c, float[3,4] x) => (y) <int64[1] a = {0}> {
        y = If (c) <then_branch = t () => (p) { p = Add (x, x) }, else_branch = e () => (r) { r = Unsqueeze (x, a) }> })"},
            {"if_that_is_decided",
             R"(g (float[3,1,4] x) => (float[?,?] y) <int64 one = {1}, int64[1] axis = {1}> {
        s = Shape (x) d = Gather (s, one) e = Equal (d, one) q = If (e) <then_branch = t () => (p) { p = Squeeze (x, axis) }, else_branch = e () => (r) { r = Identity (x) }> y = Relu (q) })"},
            {"if_with_a_branch_of_another_shape",
             R"(g (float[3,1,4] x, bool[2] u) => (float[?,?] y) <int64[1] axis = {1}, int64[1] other = {2}, int64[1] z = {0}> {
        n = Not (u) o = Or (u, n) c = Gather (o, z) y = If (c) <then_branch = t () => (p) { p = Squeeze (x, axis) }, else_branch = e () => (r) { r = Squeeze (x, other) }> })"},
            {"loop",
             R"(g (float[3] x, float[3] w) => (float[?] y, float[?,?] s) <int64 n = {5}, bool c = {1}> {
        y, s = Loop (n, c, x) <body = b (int64 i, bool ci, float[3] h) => (co, hn, so) { co = Identity (ci) f = Cast <to=1> (i) t = Tanh (h) u = Mul (t, w) hn = Add (u, f) so = Mul (hn, x) }> })",
             8, 32 * kUlp},
            {"loop_while",
             R"(g (float[3] x, float limit) => (float[?] y, float[?,?] s) <int64 n = {50}, bool c = {1}, float one = {0.5}> {
        y, s = Loop (n, c, x) <body = b (int64 i, bool ci, float[3] h) => (co, hn, so) { hn = Add (h, one) m = ReduceMax <keepdims=0> (hn) co = Less (m, limit) so = Identity (hn) }> })"},
            {"loop_that_does_not_run",
             R"(g (float[3] x, int64 n) => (float[?] y, float[?,?] s) <bool c = {1}> {
        y, s = Loop (n, c, x) <body = b (int64 i, bool ci, float[3] h) => (co, hn, so) { co = Identity (ci) hn = Add (h, x) so = Neg (hn) }> })",
             3},
            {"loop_that_swaps_and_hands_on",
             R"(g (float[3] x, float[3] w) => (float[?] y, float[?] z, float[?] v, float[?,?] s) <int64 n = {3}, bool c = {1}> {
        y, z, v, s = Loop (n, c, x, w, w) <body = b (int64 i, bool ci, float[3] h, float[3] k, float[3] same) => (co, k, hn, same, so) { co = Identity (ci) hn = Add (h, same) so = Identity (same) }> })"},
            {"loop_counted_by_its_condition",
             R"(g (float[3] x) => (float[?,?] y) <int64 n = {100}, bool c = {1}, int64 zero = {0}, int64 one = {1}, int64 most = {7}> {
        k, h, s = Loop (n, c, zero, x) <body = b (int64 i, bool ci, int64 at, float[3] h) => (co, next, hn, so) { next = Add (at, one) co = Less (next, most) hn = Add (h, x) so = Neg (hn) }> y = Relu (s) })"},
            {"loop_in_a_branch_in_a_loop",
             R"(g (float[3] x, bool d) => (float[?] y) <int64 n = {3}, bool c = {1}> {
        y = Loop (n, c, x) <body = b (int64 i, bool ci, float[3] h) => (co, hn) { co = Identity (ci) hn = If (d) <
          then_branch = t () => (p) { p = Loop (n, ci, h) <body = bb (int64 j, bool cj, float[3] g) => (cn, gn) { cn = Identity (cj) gn = Add (g, x) }> },
          else_branch = e () => (r) { r = Sub (h, x) }> }> })"},
            {"scan",
             R"(g (float[6,3] x, float[3] h, float[6,3] z) => (float[?] y, float[?,?] s, float[?,?] t) {
        y, s, t = Scan <num_scan_inputs=2, scan_output_directions=[1, 0], scan_input_directions=[0, 1], body = b (float[3] hi, float[3] xi, float[3] zi) => (ho, so, to) { m = Mul (hi, xi) ho = Add (m, zi) so = Neg (ho) to = Identity (xi) }> (h, x, z) })"},
            {"scan_along_other_axes",
             R"(g (float[2,6,3] x, float[2,3] h) => (float[?,?] y, float[?,?,?] s, float[?,?,?] t) {
        y, s, t = Scan <num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[-1, 1], scan_output_directions=[0, 1], body = b (float[2,3] hi, float[2,3] xi) => (ho, so, to) { m = Mul (hi, xi) ho = Add (m, xi) so = Neg (ho) to = Identity (xi) }> (h, x) })"},
            {"trees",
             R"(g (float[21,3] x) => (int64[?] l, float[?,?] p, float[?,?] y) {
        l, p = ai.onnx.ml.TreeEnsembleClassifier <post_transform="LOGISTIC", classlabels_int64s=[7, 9], class_treeids=[0, 0, 1, 1], class_nodeids=[1, 2, 1, 2], class_ids=[0, 0, 0, 0], class_weights=[-0.5, 0.75, 0.25, -1.0],
          nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2], nodes_featureids=[1, 0, 0, 2, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0, -0.25, 0.0, 0.0],
          nodes_truenodeids=[1, 0, 0, 1, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 0, 0]> (x)
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets=2, aggregate_function="AVERAGE", base_values=[0.5, 1.5], target_treeids=[0, 0, 1, 1], target_nodeids=[1, 2, 1, 2], target_ids=[0, 1, 0, 0], target_weights=[-0.5, 0.75, 0.25, -1.0],
          nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2], nodes_featureids=[1, 0, 0, 2, 0, 0], nodes_modes=["BRANCH_LT", "LEAF", "LEAF", "BRANCH_GTE", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0, -0.25, 0.0, 0.0],
          nodes_truenodeids=[1, 0, 0, 1, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 0, 0]> (x) })"},
            {"trees_of_three_classes_by_integers",
             R"(g (int64[70,2] x) => (int64[?] l, float[?,?] p) {
        l, p = ai.onnx.ml.TreeEnsembleClassifier <post_transform="SOFTMAX", classlabels_int64s=[1, 2, 3], class_treeids=[0, 0, 0], class_nodeids=[1, 3, 4], class_ids=[0, 1, 2], class_weights=[0.5, 0.75, 0.25],
          nodes_treeids=[0, 0, 0, 0, 0], nodes_nodeids=[0, 1, 2, 3, 4], nodes_featureids=[1, 0, 0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "BRANCH_LT", "LEAF", "LEAF"], nodes_values=[2.0, 0.0, 3.0, 0.0, 0.0],
          nodes_truenodeids=[1, 0, 3, 0, 0], nodes_falsenodeids=[2, 0, 4, 0, 0]> (x) })"},
};

class NativeTypes : public testing::TestWithParam<Case> {};

TEST_P(NativeTypes, AgreesWithTheReferenceEvaluation) { check_case(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Cases, NativeTypes, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(NativeTypes, AnIndexOutsideIsAnError) {
  for (const char* text :
       {"g (float[4,5] x, int64[2] i) => (float[?,?] y) { y = Gather (x, i) }",
        "g (float[4,5] x, int64[2] i) => (float[?,?] y) <int64[2] s = {2, 1}> { j = Reshape (i, s) y = GatherND (x, j) "
        "}",
        "g (float[4] x, int64[2] i) => (float[?] y) { y = GatherElements (x, i) }",
        "g (float[4] x, int64[2] i, float[2] u) => (float[?] y) { y = ScatterElements (x, i, u) }"}) {
    const Model model = model_of({.name = "", .text = text});
    const Session session = Session::create(model, {.threads = 1}).value();
    ASSERT_EQ(session.plan()->reference_steps, 0) << session.plan()->to_text();
    for (const std::int64_t bad : {std::int64_t{4}, std::int64_t{-5}, std::int64_t{1} << 40, INT64_MIN}) {
      std::mt19937 random(1);
      std::vector<Tensor> inputs;
      for (const ValueInfo& info : model.inputs()) inputs.push_back(random_tensor(info.dtype, info.shape, 4, random));
      inputs[1].mutable_data<std::int64_t>()[1] = bad;
      std::vector<TensorView> views;
      for (const Tensor& tensor : inputs)
        views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
      EXPECT_FALSE(session.run(views).ok()) << text << " with " << bad;
    }
  }
}

// Sizes that inference does not compare: the kernels must not read beyond them.
TEST(NativeTypes, StatesOfAnotherSizeAreAnError) {
  std::string ones = "1";
  for (int i = 1; i < 64; ++i) ones += ",1";
  const auto lstm = [&](const char* states) {
    return "g (float[3,2,4] x, " + std::string(states) + ") => (float[?,?,?,?] y) <float[1,16,4] w = {" + ones +
           "}> { y = LSTM <hidden_size = 4> (x, w, w, , l, h, c) }";
  };
  const auto outputs = [&](const char* states) {
    const std::string text = lstm(states);
    const Model model = model_of({.name = "", .text = text.c_str()});
    const Session session = Session::create(model, {.threads = 1}).value();
    std::vector<Tensor> inputs;
    std::mt19937 random(1);
    for (const ValueInfo& info : model.inputs()) inputs.push_back(random_tensor(info.dtype, info.shape, 4, random));
    std::vector<TensorView> views;
    for (const Tensor& tensor : inputs)
      views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
    return session.run(views);
  };
  EXPECT_TRUE(outputs("int32[2] l, float[1,2,4] h, float[1,2,4] c").ok());
  for (const char* states : {"int32[1] l, float[1,2,4] h, float[1,2,4] c", "int32[2] l, float[1,1,4] h, float[1,2,4] c",
                             "int32[2] l, float[1,2,4] h, float[1,2,3] c", "int32[2] l, float[2,4] h, float[1,2,4] c"})
    EXPECT_FALSE(outputs(states).ok()) << states;
}

// A float beyond an integer's range, and integers without a quotient.
TEST(NativeTypes, SpecialValues) {
  const Model model =
      model_of({.name = "",
                .text = "g (float[20] x, int64[4] a, int64[4] b) => (int32[?] p, int64[?] q, bool[?] r, int64[?] s, "
                        "int64[?] t) { p = Cast "
                        "<to=6> (x) q = Cast <to=7> (x) r = Cast <to=9> (x) s = Div (a, b) t = Mod (a, b) }"});
  std::vector<float> x(20, 1);
  const float some[] = {NAN, INFINITY, -INFINITY, 3e9f, -3e9f, 1e20f, -0.0f, 2.9f, -2.9f, 1e-30f};
  std::copy(std::begin(some), std::end(some), x.begin());
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::vector<Tensor> inputs = {Tensor::of<float>({20}, std::span<const float>(x)),
                                      Tensor::of<std::int64_t>({4}, {least, 7, -7, least}),
                                      Tensor::of<std::int64_t>({4}, {-1, 0, 2, 1})};
  const std::vector<AnyValue> expected = run_by_reference(model, inputs);
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    const Session session = Session::create(model, {.threads = 1, .isa = std::string(to_string(isa))}).value();
    EXPECT_EQ(session.plan()->reference_steps, 0);
    const std::vector<AnyValue> actual = run_session(session, inputs);
    for (std::size_t i = 0; i < expected.size(); ++i)
      compare(actual[i].tensor(), expected[i].tensor(), 0, std::to_string(i) + " " + std::string(to_string(isa)));
  }
}

// A search counts no FLOPs, but takes long: several threads share it, with the same result, also where k comes in the run.
TEST(NativeTypes, LongSearchesAreShared) {
  for (const bool of_run : {false, true}) {
    const std::string text =
        of_run ? "g (float[4,16384] x, int64[1] k) => (float[?,?] y, int64[?,?] i) { y, i = TopK (x, k) }"
               : "g (float[4,16384] x) => (float[?,?] y, int64[?,?] i) <int64[1] k = {100}> { y, i = TopK (x, k) }";
    const Model model = model_of({.name = "", .text = text.c_str()});
    std::mt19937 random(5);
    std::vector<Tensor> inputs = {random_tensor(DType::kFloat32, {4, 16384}, 0, random)};
    if (of_run) inputs.push_back(Tensor::of<std::int64_t>({1}, {100}));
    const std::vector<AnyValue> expected = run_by_reference(model, inputs);
    const Session session = Session::create(model, {.threads = 2}).value();
    const PlanInfo plan = session.plan().value();
    EXPECT_EQ(plan.threads, 2) << plan.to_text();
    EXPECT_EQ(plan.steps.back().units, 4) << plan.to_text();
    const std::vector<AnyValue> actual = run_session(session, inputs);
    for (std::size_t i = 0; i < expected.size(); ++i) compare(actual[i].tensor(), expected[i].tensor(), 0, "output");
  }
}

}  // namespace
}  // namespace cycloid
