"""The operators of com.microsoft against ONNX Runtime, which defines them; and where it defines what ai.onnx.ml leaves open.

Each case is one node, run by ONNX Runtime without its graph optimisations, by the reference evaluation and by the engine.
"""

import dataclasses
import pathlib
import tempfile

import numpy as np
import ops_conformance_test as conformance
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

RANDOM = np.random.default_rng(7)


@dataclasses.dataclass
class Case:
    name: str
    op: str
    inputs: list  # arrays; None: absent
    attributes: dict = dataclasses.field(default_factory=dict)
    outputs: int = 1
    domain: str = "com.microsoft"
    depth: int = 16  # the longest sum: float32 sums of n terms differ by at most n * eps * max|y| (Higham, 4.2)
    wanted: tuple = ()  # of outputs, the compared ones; empty: all


def real(*shape, scale=1.0):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def integers(low, high, *shape, dtype=np.int32):
    return RANDOM.integers(low, high, shape).astype(dtype)


def model_of(case):
    make = onnx.helper
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(case.inputs)]
    wanted = case.wanted or tuple(range(case.outputs))
    outputs = [f"y{i}" if i in wanted else "" for i in range(max(wanted) + 1)]
    node = make.make_node(case.op, names, outputs, domain=case.domain, **case.attributes)
    inputs = [
        make.make_tensor_value_info(name, make.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in zip(names, case.inputs, strict=True)
        if name
    ]
    results = [onnx.ValueInfoProto(name=name) for name in outputs if name]
    graph = make.make_graph([node], "case", inputs, results)
    opsets = [make.make_opsetid(*opset) for opset in (("", 17), ("com.microsoft", 1), ("ai.onnx.ml", 1))]
    return make.make_model(graph, opset_imports=opsets, ir_version=8)


def expected_of(case, model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {f"x{i}": x for i, x in enumerate(case.inputs) if x is not None}
    return session.run(None, feeds)


def typed_model(case):
    """The model, and what ONNX Runtime makes of it."""
    model = model_of(case)
    expected = expected_of(case, model)
    # ONNX Runtime infers the outputs' types; a model needs them said.
    for info, value in zip(model.graph.output, expected, strict=True):
        info.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
    return model, expected


def tolerance(case, value):
    is_real = value.dtype.kind == "f" and value.size > 0
    return (
        case.depth * float(np.finfo(value.dtype).eps) * float(np.abs(value.astype(np.float64)).max())
        if is_real
        else 0.0
    )


def difference(case):
    """None where the library computes what ONNX Runtime does, else what differs."""
    model, expected = typed_model(case)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        present = [x for x in case.inputs if x is not None]
        specifications = [conformance.write_value(x, f"{folder}/in{i}.pb") for i, x in enumerate(present)]
        runner = conformance.Runner(folder)
        answer = runner.run("\t".join([str(path), folder, *specifications])).split("\t")
        runner.close()
        if answer[0] != "ok":
            return ": ".join(answer)
        for i, (value, kind) in enumerate(zip(expected, answer[1:], strict=True)):
            got = conformance.read_array(f"{folder}/{i}.npy", kind[2:])
            wrong = conformance.compare(value, got, kind[2:], 0, tolerance(case, value))
            if wrong:
                return f"output {i}: {wrong}"
    return None


def native_difference(case, threads):
    """The same of the engine's kernels."""
    import cycloid

    model, expected = typed_model(case)
    # Scales, zero points, weights and lengths are constants of models; the first tensor is fed.
    fed = next(i for i, x in enumerate(case.inputs) if x is not None and x.ndim > 0)
    constants = {f"x{i}": x for i, x in enumerate(case.inputs) if x is not None and i != fed}
    for name, x in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(x, name))
    kept = [info for info in model.graph.input if info.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    options = cycloid.SessionOptions(intra_op_num_threads=threads)
    session = cycloid.InferenceSession(model.SerializeToString(), options)
    feeds = {f"x{i}": x for i, x in enumerate(case.inputs) if x is not None}
    results = session.run(None, {info.name: feeds[info.name] for info in kept})
    for i, (value, got) in enumerate(zip(expected, results, strict=True)):
        wrong = conformance.compare(value, got, str(value.dtype), 0, tolerance(case, value))
        if wrong:
            return f"output {i}: {wrong}"
    return None


def gelu_cases():
    x = real(2, 3, 8, scale=3)
    return [
        Case("gelu", "Gelu", [x]),
        Case("bias_gelu", "BiasGelu", [x, real(8)]),
        Case("fast_gelu", "FastGelu", [x]),
        Case("fast_gelu_bias", "FastGelu", [x, real(8)]),
        Case("quick_gelu", "QuickGelu", [x]),
        Case("quick_gelu_alpha", "QuickGelu", [x], {"alpha": 0.7}),
    ]


def normalization_cases():
    x, skip, gamma, beta, bias = real(2, 3, 8), real(2, 3, 8), real(8), real(8), real(8)
    skip_norm, simplified = "SkipLayerNormalization", "SkipSimplifiedLayerNormalization"
    both = {"outputs": 4, "wanted": (0, 3)}
    return [
        Case("skip", skip_norm, [x, skip, gamma, beta, bias], {"epsilon": 1e-5}, **both),
        Case("skip_no_beta", skip_norm, [x, skip, gamma], {"epsilon": 1e-2}),
        Case("skip_broadcast", skip_norm, [x, skip[:1], gamma, beta]),
        Case("skip_rank_2", skip_norm, [x, skip[0], gamma, beta]),
        Case("skip_simplified", simplified, [x, skip, gamma, bias], {"epsilon": 1e-5}, **both),
        Case("skip_simplified_plain", simplified, [x, skip, gamma]),
        Case("simplified", "SimplifiedLayerNormalization", [x, gamma], {"epsilon": 1e-3}, 2, domain=""),
    ]


def embedding_cases():
    ids, segments, mask = integers(0, 11, 2, 5), integers(0, 2, 2, 5), integers(0, 2, 2, 5)
    tables = [real(11, 8), real(6, 8), real(2, 8)]
    norm = [real(8), real(8)]
    positions = integers(0, 6, 2, 5)
    op = "EmbedLayerNormalization"
    return [
        Case("embed", op, [ids, segments, *tables, *norm, mask], {"epsilon": 1e-5}, 3),
        Case("embed_no_segment", op, [ids, None, tables[0], tables[1], None, *norm], {}, 2),
        Case("embed_positions", op, [ids, segments, *tables, *norm, None, positions], {}, 2),
    ]


def product_cases():
    a, b = real(2, 3, 4), real(2, 4, 5)
    cases = [
        Case("matmul", "FusedMatMul", [a, b], {"alpha": 0.5}),
        Case("matmul_trans_a", "FusedMatMul", [np.swapaxes(a, 1, 2).copy(), b], {"transA": 1}),
        Case("matmul_trans_b", "FusedMatMul", [a, np.swapaxes(b, 1, 2).copy()], {"transB": 1}),
        Case("matmul_batch_a", "FusedMatMul", [np.transpose(a, (1, 0, 2)).copy(), b], {"transBatchA": 1}),
        Case(
            "matmul_batch_a_trans",
            "FusedMatMul",
            [np.transpose(a, (2, 0, 1)).copy(), b],
            {"transBatchA": 1, "transA": 1},
        ),
        Case("matmul_batch_b", "FusedMatMul", [a, np.transpose(b, (1, 0, 2)).copy()], {"transBatchB": 1}),
        Case("gemm", "FusedGemm", [a[0], b[0], real(5)], {"activation": "Relu", "beta": 2.0}),
        Case(
            "gemm_leaky",
            "FusedGemm",
            [a[0], b[0]],
            {"activation": "LeakyRelu", "activation_alpha": 0.25},
        ),
    ]
    x, w, bias = real(1, 4, 6, 6), real(6, 2, 3, 3), real(6)
    conv = {"group": 2, "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    z = real(1, 6, 6, 6)
    for name, parameters in (("Relu", []), ("LeakyRelu", [0.1]), ("Clip", [-0.5, 1.0]), ("HardSigmoid", [0.2, 0.5])):
        attributes = conv | {"activation": name} | ({"activation_params": parameters} if parameters else {})
        cases.append(Case(f"conv_{name}", "FusedConv", [x, w, bias], attributes, depth=18))
    cases.append(Case("conv_sum", "FusedConv", [x, w, bias, z], conv | {"activation": "Relu"}, depth=18))
    return cases


def bits_cases():
    cases = []
    for bits, block, k in ((4, 16, 48), (4, 32, 40), (8, 32, 64), (2, 16, 32)):
        n, blocks = 5, -(-k // block)
        a = real(3, k)
        b = integers(0, 256, n, blocks, block * bits // 8, dtype=np.uint8)
        scales = real(n, blocks, scale=0.1)
        points = integers(0, 256, n, -(-blocks * bits // 8), dtype=np.uint8)
        attributes = {"K": k, "N": n, "bits": bits, "block_size": block}
        name = f"bits{bits}_{block}_{k}"
        cases.append(Case(name, "MatMulNBits", [a, b, scales], attributes, depth=k))
        cases.append(Case(f"{name}_points", "MatMulNBits", [a, b, scales, points], attributes, depth=k))
    cases.append(Case(f"{name}_bias", "MatMulNBits", [a, b, scales, None, None, real(n)], attributes, depth=k))
    cases += ordered_bits_cases()
    half = [x.astype(np.float16) for x in (a, scales)]
    cases.append(Case(f"{name}_half", "MatMulNBits", [half[0], b, half[1]], attributes, depth=k))
    many = real(40, k)
    cases.append(Case(f"{name}_rows", "MatMulNBits", [many, b, scales], attributes, depth=k))
    return cases


def ordered_bits_cases():
    """Rows in blocks in another order than they stand (g_idx): full blocks, a part of a block, and rows shared out unevenly."""
    n, k, bits, block, cases = 5, 72, 4, 16, []
    blocks = -(-k // block)
    full = np.repeat(np.arange(blocks, dtype=np.int32), block)[:k]
    orders = {"full": np.sort(full)[:64], "part": (full + 3) % blocks, "uneven": integers(0, blocks, k)}
    for name, order in orders.items():
        order = RANDOM.permutation(order)
        depth = len(order)
        count = -(-depth // block)
        b = integers(0, 256, n, count, block * bits // 8, dtype=np.uint8)
        scales = real(n, count, scale=0.1)
        attributes = {"K": depth, "N": n, "bits": bits, "block_size": block}
        # ONNX Runtime 1.32 takes zero points for 8 where there is an order.
        inputs = [real(3, depth), b, scales, None, order, None if name == "part" else real(n)]
        cases.append(Case(f"bits_ordered_{name}", "MatMulNBits", inputs, attributes, depth=depth))
    return cases


def rotary_cases():
    angles = real(10, 4)
    tables = [np.cos(angles), np.sin(angles)]
    positions = integers(0, 10, 2, 3, dtype=np.int64)
    first = np.array([2], np.int64)
    return [
        Case("rotary", "RotaryEmbedding", [real(2, 3, 16), positions, *tables]),
        Case("rotary_first", "RotaryEmbedding", [real(2, 3, 16), first, *tables], {"interleaved": 1}),
        Case("rotary_rank_4", "RotaryEmbedding", [real(2, 2, 3, 8), positions, *tables]),
        Case(
            "rotary_part",
            "RotaryEmbedding",
            [real(2, 3, 24), positions, *tables],
            {"num_heads": 2, "rotary_embedding_dim": 8},
        ),
    ]


def attention_cases():
    x, w, bias = real(2, 5, 6), real(6, 24), real(24)
    heads = {"num_heads": 2}
    past = real(2, 2, 2, 3, 4)
    ends, spans = np.array([5, 3], np.int32), np.array([5, 4, 0, 2], np.int32)
    flags, flags_3 = integers(0, 2, 2, 5), integers(0, 2, 2, 5, 5)
    flags[:, 0] = flags_3[:, :, 0] = 1
    attend = "Attention"
    cases = [
        Case("attention", attend, [x, w, bias], heads, 2),
        Case("attention_scale", attend, [x, w, bias], heads | {"scale": 0.3}),
        Case("attention_causal", attend, [x, w, bias], heads | {"unidirectional": 1}),
        Case("attention_ends", attend, [x, w, bias, ends], heads),
        Case("attention_spans", attend, [x, w, bias, spans], heads),
        Case("attention_flags", attend, [x, w, bias, flags], heads | {"mask_filter_value": -50.0}),
        Case("attention_flags_3", attend, [x, w, bias, flags_3], heads),
        Case("attention_past", attend, [x, w, bias, None, past], heads | {"unidirectional": 1}, 2),
        Case("attention_bias", attend, [x, w, bias, None, None, real(1, 2, 5, 5)], heads),
        Case("attention_sizes", attend, [x, real(6, 22), real(22)], heads | {"qkv_hidden_sizes": [8, 8, 6]}),
    ]
    q, k, v = real(2, 3, 8), real(2, 5, 8), real(2, 5, 6)
    many = "MultiHeadAttention"
    past_key, past_value = real(2, 2, 4, 4), real(2, 2, 4, 4)
    cases += [
        Case("heads", many, [q, k, v], heads),
        Case("heads_bias", many, [q, k, v, real(22)], heads),
        Case("heads_mask", many, [q, k, v, None, ends], heads),
        Case("heads_flags", many, [q, k, v, None, flags, real(2, 1, 3, 5)], heads),
        Case("heads_present", many, [q, k[:, :3], k[:, 1:4], None, None, None, past_key, past_value], heads, 3),
        Case("heads_causal", many, [k, k, v], heads | {"unidirectional": 1}),
        Case("heads_by_heads", many, [q, real(2, 2, 5, 4), real(2, 2, 5, 4)], heads),
    ]
    xq, wq = integers(0, 256, 2, 5, 6, dtype=np.uint8), integers(-128, 128, 6, 24, dtype=np.int8)
    scale, zero = np.float32(0.02), np.uint8(120)
    each = np.abs(real(24, scale=0.01)) + np.float32(0.01)
    quantized = [xq, wq, bias, np.array(scale), np.array(scale)]
    cases += [
        Case("quantized", "QAttention", [*quantized, None, np.array(zero), np.array(3, np.int8)], heads),
        Case("quantized_columns", "QAttention", [xq, wq, bias, np.array(scale), each, ends, np.array(zero)], heads),
        Case(
            "quantized_past",
            "QAttention",
            [*quantized, None, np.array(zero), np.array(0, np.int8), past],
            heads | {"unidirectional": 1},
            2,
        ),
    ]
    return cases


def group_cases():
    op, heads = "GroupQueryAttention", {"num_heads": 4, "kv_num_heads": 2}
    length, total = np.array([4, 4], np.int32), np.array(5, np.int32)
    q, k, v = real(2, 5, 64), real(2, 5, 32), real(2, 5, 32)
    prompt = [q, k, v, None, None, length, total]
    angles = real(12, 8)
    tables = [np.cos(angles), np.sin(angles)]
    # ONNX Runtime 1.32 leaves the cache out of the attention where the new one is no output, so it is one here.
    # Sequences with 5 and 3 keys in the cache, which has room for 6; one new token each.
    past = [real(2, 2, 6, 16), real(2, 2, 6, 16)]
    step = [q[:, :1], k[:, :1], v[:, :1], *past, np.array([5, 3], np.int32), np.array(6, np.int32)]
    return [
        Case("group", op, prompt, heads, 3),
        Case("group_scale", op, prompt, heads | {"scale": 0.2, "softcap": 2.0}),
        Case("group_window", op, prompt, heads | {"local_window_size": 2}),
        Case("group_rotary", op, [*prompt, *tables], heads | {"do_rotary": 1}, 3),
        Case("group_rotary_pairs", op, [*prompt, *tables], heads | {"do_rotary": 1, "rotary_interleaved": 1}, 3),
        Case("group_packed", op, [real(2, 5, 128), None, None, None, None, length, total], heads, 3),
        Case("group_bias", op, [*prompt, None, None, None, real(1, 4, 5, 5)], heads),
        Case("group_step", op, step, heads, outputs=3),
        Case("group_step_rotary", op, [*step, *tables], heads | {"do_rotary": 1}, outputs=3),
    ]


def quantized_cases():
    def number(value, dtype=np.float32):
        return np.array(value, dtype)

    a, b = integers(0, 256, 2, 3, 4, dtype=np.uint8), integers(0, 256, 3, 1, dtype=np.uint8)
    zero_a, zero_b, zero_y = (number(z, np.uint8) for z in (120, 130, 60))
    qa, qb, qy = [number(0.1), zero_a], [number(0.05), zero_b], [number(0.07), zero_y]
    image = integers(-128, 128, 2, 3, 4, 4, dtype=np.int8)
    signed = [number(0.1), number(3, np.int8), number(0.02), number(-5, np.int8)]
    x, w = real(2, 5, 6), integers(0, 256, 6, 4, dtype=np.uint8)
    return [
        Case("qlinear_add", "QLinearAdd", [a, *qa, b, *qb, *qy]),
        Case("qlinear_mul", "QLinearMul", [a, *qa, b, *qb, *qy]),
        Case("qlinear_concat", "QLinearConcat", [*qy, a, *qa, a[:, :1].copy(), *qb], {"axis": 1}),
        Case("qlinear_pool", "QLinearGlobalAveragePool", [image, *signed]),
        Case("qlinear_sigmoid", "QLinearSigmoid", [a, *qa, number(1 / 256), number(0, np.uint8)]),
        Case("qlinear_leaky_relu", "QLinearLeakyRelu", [a, *qa, *qy], {"alpha": 0.2}),
        Case("qgemm", "QGemm", [a[0], *qa, w[:4], *qb, integers(-99, 99, 4), *qy], {"alpha": 0.5}),
        Case("qgemm_real", "QGemm", [a[0], *qa, w[:4], *qb], {"transB": 1}),
        Case("qlinear_softmax", "QLinearSoftmax", [a, *qa, number(1 / 256), number(0, np.uint8)], {"opset": 13}),
        Case(
            "qlinear_softmax_flat",
            "QLinearSoftmax",
            [a, *qa, number(1 / 256), number(0, np.uint8)],
            {"opset": 12, "axis": 1},
        ),
        Case("qlinear_where_row", "QLinearWhere", [integers(0, 2, 3, 1).astype(bool), b, *qb, a, *qa, *qy]),
        Case("qlinear_where", "QLinearWhere", [integers(0, 2, 2, 3, 4).astype(bool), a, *qa, b, *qb, *qy]),
        Case("dynamic_matmul", "DynamicQuantizeMatMul", [x, w, number(0.03), number(128, np.uint8), real(4)]),
        Case("integer_to_float", "MatMulIntegerToFloat", [a, w[:4], number(0.1), number(0.03), zero_a, zero_b]),
    ]


def linear_cases():
    """More coefficients than the columns need: the first of them count."""
    x, ml = real(3, 2), {"domain": "ai.onnx.ml"}
    weights = {"coefficients": real(12).tolist(), "intercepts": real(3).tolist()}
    classes = {"classlabels_ints": [4, 5, 6], "post_transform": "LOGISTIC"}
    return [
        Case("linear_classifier", "LinearClassifier", [x], weights | classes, 2, **ml),
        Case("linear_regressor", "LinearRegressor", [x], weights | {"targets": 3}, **ml),
    ]


def text_cases():
    texts = np.array([["a bb, ccc;dd", "  x1 y_22!", ""], ["aab ab b", "żółw ślimak", "zzz"]], dtype=object)
    op, plain = "Tokenizer", {"mark": 0, "pad_value": "#", "mincharnum": 1}
    return [
        Case("tokenizer_words", op, [texts], plain | {"tokenexp": "[a-zA-Z0-9_]+"}),
        Case("tokenizer_words_row", op, [texts[1]], plain | {"tokenexp": "a*b|z", "pad_value": ""}),
        Case("tokenizer_long_words", op, [texts], plain | {"tokenexp": "[a-z]+[0-9]*", "mincharnum": 2}),
        Case("tokenizer_edges", op, [texts], plain | {"tokenexp": "\\b[a-z]|[0-9]$"}),
        Case("tokenizer_separators", op, [texts], plain | {"separators": [" ", "[,;]+"]}),
        Case("tokenizer_marked", op, [texts], plain | {"separators": ["\\s"], "mark": 1, "mincharnum": 2}),
        Case("tokenizer_characters", op, [texts], plain | {"separators": [""], "mark": 1}),
        Case("tokenizer_nothing", op, [texts], plain | {"tokenexp": "Q", "mark": 1}),
        Case("tokenizer_empty", op, [texts[:, :0]], plain | {"separators": [" "]}),
    ]


def all_cases():
    return [
        *gelu_cases(),
        *normalization_cases(),
        *embedding_cases(),
        *product_cases(),
        *bits_cases(),
        *rotary_cases(),
        *attention_cases(),
        *group_cases(),
        *quantized_cases(),
        *linear_cases(),
        *text_cases(),
    ]


@pytest.mark.skipif(not conformance.TOOL.exists(), reason=f"{conformance.TOOL} is not built")
@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_case(case):
    assert difference(case) is None


@pytest.mark.usefixtures("built_package")
@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("case", [case for case in all_cases() if case.op != "Tokenizer"], ids=lambda case: case.name)
def test_native_case(case, threads):
    assert native_difference(case, threads) is None


@pytest.mark.usefixtures("built_package")
@pytest.mark.parametrize("bits", (2, 4, 8))
@pytest.mark.parametrize("case", ordered_bits_cases(), ids=lambda case: case.name)
def test_ordered_weights_with_zero_points(case, bits):
    """Beside the definition, in double precision; by kernels alone."""
    import cycloid

    a, _, scales, _, order, bias = case.inputs
    (n, count), k, block = scales.shape, case.attributes["K"], case.attributes["block_size"]
    codes = integers(0, 1 << bits, n, count * block, dtype=np.uint8)
    points = integers(0, 1 << bits, n, count, dtype=np.uint8)

    def packed(rows):
        each = 8 // bits
        rows = np.pad(rows, [(0, 0), (0, -rows.shape[1] % each)]).reshape(n, -1, each).astype(np.uint32)
        return (rows << (bits * np.arange(each, dtype=np.uint32))).sum(-1).astype(np.uint8)

    inputs = [a, packed(codes).reshape(n, count, -1), scales, packed(points), order, bias]
    model = model_of(dataclasses.replace(case, inputs=inputs, attributes=case.attributes | {"bits": bits}))
    for i, x in enumerate(inputs[1:], 1):
        if x is not None:
            model.graph.initializer.append(onnx.numpy_helper.from_array(x, f"x{i}"))
    del model.graph.input[1:]
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    session = cycloid.InferenceSession(model.SerializeToString())
    weights = (codes[:, :k] - points[:, order].astype(np.float64)) * scales[:, order]
    wanted = a.astype(np.float64) @ weights.T + (0 if bias is None else bias)
    [y] = session.run(None, {"x0": a})
    # k products and sums, each weight rounded twice.
    assert np.abs(y - wanted).max() <= (k + 2) * np.finfo(np.float32).eps * (np.abs(a) @ np.abs(weights).T).max()
    assert ", 0 by reference evaluation" in session.plan({"x0": list(a.shape)})


@pytest.mark.usefixtures("built_package")
def test_too_few_coefficients_are_an_error():
    import cycloid

    for case in linear_cases():
        case.inputs = [real(3, 7)]  # 7 columns
        model = model_of(case)
        with pytest.raises(Exception, match="coefficients"):
            expected_of(case, model)
        for info in model.graph.output:
            info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        if case.outputs == 2:
            model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        with pytest.raises(cycloid.CycloidError, match="coefficients are too few for"):
            cycloid.InferenceSession(model.SerializeToString()).run(None, {"x0": case.inputs[0]})
