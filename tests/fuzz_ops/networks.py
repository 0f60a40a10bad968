"""Normalisation, quantisation, recurrent networks, attention, resizing, vision and signals."""

import numpy as np
from builder import RejectedError
from growing import F32, axis_of, grower, spatial_input


@grower(5)
def normalize(b):
    op = b.choose(["LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization", "LRN", "BatchNormalization",
                   "MeanVarianceNormalization", "LpNormalization"])  # fmt: skip
    if op in ("LayerNormalization", "RMSNormalization"):
        if b.opset < (17 if op[0] == "L" else 23):
            raise RejectedError
        x = b.floats(least=1, finite=True)
        axis = axis_of(b, x)
        shape = x.shape[axis:] if axis >= 0 else x.shape[x.rank + axis :]
        if 0 in x.shape:
            raise RejectedError
        scale = b.input(b.elements(shape, x.dtype))
        bias = b.input(b.elements(shape, x.dtype)) if op[0] == "L" and b.chance(60) else None
        return b.node(op, [x, scale, bias], axis=axis, epsilon=b.choose([None, 1e-3]))
    if op == "LpNormalization":
        x = b.floats(least=1, finite=True)
        return b.node(op, [x], axis=axis_of(b, x), p=b.choose([None, 1, 2]))
    x = spatial_input(b, b.choose([1, 2, 2]))
    channels = x.shape[1]
    if op == "LRN":
        return b.node(op, [x], size=b.choose([1, 3, 5]), alpha=b.choose([None, 0.01]), beta=b.choose([None, 0.5]))
    if op == "MeanVarianceNormalization":
        if x.rank != 4:
            raise RejectedError
        return b.node(op, [x])
    if op == "GroupNormalization":
        if b.opset < 21:
            raise RejectedError
        groups = b.choose([g for g in (1, 2, 4, channels) if channels % g == 0])
        scale, bias = (b.input(b.elements((channels,), F32)) for _ in range(2))
        return b.node(op, [x, scale, bias], num_groups=groups)
    scale, bias, mean = (b.input(b.elements((channels,), F32)) for _ in range(3))
    if op == "InstanceNormalization":
        return b.node(op, [x, scale, bias], epsilon=b.choose([None, 1e-3]))
    return b.node(op, [x, scale, bias, mean, b.input(b.elements((channels,), F32, 0.5, 2))])


# --- quantisation ---


@grower(4)
def quantize(b):
    x = b.floats(finite=True, dtype=F32)
    dtype = b.choose([np.uint8, np.int8])
    if b.chance(15) and x.size:
        return b.node("DynamicQuantizeLinear", [x], 3)
    axis = b.integer(0, x.rank - 1) if x.rank and b.chance(40) and b.opset >= 13 else None
    shape = () if axis is None else (x.shape[axis],)
    scale = b.constant(b.elements(shape, F32, 0.02, 0.2), exact=True)
    zero = b.constant(b.elements(shape, dtype, 0, 9), exact=True)
    q = b.node("QuantizeLinear", [x, scale, zero], axis=axis)
    if b.chance(70):
        return b.node("DequantizeLinear", [q, scale, zero], axis=axis)
    return q


