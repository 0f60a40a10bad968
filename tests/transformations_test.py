"""Each transformation that the optimiser promises, on a model as people write it: what is left, and that ONNX Runtime computes
the same before and after. A rule's own tests are beside its source; here the rules meet, as in use.

A case is the body of a graph in ONNX's text form, and the operators that are left, those of subgraphs too."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx import helper, numpy_helper, parser  # noqa: E402

SIZES = {"N": 3, "M": 5, "B": 2}  # of the open sizes, in what is run
FINITE = ["--assume-finite"]

FEWER_NODES = {
    "transposes cancel": (
        "(float[N,M] x) => (float[N,M] y) { t = Transpose<perm=[1,0]>(x) u = Transpose<perm=[1,0]>(t) y = Relu(u) }",
        "Relu",
    ),
    "through a unary operator": (
        "(float[N,M] x) => (float[N,M] y) { t = Transpose<perm=[1,0]>(x) u = Tanh(t) y = Transpose<perm=[1,0]>(u) }",
        "Tanh",
    ),
    "through a sum with a value known at run time only": (
        "(float[N,M] a, float[M,N] b) => (float[N,M] y) { t = Transpose<perm=[1,0]>(a) u = Add(t, b) y = "
        "Transpose<perm=[1,0]>(u) }",
        "Add Transpose",
    ),
    "through a sum that broadcasts": (
        "(float[N,M] a, float[N] b, float c) => (float[N,M] y) { t = Transpose<perm=[1,0]>(a) u = Add(t, b) v = Mul(u, "
        "c) y = Transpose<perm=[1,0]>(v) }",
        "Add Mul Reshape",
    ),
    "through a reduction": (
        "(float[N,M,4] x) => (float[M] y) <int64[2] a = {0, 1}> { t = Transpose<perm=[2,0,1]>(x) y = "
        "ReduceMax<keepdims=0>(t, a) }",
        "ReduceMax",
    ),
    "through a softmax": (
        "(float[N,M] x) => (float[N,M] y) { t = Transpose<perm=[1,0]>(x) u = Softmax<axis=0>(t) y = "
        "Transpose<perm=[1,0]>(u) }",
        "Softmax",
    ),
    "through a concatenation": (
        "(float[N,M] a, float[N,M] b) => (float[N,K] y) { s = Transpose<perm=[1,0]>(a) t = Transpose<perm=[1,0]>(b) u = "
        "Concat<axis=0>(s, t) y = Transpose<perm=[1,0]>(u) }",
        "Concat",
    ),
    "through a split": (
        "(float[N,6] x) => (float[N,3] y, float[N,3] z) <int64[2] s = {3, 3}> { t = Transpose<perm=[1,0]>(x) a, b = "
        "Split<axis=0>(t, s) c = Relu(a) y = Transpose<perm=[1,0]>(c) z = Transpose<perm=[1,0]>(b) }",
        "Relu Split",
    ),
    "through padding": (
        "(float[N,M] x) => (float[P,Q] y) <int64[4] p = {1, 0, 2, 3}> { t = Transpose<perm=[1,0]>(x) u = Pad(t, p) y = "
        "Transpose<perm=[1,0]>(u) }",
        "Pad",
    ),
    "through a slice": (
        "(float[N,M] x) => (float[N,P] y) <int64[1] s = {1}, int64[1] e = {4}, int64[1] a = {0}> { t = "
        "Transpose<perm=[1,0]>(x) u = Slice(t, s, e, a) y = Transpose<perm=[1,0]>(u) }",
        "Slice",
    ),
    "through a gather": (
        "(float[N,M] x) => (float[N,3] y) <int64[3] i = {2, 0, 2}> { t = Transpose<perm=[1,0]>(x) u = Gather<axis=0>(t, "
        "i) y = Transpose<perm=[1,0]>(u) }",
        "Gather",
    ),
    "through squeeze and unsqueeze": (
        "(float[1,N,M] x) => (float[N,M,1] y) <int64[1] a = {2}, int64[1] z = {0}> { t = Transpose<perm=[2,1,0]>(x) u = "
        "Squeeze(t, a) v = Unsqueeze(u, z) w = Relu(v) y = Transpose<perm=[2,1,0]>(w) }",
        "Relu Transpose",
    ),
    "through a resize": (
        "(float[N,4,4,3] x) => (float[N,8,8,3] y) <float[4] s = {1, 1, 2, 2}> { t = Transpose<perm=[0,3,1,2]>(x) u = "
        'Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(t, , s) y = '
        "Transpose<perm=[0,2,3,1]>(u) }",
        "Resize",
    ),
    "through a quantised pair": (
        "(float[N,M] x) => (float[N,M] y) <float s = {0.1}, uint8 z = {128}> { t = Transpose<perm=[1,0]>(x) q = "
        "QuantizeLinear(t, s, z) d = DequantizeLinear(q, s, z) y = Transpose<perm=[1,0]>(d) }",
        "DequantizeLinear QuantizeLinear",
    ),
    "into a matrix product": (
        "(float[N,4] x, float[4,M] w) => (float[N,M] y) { a = Transpose<perm=[1,0]>(x) b = Transpose<perm=[1,0]>(w) p = "
        "MatMul(b, a) y = Transpose<perm=[1,0]>(p) }",
        "MatMul",
    ),
    "into Gemm": (
        "(float[3,4] x, float[5,4] w, float[5] c) => (float[3,5] y) { t = Transpose<perm=[1,0]>(w) y = Gemm(x, t, c) }",
        "Gemm",
    ),
    "into Einsum": (
        "(float[2,3,4,2] x, float[2,4,5,2] w) => (float[2,3,5] y) { t = Transpose<perm=[0,2,1,3]>(w) y = "
        'Einsum<equation="bijk,bljk->bil">(x, t) }',
        "Einsum",
    ),
    "into a convolution of one pixel": (
        "(float[N,4,4,3] x) => (float[N,4,4,2] y) <float[2,3,1,1] w = {1, -2, 3, 0.5, 1, 2}> { t = "
        "Transpose<perm=[0,3,1,2]>(x) c = Conv(t, w) y = Transpose<perm=[0,2,3,1]>(c) }",
        "MatMul",
    ),
    "of five axes": (
        "(float[2,3,N,M,4] x) => (float[2,3,N,M,4] y) { t = Transpose<perm=[4,0,3,1,2]>(x) u = Exp(t) y = "
        "Transpose<perm=[1,3,4,2,0]>(u) }",
        "Exp",
    ),
    "a chain of reshapes, a flattening and a transpose of ones": (
        "(float[N,4,6] x) => (float[N,24] y) <int64[4] s = {0, 4, 2, 3}, int64[3] v = {0, 1, 24}> { a = Reshape(x, s) b = "
        "Flatten(a) c = Reshape(b, v) d = Transpose<perm=[0,2,1]>(c) e = Flatten(d) y = Relu(e) }",
        "Relu Reshape",
    ),
    "a chain of expansions": (
        "(float[1,1,4] x) => (float[5,3,4] y) <int64[3] s = {1, 3, 4}, int64[3] t = {5, 1, 1}> { a = Expand(x, s) b = "
        "Expand(a, t) y = Neg(b) }",
        "Expand Neg",
    ),
    "repeated casts": (
        "(float[N] x) => (float[N] y) { a = Cast<to=11>(x) b = Cast<to=11>(a) c = Cast<to=1>(b) y = Abs(c) }",
        "Abs",
    ),
    "repeated slices": (
        "(float[N,6] x) => (float[P,3] y) <int64[1] o = {1}, int64[1] f = {4}, int64[1] z = {0}, int64[1] big = {999}> { "
        "a = Slice(x, o, f, o) y = Slice(a, o, big, z) }",
        "Slice",
    ),
    "repeated concatenations": (
        "(float[N] a, float[N] b, float[N] c) => (float[P] y) { t = Concat<axis=0>(a, b) y = Concat<axis=0>(t, c) }",
        "Concat",
    ),
    "identities and dropouts": (
        "(float[N] x) => (float[N] y) { a = Identity(x) b = Dropout(a) c = Identity(b) y = Relu(c) }",
        "Relu",
    ),
    "common subexpressions": (
        "(float[N] x) => (float[N] y) { a = Exp(x) b = Exp(x) c = Tanh(a) d = Tanh(b) y = Mul(c, d) }",
        "Exp Mul Tanh",
    ),
    "dead code": ("(float[N] x) => (float[N] y) { a = Exp(x) b = Tanh(a) y = Relu(x) }", "Relu"),
    "constants folded inside and into a subgraph": (
        "(float[2] x, bool c) => (float[2] y) <float[2] one = {1, 2}> { k = Add(one, one) y = If<then_branch = t () => "
        "(float[2] a) { d = Mul(k, k) a = Add(x, d) }, else_branch = e () => (float[2] b) { b = Mul(x, k) }>(c) }",
        "Add If Mul",
    ),
    "arithmetic on shapes with open sizes": (
        "(float[N,4,6] x) => (float[P,6] y) <int64 i = {0}, int64 j = {1}, int64[1] z = {0}, int64[1] six = {6}> { s = "
        "Shape(x) a = Gather(s, i) b = Gather(s, j) c = Mul(a, b) d = Unsqueeze(c, z) e = Concat<axis=0>(d, six) r = "
        "Reshape(x, e) y = Relu(r) }",
        "Relu Reshape",
    ),
    "functions inlined": (None, "Add Mul Relu"),  # see with_a_function
    "an If that is decided": (
        "(float[N] x) => (float[N] y) <bool c = {1}> { y = If<then_branch = t () => (float[N] a) { a = Relu(x) }, "
        "else_branch = e () => (float[N] b) { b = Neg(x) }>(c) }",
        "Relu",
    ),
    "padding into a convolution": (
        "(float[N,1,4,4] x) => (float[N,1,P,Q] y) <int64[8] p = {0,0,1,1,0,0,1,2}, float[1,1,2,2] w = {1, 2, 3, 4}> { t = "
        "Pad(x, p) y = Conv(t, w) }",
        "Conv",
    ),
    "padding into a pooling": (
        "(float[N,1,4,4] x) => (float[N,1,P,Q] y) <int64[8] p = {0,0,1,1,0,0,1,1}> { t = Pad(x, p) y = "
        "AveragePool<kernel_shape=[2,2]>(t) }",
        "AveragePool",
    ),
    "products on one value": (
        "(float[N,4] x) => (float[N,2] y) <float[4,2] a = {1,2,3,4,5,6,7,8}, float[4,2] b = {1,0,3,4,5,6,0,8}, float[4,2] "
        "c = {1,2,3,4,0,6,7,8}> { p = MatMul(x, a) q = MatMul(x, b) r = MatMul(x, c) s = Mul(p, q) y = Add(s, r) }",
        "Add MatMul Mul Split",
    ),
    "convolutions on one value": (
        "(float[1,1,64,64] x) => (float[1,1,1,1] y) <float[1,1,64,64] a, float[1,1,64,64] b, float[1,1,64,64] c> { p = "
        "Conv(x, a) q = Conv(x, b) r = Conv(x, c) s = Mul(p, q) y = Add(s, r) }",
        "Add Conv Mul Split",
    ),
}

# A factor, a shift and a batch normalisation into each operator with weights.
LAYERS = {
    "Conv": "<float[2,3,1,1] w = {1,2,3,4,5,6}> { c = Conv(x, w)",
    "ConvTranspose": "<float[3,2,1,1] w = {1,2,3,4,5,6}> { c = ConvTranspose(x, w)",
}
AFTER = {
    "a factor": ("float[2,1,1] f = {0.5, -2}", "y = Mul(c, f)"),
    "a bias": ("float[2,1,1] f = {0.5, -2}", "y = Add(c, f)"),
    "a batch normalisation": (
        "float[2] f = {0.5, -2}, float[2] v = {1, 4}",
        "y = BatchNormalization(c, f, f, f, v)",
    ),
}
for layer, text in LAYERS.items():
    for what, (constants, node) in AFTER.items():
        head, tail = text.split("> {")
        FEWER_NODES[f"{what} into {layer}"] = (
            f"(float[N,3,4,4] x) => (float[N,2,4,4] y) {head}, {constants}> {{{tail} {node} }}",
            layer,
        )
for layer, product in {"MatMul": "MatMul(x, w)", "Gemm": "Gemm(x, w, b)"}.items():
    for what, node, left in (
        ("a factor", "y = Mul(c, f)", layer),
        ("a bias", "y = Add(c, f)", "Gemm"),
        ("a batch normalisation", "y = BatchNormalization(c, f, f, f, v)", "Gemm"),
    ):
        FEWER_NODES[f"{what} into {layer}"] = (
            "(float[N,3] x) => (float[N,2] y) <float[3,2] w = {1,2,3,4,5,6}, float[2] b = {1, -1}, float[2] f = {0.5, "
            f"-2}}, float[2] v = {{1, 4}}> {{ c = {product} {node} }}",
            left,
        )

TRACE = "ReduceSum Reshape Slice"  # the elements n + 1 apart
LOOP = "(int64 i, bool k, float s) => (bool k2, float t) { k2 = Identity(k)"


def accumulated(term, update, start):
    return (
        f"(float[20] x) => (float y) <int64 n = {{20}}, float start = {{{start}}}> {{ y = Loop<body = b {LOOP} e = "
        f"Gather<axis=0>(x, i) f = {term}(e) t = {update}(s, f) }}>(n, , start) }}"
    )


CHEAPER_NODE = {
    "a trace by a loop": (
        f"(float[20,20] a) => (float y) <int64 n = {{20}}, float start = {{0}}> {{ y = Loop<body = b {LOOP} r = "
        "Gather<axis=0>(a, i) e = Gather<axis=0>(r, i) t = Add(s, e) }>(n, , start) }",
        TRACE,
    ),
    "a trace by a scan": (
        "(float[20,20] a) => (float y) <float start = {0}, int64 zero = {0}, int64 one = {1}> { last, y = "
        "Scan<num_scan_inputs=1, body = b (int64 i, float s, float[20] r) => (int64 j, float t) { e = "
        "Gather<axis=0>(r, i) t = Add(s, e) j = Add(i, one) }>(zero, start, a) }",
        TRACE,
    ),
    "a trace by sums": (
        "(float[4,4] a) => (float y) <int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {2}, int64 i3 = {3}> { r0 = Gather(a, i0) "
        "e0 = Gather(r0, i0) r1 = Gather(a, i1) e1 = Gather(r1, i1) r2 = Gather(a, i2) e2 = Gather(r2, i2) r3 = Gather(a, "
        "i3) e3 = Gather(r3, i3) s = Add(e0, e1) t = Add(s, e2) y = Add(t, e3) }",
        TRACE,
    ),
    "a trace by EyeLike and Where": (
        "(float[20,20] a) => (float y) <float z = {0}> { i = EyeLike<dtype=7>(a) e = Cast<to=9>(i) m = Where(e, a, z) y = "
        "ReduceSum<keepdims=0>(m) }",
        TRACE,
    ),
    "a trace by EyeLike and Mul": (
        "(float[20,20] a) => (float y) { e = EyeLike<dtype=1>(a) m = Mul(a, e) y = ReduceSum<keepdims=0>(m) }",
        TRACE,
        FINITE,
    ),
    "a trace by EyeLike and Compress": (
        "(float[20,20] a) => (float y) <int64[1] flat = {-1}> { i = EyeLike<dtype=7>(a) e = Cast<to=9>(i) f = Reshape(e, flat) m = "
        "Compress(a, f) y = ReduceSum<keepdims=0>(m) }",
        TRACE,
    ),
    "a trace by EyeLike, NonZero and GatherND": (
        "(float[20,20] a) => (float y) { e = EyeLike<dtype=7>(a) n = NonZero(e) t = Transpose<perm=[1,0]>(n) g = "
        "GatherND(a, t) y = ReduceSum<keepdims=0>(g) }",
        TRACE,
    ),
    "a trace by Einsum": ('(float[20,20] a) => (float y) { y = Einsum<equation="ii">(a) }', TRACE),
    "a sum by a loop": (accumulated("Exp", "Add", 0), "Exp ReduceSum"),
    "a product by a loop": (accumulated("Sigmoid", "Mul", 1), "ReduceProd Sigmoid"),
    "a maximum by a loop": (accumulated("Neg", "Max", "-1e30"), "Cast Cast IsNaN Max Neg ReduceMax ReduceMax Where"),
    "a minimum by a loop": (accumulated("Neg", "Min", "1e30"), "Cast Cast IsNaN Min Neg ReduceMax ReduceMin Where"),
    "Einsum that is a product": (
        '(float[B,3,4] a, float[B,4,5] b) => (float[B,3,5] y) { y = Einsum<equation="bij,bjk->bik">(a, b) }',
        "MatMul",
    ),
    "Einsum that is a sum": ('(float[N,M] a) => (float[N] y) { y = Einsum<equation="ij->i">(a) }', "ReduceSum"),
    "a square": ("(float[N] x) => (float[N] y) <float c = {2}> { y = Pow(x, c) }", "Mul"),
    "a root of what is not negative": (
        "(float[N] x) => (float[N] y) <float c = {0.5}> { a = Abs(x) y = Pow(a, c) }",
        "Abs Sqrt",
    ),
    "a reciprocal": ("(float[N] x) => (float[N] y) <float c = {-1}> { y = Pow(x, c) }", "Reciprocal"),
    "a division by a constant": ("(float[N] x) => (float[N] y) <float c = {8}> { y = Div(x, c) }", "Mul"),
    "a gather of evenly spaced rows": (
        "(float[9,N] x) => (float[4,N] y) <int64[4] i = {1, 3, 5, 7}> { y = Gather<axis=0>(x, i) }",
        "Slice",
    ),
    "a product that is a convolution": (
        "(float[1,3,64] x) => (float[1,2,64] y) <float[3,2] w = {1,2,3,4,5,6}> { t = Transpose<perm=[0,2,1]>(x) m = "
        "MatMul(t, w) y = Transpose<perm=[0,2,1]>(m) }",
        "Conv",
    ),
    "a convolution that is a product": (
        "(float[N,3] x) => (float[N,2] y) <float[2,3,1,1] w = {1,2,3,4,5,6}, int64[4] s = {0, 3, 1, 1}, int64[2] t = {0, "
        "2}> { r = Reshape(x, s) c = Conv(r, w) y = Reshape(c, t) }",
        "Gemm",
    ),
    "GELU by Erf": (
        "(float[N,M] x) => (float[N,M] y) <float r = {1.4142135}, float o = {1}, float h = {0.5}> { d = Div(x, r) e = "
        "Erf(d) p = Add(e, o) m = Mul(x, p) y = Mul(m, h) }",
        "Gelu",
    ),
    "GELU by Tanh": (
        "(float[N,M] x) => (float[N,M] y) <float c = {0.044715}, float s = {0.7978846}, float o = {1}, float h = {0.5}, "
        "float t = {3}> { p = Pow(x, t) q = Mul(p, c) u = Add(x, q) v = Mul(u, s) w = Tanh(v) z = Add(w, o) g = Mul(x, h) "
        "y = Mul(g, z) }",
        "Gelu",
    ),
    "SiLU": ("(float[N,M] x) => (float[N,M] y) { s = Sigmoid(x) y = Mul(x, s) }", "Swish"),
    "a layer normalisation": (
        "(float[N,4] x) => (float[N,4] y) <int64[1] a = {-1}, float two = {2}, float e = {0.00001}, float[4] g = {1, 2, "
        "3, 4}, float[4] b = {4, 3, 2, 1}> { m = ReduceMean(x, a) d = Sub(x, m) p = Pow(d, two) v = ReduceMean(p, a) w = "
        "Add(v, e) s = Sqrt(w) n = Div(d, s) q = Mul(n, g) y = Add(q, b) }",
        "LayerNormalization",
    ),
    "an RMS normalisation": (
        "(float[N,4] x) => (float[N,4] y) <int64[1] a = {-1}, float two = {2}, float e = {0.00001}, float[4] g = {1, 2, "
        "3, 4}> { p = Pow(x, two) v = ReduceMean(p, a) w = Add(v, e) s = Sqrt(w) n = Div(x, s) y = Mul(n, g) }",
        "RMSNormalization",
    ),
    "a softmax": (
        "(float[N,4] x) => (float[N,4] y) <int64[1] a = {-1}> { m = ReduceMax(x, a) d = Sub(x, m) e = Exp(d) s = "
        "ReduceSum(e, a) y = Div(e, s) }",
        "Softmax",
    ),
    "attention": (
        "(float[B,2,M,4] q, float[B,2,M,4] k, float[B,2,M,4] v) => (float[B,2,M,4] y) <float c = {0.5}> { t = "
        "Transpose<perm=[0,1,3,2]>(k) s = MatMul(q, t) m = Mul(s, c) p = Softmax<axis=-1>(m) y = MatMul(p, v) }",
        "Attention",
    ),
    "a rotary embedding": (
        "(float[B,2,M,8] x, float[B,M,4] g) => (float[B,2,M,8] y) <int64[2] h = {4, 4}, int64[1] o = {1}> { f = Unsqueeze(g, o) u, v = Split<axis=-1>(x, h) "
        "d = Concat<axis=-1>(f, f) c = Cos(d) s = Sin(d) n = Neg(v) r = Concat<axis=-1>(n, u) p = Mul(x, c) q = Mul(r, "
        "s) y = Add(p, q) }",
        "Cos RotaryEmbedding Sin Squeeze Squeeze Unsqueeze",
    ),
}

IDS = np.random.default_rng(11).choice(range(-1, 8), 1200)  # -1 is in no segment
MASKED = {
    "Where": "w# = Where(m#, x, fill)",
    "Compress": "w# = Compress<axis=0>(x, m#)",
    "a product with the mask": "f# = Cast<to=1>(m#) w# = Mul(x, f#)",
    "boolean indexing": "n# = NonZero(m#) p# = Transpose<perm=[1,0]>(n#) w# = GatherND(x, p#)",
    "the mask alone": "w# = Cast<to=1>(m#)",
}
# What each is reduced by, and what Where fills with.
REDUCED = {
    ("Where", "ReduceSum"): 0.0,
    ("Where", "ReduceMax"): -np.inf,
    ("Where", "ReduceMin"): np.inf,
    ("Compress", "ReduceSum"): None,
    ("Compress", "ReduceMean"): None,
    ("Compress", "ReduceMax"): None,
    ("Compress", "ReduceMin"): None,
    ("a product with the mask", "ReduceSum"): None,
    ("boolean indexing", "ReduceSum"): None,
    ("boolean indexing", "ReduceMean"): None,
    ("boolean indexing", "ReduceMax"): None,
    ("boolean indexing", "ReduceMin"): None,
    ("the mask alone", "ReduceSum"): None,  # a count
}


def segments(masked, reduce, looped):
    """Of segments: one reduction of x where ids is k, for each k, written out for eight or in a loop up to the largest."""
    one = f"m# = Equal(ids, k#) {MASKED[masked]} r# = {reduce}<keepdims={0 if looped else 1}>(w#)"
    inputs, constants = "(float[1200] x, int64[1200] ids)", "float[1] fill = {0}"
    if looped:
        constants += ", int64 o = {1}, bool t = {1}"
        body = f"b (int64 k, bool c) => (bool d, float r) {{ d = Identity(c) {one.replace('#', '')} }}"
        nodes = f"l = ReduceMax<keepdims=0>(ids) trips = Add(l, o) y = Loop<body = {body}>(trips, t)"
        return f"{inputs} => (float[P] y) <{constants}> {{ {nodes} }}"
    constants += "".join(f", int64 k{k} = {{{k}}}" for k in range(8))
    nodes = " ".join(one.replace("#", str(k)) for k in range(8))
    parts = ", ".join(f"r{k}" for k in range(8))
    return f"{inputs} => (float[8] y) <{constants}> {{ {nodes} y = Concat<axis=0>({parts}) }}"


def with_a_function():
    text = """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    g (float[N] x) => (float[N] y) { t = local.twice(x) y = Relu(t) }
    <domain: "local", opset_import: ["" : 17]>
    twice (x) => (y) { a = Add(x, x) y = Mul(a, x) }"""
    return parser.parse_model(text)


def model_of(text, opset):
    """What the text declares as a constant without saying its elements gets random ones."""
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> g {text}')
    rng = np.random.default_rng(5)
    for value in model.graph.value_info:
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        model.graph.initializer.append(
            numpy_helper.from_array(rng.standard_normal(dims).astype(np.float32), value.name)
        )
    del model.graph.value_info[:]
    return model


def inputs_of(model):
    """One feed for each input: normal floats, the ids above, and what a case needs to be true."""
    rng = np.random.default_rng(7)
    feeds = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        dims = [SIZES[dim.dim_param] if dim.dim_param else dim.dim_value for dim in tensor.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if dtype == np.float32:
            feeds[value.name] = rng.standard_normal(dims).astype(dtype)
        else:
            feeds[value.name] = IDS if value.name == "ids" else rng.integers(0, 2, dims).astype(dtype)
    return feeds


def run(path, feeds):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def operators(graph):
    found = []
    for node in graph.node:
        if node.op_type != "Constant":
            found.append(node.op_type)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found += operators(attribute.g)
    return sorted(found)


def check(cycloid, folder, model, options):
    """The operators of the optimised model, which ONNX Runtime has run beside the original."""
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, before)
    done = cycloid("optimize", before, "-o", after, *options)
    assert done.returncode == 0, done.stderr
    optimized = onnx.load(after)
    onnx.checker.check_model(optimized, full_check=True)
    feeds = inputs_of(model)
    for expected, actual in zip(run(before, feeds), run(after, feeds), strict=True):
        assert expected.shape == actual.shape and expected.dtype == actual.dtype
        # As a whole model is held to in src/rewrite/verified.cpp.
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1024 * 2.0**-23 * scale)
    return operators(optimized.graph)


CHEAPER_SUBGRAPH = {
    "one-hot rows times a matrix": (
        "(int64[M] i) => (float[M,N] y) <int64 d = {4096}, float[2] v = {0, 1}, float[4096,32] w> { h = OneHot(i, d, v) y = "
        "MatMul(h, w) }",
        "And Gather GreaterOrEqual Less Mod Where",
    ),
    "a choice by arithmetic with a mask": (
        "(float[N] a, float[N] b, float[N] c) => (float[N] y) <float z = {0}, float o = {1}> { m = Greater(c, z) f = "
        "Cast<to=1>(m) g = Sub(o, f) p = Mul(a, f) q = Mul(b, g) y = Add(p, q) }",
        "Greater Where",
        FINITE,
    ),
    "a causal mask that is built": (
        "(float[B,2,M,4] q, float[B,2,M,4] k, float[B,2,M,4] v) => (float[B,2,M,4] y) <float c = {0.5}, float o = {1}, "
        "float z = {0}, float low = {-3.4e38}> { n = Shape<start=2, end=3>(q) d = Concat<axis=0>(n, n) e = Expand(o, d) r = "
        "Trilu<upper=0>(e) h = Equal(r, z) w = Where(h, low, z) t = Transpose<perm=[0,1,3,2]>(k) s = MatMul(q, t) m = "
        "Mul(s, c) a = Add(m, w) p = Softmax<axis=-1>(a) y = MatMul(p, v) }",
        "Attention",
        FINITE,
    ),
    "an expansion before a sum": (
        "(float[1,M] a, float[N,M] b) => (float[N,M] y) { s = Shape(b) e = Expand(a, s) y = Add(e, b) }",
        "Add",
    ),
    "a tile before a sum": (
        "(float[N,1] a, float[N,6] b) => (float[N,6] y) <int64[2] r = {1, 6}> { t = Tile(a, r) y = Add(t, b) }",
        "Add",
    ),
    "an expansion before a product": (
        "(float[4,3,5] a, float[5,6] b) => (float[4,3,6] y) <int64[3] s = {4, 5, 6}> { e = Expand(b, s) y = MatMul(a, e) "
        "}",
        "MatMul",
    ),
    "a chain of products": (
        "(float[64,2] a, float[2,64] b, float[64,1] c) => (float[64,1] y) { p = MatMul(a, b) y = MatMul(p, c) }",
        "MatMul MatMul",
        FINITE,
    ),
    "layers with nothing between them": (
        "(float[N,8] x) => (float[N,2] y) <float[8,4] u, float[4] a = {1, 2, 3, 4}, float[4,2] v = {1,2,3,4,5,6,7,8}, "
        "float[2] b = {1, 2}> { s = Gemm(x, u, a) y = Gemm(s, v, b) }",
        "Gemm",
        FINITE,
    ),
    "what no iteration changes": (
        "(float[4] x, float[4] z) => (float[4] y) <int64 n = {200}> { y = Loop<body = b (int64 i, bool k, float[4] s) => "
        "(bool k2, float[4] t) { k2 = Identity(k) e = Exp(z) f = Mul(s, e) t = Tanh(f) }>(n, , x) }",
        "Exp Identity Loop Mul Tanh",
    ),
    "a common factor": (
        "(float[N] x, float[N] a, float[N] b) => (float[N] y) { p = Mul(x, a) q = Mul(x, b) y = Add(p, q) }",
        "Add Mul",
        FINITE,
    ),
    "a common matrix": (
        "(float[3,4] x, float[4,5] a, float[4,5] b) => (float[3,5] y) { p = MatMul(x, a) q = MatMul(x, b) y = Add(p, q) }",
        "Add MatMul",
        FINITE,
    ),
    "segments of known lengths": (
        "(float[12] x) => (float[3] y) <int64[12] ids = {0,0,0,1,1,1,1,1,2,2,2,2}, int64 k0 = {0}, int64 k1 = {1}, int64 k2 "
        "= {2}, float z = {0}> { m0 = Equal(ids, k0) m1 = Equal(ids, k1) m2 = Equal(ids, k2) w0 = Where(m0, x, z) w1 = "
        "Where(m1, x, z) w2 = Where(m2, x, z) r0 = ReduceSum(w0) r1 = ReduceSum(w1) r2 = ReduceSum(w2) y = "
        "Concat<axis=0>(r0, r1, r2) }",
        "Concat ReduceSum ReduceSum ReduceSum Split",
    ),
}
BODY = "(int64 i, bool k) => (bool k2, float[4,4] p) { k2 = Identity(k) xi = Gather<axis=0>(x, i)"
PARALLEL_BRANCHES = {
    "a loop of a known length as one batch": (
        f"(float[6,4,4] x, float[4,4] w) => (float[6,4,4] y) <int64 n = {{6}}, bool t = {{1}}> {{ y = Loop<body = b {BODY} h = MatMul(xi, "
        "w) p = Softmax<axis=-1>(h) }>(n, t) }",
        "MatMul Softmax",
    ),
    "a loop of a length that a shape tells": (
        "(float[N,4,4] x, float[4,4] w) => (float[N,4,4] y) <int64 z = {0}, bool t = {1}> { s = Shape(x) n = Gather(s, z) y = Loop<body "
        f"= b {BODY} h = MatMul(xi, w) p = Softmax<axis=-1>(h) }}>(n, t) }}",
        "MatMul Softmax",
    ),
    "a scan as one batch": (
        "(float[N,4] x) => (float[N,4] y) { y = Scan<num_scan_inputs=1, body = b (float[4] r) => (float[4] p) { e = Exp(r) "
        "p = Softmax<axis=-1>(e) }>(x) }",
        "Exp Softmax",
    ),
    "a counter that is carried": (
        "(float[6,4] x) => (float[6,4] y) <int64 n = {6}, int64 c0 = {5}, int64 one = {1}> { c, y = Loop<body = b (int64 i, "
        "bool k, int64 c1) => (bool k2, int64 c2, float[4] p) { k2 = Identity(k) e = Gather<axis=0>(x, c1) p = Softmax(e) "
        "c2 = Sub(c1, one) }>(n, , c0) }",
        "Slice Softmax",
    ),
    "a condition that is always true": (
        "(float[6,4] x) => (float[6,4] y) <int64 n = {6}, int64 big = {100}, bool t = {1}> { y = Loop<body = b (int64 i, "
        "bool k) => (bool k2, float[4] p) { k2 = Less(i, big) e = Gather<axis=0>(x, i) p = Exp(e) }>(n, t) }",
        "Exp",
    ),
    "a sequence that is put together": (
        "(float[6,4] x) => (float[6,4] y) <int64 n = {6}> { s = SequenceEmpty<dtype=1>() q = Loop<body = b (int64 i, bool "
        "k, seq(float[4]) s1) => (bool k2, seq(float[4]) s2) { k2 = Identity(k) e = Gather<axis=0>(x, i) p = Exp(e) s2 = "
        "SequenceInsert(s1, p) }>(n, , s) y = ConcatFromSequence<axis=0, new_axis=1>(q) }",
        "Exp",
    ),
    "iterations that depend on each other, one after another": (
        "(float[4] x) => (float[4] y) <int64 n = {3}> { y = Loop<body = b (int64 i, bool k, float[4] s) => (bool k2, "
        "float[4] t) { k2 = Identity(k) e = Exp(s) t = Tanh(e) }>(n, , x) }",
        "Exp Exp Exp Tanh Tanh Tanh",
    ),
    "branches that were written out, as one batch": (
        "(float[3,4] x, float[4,4] w) => (float[3,4] y) <int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}> { a = "
        "Gather<axis=0>(x, i0) b = Gather<axis=0>(x, i1) c = Gather<axis=0>(x, i2) d = MatMul(a, w) e = MatMul(b, w) f = "
        "MatMul(c, w) y = Concat<axis=0>(d, e, f) }",
        "MatMul Squeeze Unsqueeze",
    ),
}


def cases():
    for table in (FEWER_NODES, CHEAPER_NODE, CHEAPER_SUBGRAPH, PARALLEL_BRANCHES):
        for what, (text, left, *options) in table.items():
            yield pytest.param(text, left, options[0] if options else [], id=what)


@pytest.mark.parametrize(("text", "left", "options"), list(cases()))
def test_is_rewritten(cycloid, tmp_path, text, left, options):
    model = with_a_function() if text is None else model_of(text, 18)
    assert " ".join(check(cycloid, tmp_path, model, options)) == left


@pytest.mark.parametrize("looped", [False, True], ids=["written out", "in a loop"])
@pytest.mark.parametrize(("masked", "reduce"), list(REDUCED))
def test_segments_become_one_pass(cycloid, tmp_path, masked, reduce, looped):
    model = model_of(segments(masked, reduce, looped), 18)
    for tensor in model.graph.initializer:
        if tensor.name == "fill" and REDUCED[masked, reduce] is not None:
            tensor.CopyFrom(numpy_helper.from_array(np.array([REDUCED[masked, reduce]], np.float32), "fill"))
    done = check(cycloid, tmp_path, model, FINITE if masked == "a product with the mask" else [])
    assert "ScatterElements" in done and not {"Loop", "Equal", "NonZero", "Where", "Compress"} & set(done), done