@grower(3)
def integer_product(b):
    op = b.choose(["MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv"])
    x_type, w_type = b.choose([np.uint8, np.uint8, np.int8]), b.choose([np.uint8, np.int8])

    def number(dtype):
        return b.elements((), dtype, 0, 9)

    def scale():
        return b.constant(b.elements((), F32, 0.01, 0.1), exact=True)

    if "MatMul" in op:
        m, k, n = b.size(), b.size(), b.size()
        x = b.input(b.elements((*b.choose([(), (), (2,)]), m, k), x_type, -120, 120))
        w = b.input(b.elements((k, n), w_type, -120, 120))
    else:
        c, k = b.integer(1, 4), b.choose([1, 3])
        x = b.input(b.elements((1, c, 6, 5), x_type, -120, 120))
        w = b.input(b.elements((b.integer(1, 5), c, k, k), w_type, -120, 120))
    zeros = [b.constant(number(x_type)), b.constant(number(w_type))]
    if op.endswith("Integer"):
        return b.node(op, [x, w, *(zeros if b.chance(70) else [])])
    out_zero = b.constant(number(x_type))
    if op == "QLinearMatMul":
        return b.node(op, [x, scale(), zeros[0], w, scale(), zeros[1], scale(), out_zero])
    bias = b.constant(b.elements((w.shape[0],), np.int32, -500, 500)) if b.chance(50) else None
    return b.node(op, [x, scale(), zeros[0], w, scale(), zeros[1], scale(), out_zero, bias])


# --- recurrent networks, attention ---


@grower(3)
def recurrent(b):
    op, gates = b.choose([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    steps, batch, size, hidden = b.integer(1, 5), b.integer(1, 3), b.integer(1, 5), b.integer(1, 5)
    direction = b.choose([None, "forward", "reverse", "bidirectional"])
    directions = 2 if direction == "bidirectional" else 1
    x = b.pick(
        lambda v: v.dtype == F32 and v.rank == 3 and 0 not in v.shape and v.is_finite() and max(v.shape) < 18,
        lambda: b.elements((steps, batch, size), F32),
    )
    steps, batch, size = x.shape
    w = b.input(b.elements((directions, gates * hidden, size), F32))
    r = b.input(b.elements((directions, gates * hidden, hidden), F32))
    bias = b.input(b.elements((directions, 2 * gates * hidden), F32)) if b.chance(70) else None
    lengths = None
    start = b.input(b.elements((directions, batch, hidden), F32)) if b.chance(40) else None
    inputs = [x, w, r, bias, lengths, start]
    if op == "LSTM" and start is not None:
        inputs.append(b.input(b.elements((directions, batch, hidden), F32)))
    extra = {"linear_before_reset": b.choose([None, 1])} if op == "GRU" else {}
    b.node(op, inputs, 3 if op == "LSTM" else 2, hidden_size=hidden, direction=direction, **extra)


@grower(2)
def attention(b):
    """softmax(q k^T / sqrt(d)) v, in one node or as exporters write it."""
    heads, t, s, d = b.integer(1, 3), b.integer(1, 5), b.integer(1, 6), b.choose([2, 4, 8])
    q, k, v = (b.input(b.elements((2, heads, n, d), F32)) for n in (t, s, s))
    if b.opset >= 23 and b.chance(40):
        return b.node("Attention", [q, k, v], is_causal=b.choose([None, 1]), scale=b.choose([None, 0.3]))
    scores = b.node("MatMul", [q, b.node("Transpose", [k], perm=[0, 1, 3, 2])])
    scores = b.node(b.choose(["Mul", "Div"]), [scores, b.constant(np.array(d**0.5, np.float32), exact=True)])
    if b.chance(50):
        scores = b.node("Add", [scores, b.input(b.elements(b.choose([(t, s), (1, 1, t, s), (2, 1, 1, s)]), F32))])
    return b.node("MatMul", [b.node("Softmax", [scores], axis=-1), v])


@grower(2)
def decomposed(b):
    """Activations and normalisations as exporters write them, for the fusions that look for them."""
    x = b.floats(least=1, finite=True, dtype=F32)
    if 0 in x.shape:
        raise RejectedError

    def number(v):
        return b.constant(np.array(v, np.float32), exact=True)

    kind = b.integer(0, 3)
    if kind == 0:
        half = b.node("Mul", [x, b.node("Add", [b.node("Erf", [b.node("Div", [x, number(2**0.5)])]), number(1)])])
        return b.node("Mul", [half, number(0.5)])
    if kind == 1:
        return b.node("Mul", [x, b.node("Sigmoid", [x])])
    if kind == 2:
        return b.node(
            "Div",
            [b.node("Mul", [x, b.node("Clip", [b.node("Add", [x, number(3)]), number(0), number(6)])]), number(6)],
        )

    def mean(v):
        if b.opset >= 18:
            return b.node("ReduceMean", [v, b.constant(np.array([-1]))])
        return b.node("ReduceMean", [v], axes=[-1])

    centered = b.node("Sub", [x, mean(x)])
    variance = mean(b.node("Pow", [centered, number(2)]))
    deviation = b.node("Sqrt", [b.node("Add", [variance, number(1e-3)])])
    return b.node("Div", [centered, deviation])


@grower(3)
def resize(b):
    x = spatial_input(b, b.choose([1, 2, 2]))
    if b.opset < 11:
        raise RejectedError
    mode = b.choose(["nearest", "nearest", "linear", "linear", "cubic"])
    how = b.choose(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    if mode == "cubic" and x.rank != 4:
        raise RejectedError
    nearest = b.choose(["round_prefer_floor", "floor", "ceil", "round_prefer_ceil"]) if mode == "nearest" else None
    roi = None
    if b.chance(50):
        scales = np.array([1, 1] + [b.choose([0.5, 1, 2, 2, 1.5, 3]) for _ in x.shape[2:]], np.float32)
        inputs = [x, roi, b.constant(scales, exact=True)]
    else:
        inputs = [x, roi, None, b.constant(np.array([*x.shape[:2], *(b.integer(1, 12) for _ in x.shape[2:])]))]
    if b.opset < 13:
        inputs[1] = b.constant(np.zeros(0, np.float32))
        inputs = [v if v is not None else b.constant(np.zeros(0, np.float32)) for v in inputs]
    b.node("Resize", inputs, mode=mode, coordinate_transformation_mode=how, nearest_mode=nearest)


@grower(1)
def vision(b):
    op = b.choose(["GridSample", "RoiAlign", "Det", "Col2Im"])
    if op == "Det":
        n = b.integer(1, 4)
        return b.node(op, [b.input(b.elements((*b.choose([(), (2,)]), n, n), F32))])
    x = spatial_input(b, 2)
    if op == "GridSample":
        if b.opset < 20:
            raise RejectedError
        grid = b.input(b.elements((x.shape[0], b.integer(1, 4), b.integer(1, 4), 2), F32, -1.3, 1.3))
        mode, padding = (
            b.choose([None, "linear", "nearest", "cubic"]),
            b.choose([None, "zeros", "border", "reflection"]),
        )
        return b.node(op, [x, grid], mode=mode, padding_mode=padding, align_corners=b.choose([None, 1]))
    if op == "RoiAlign":
        if b.opset < 16:
            raise RejectedError
        rois = np.sort(b.elements((2, 2, 2), F32, 0, 6), axis=1).reshape(2, 4)
        batch = b.input(b.elements((2,), np.int64, 0, x.shape[0] - 1))
        return b.node(
            op,
            [x, b.input(rois), batch],
            output_height=2,
            output_width=3,
            sampling_ratio=2,
            mode=b.choose([None, "max"]),
        )
    if b.opset < 18:
        raise RejectedError
    blocks = b.input(b.elements((1, 2 * 4, 9), F32))
    return b.node(op, [blocks, b.ints([4, 4]), b.ints([2, 2])])


@grower(1)
def signal(b):
    if b.opset < 20:
        raise RejectedError
    op = b.choose(["DFT", "HannWindow", "HammingWindow", "BlackmanWindow"])
    if op != "DFT":
        return b.node(op, [b.constant(np.array(b.integer(2, 12)))], periodic=b.choose([None, 0]))
    x = b.input(b.elements((2, b.integer(1, 9), b.choose([1, 2])), F32))
    return b.node(op, [x, None, b.constant(np.array(1))], inverse=b.choose([None, 1]) if x.shape[-1] == 2 else None)
