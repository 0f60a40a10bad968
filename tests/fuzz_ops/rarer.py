"""Operators that few models have, in the element types and attributes that their kernels take apart."""

import ml_dtypes
import numpy as np
from builder import RejectedError
from classic import ML, rows
from growing import F32, F64, I64, axis_of, exact, grower, spatial_input
from onnx import helper, numpy_helper

F16, BF16 = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
WORDS = ["", "a", "b", "Ab", "abc", "é", "x y", "12", "-1.5"]  # those that Builder.elements() draws


def since(b, opset):
    if b.opset < opset:
        raise RejectedError


def images(b, dtypes=(F32, F32, F64), least=3, most=7):
    """Channels-first images of a type that is drawn."""
    shape = (b.integer(1, 2), b.choose([1, 2, 4, 6]), b.integer(least, most), b.integer(least, most))
    return b.input(b.elements(shape, b.choose(dtypes)))


# --- windows ---


@grower(3)
def deform_conv(b):
    since(b, 19)
    x = images(b, (F32, F32, F32, F64, F16))
    channels, height, width = x.shape[1:]
    group = b.choose([1, 1, *(g for g in (2, channels) if channels % g == 0)])
    offset_group = b.choose([1, 1, *(g for g in (2,) if channels % g == 0)])
    kernel = [b.integer(1, 3), b.integer(1, 3)]
    strides, dilations = [b.choose([1, 1, 2]) for _ in "hw"], [b.choose([1, 1, 2]) for _ in "hw"]
    pads = [b.integer(0, 1) for _ in range(4)]
    size = [
        (s + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1
        for i, s in enumerate((height, width))
    ]
    if min(size) < 1:
        raise RejectedError
    w = b.input(b.elements((group * b.integer(1, 3), channels // group, *kernel), x.dtype))
    taps = offset_group * kernel[0] * kernel[1]
    # Whole offsets and halves in float32: a sample that lies on a border must not move over it by rounding.
    offsets = b.input((b.rng.integers(-6, 7, (x.shape[0], 2 * taps, *size)) / 4 + 1 / 16).astype(x.dtype))
    exact(offsets)
    bias = b.input(b.elements((w.shape[0],), x.dtype)) if b.chance(50) else None
    mask = b.input(b.elements((x.shape[0], taps, *size), x.dtype, 0, 1)) if b.chance(50) else None
    b.node("DeformConv", [x, w, offsets, bias, mask], kernel_shape=kernel if b.chance(60) else None, pads=pads, strides=strides,
           dilations=dilations, group=group, offset_group=offset_group)  # fmt: skip


@grower(2)
def conv_of_type(b):
    """Conv, BatchNormalization and pools of the types that spatial_input() does not draw."""
    dtype = b.choose([F64, F64, F16])
    rank = b.choose([1, 2, 2, 3])
    shape = (b.integer(1, 2), b.choose([1, 2, 3, 4, 9]), *(b.integer(3, 8) for _ in range(rank)))
    x = b.input(b.elements(shape, dtype))
    channels = shape[1]
    op = b.choose(
        ["Conv", "Conv", "BatchNormalization", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"]
    )
    if op.startswith("Global"):
        return b.node(op, [x])
    if op == "BatchNormalization":
        since(b, 15)
        scale, bias, mean = (b.input(b.elements((channels,), dtype)) for _ in range(3))
        return b.node(op, [x, scale, bias, mean, b.input(b.elements((channels,), dtype, 0.5, 2))])
    kernel = [b.choose([1, 2, 3]) for _ in range(rank)]
    strides = [b.choose([1, 1, 2, 3]) for _ in range(rank)]
    pads = [b.integer(0, k - 1) for k in kernel + kernel] if b.chance(50) else None
    if op == "Conv":
        group = b.choose([1, 1, 1, channels])
        w = b.input(b.elements((group * b.choose([1, 2, 5]), channels // group, *kernel), dtype))
        bias = b.input(b.elements((w.shape[0],), dtype)) if b.chance(50) else None
        return b.node(op, [x, w, bias], group=group, strides=strides, pads=pads)
    if op == "LpPool":
        since(b, 18)
    extra = {"p": b.choose([1, 2, 3])} if op == "LpPool" else {}
    if op == "AveragePool":
        extra["count_include_pad"] = b.choose([None, 1])
    return b.node(op, [x], kernel_shape=kernel, strides=strides, pads=pads, **extra)


@grower(1)
def conv_transpose_3d(b):
    x = spatial_input(b, 3)
    channels = x.shape[1]
    group = b.choose([1, 1, channels])
    kernel, strides = [b.choose([1, 2, 3]) for _ in range(3)], [b.choose([1, 2, 2]) for _ in range(3)]
    dilations = [b.choose([1, 1, 2]) for _ in range(3)] if b.chance(30) else None
    w = b.input(b.elements((channels, b.choose([1, 2, 3]), *kernel), F32))
    bias = b.input(b.elements((w.shape[1] * group,), F32)) if b.chance(50) else None
    if group > 1:
        raise RejectedError  # the evaluator computes all from the first group's weights, and none checks it here
    b.node("ConvTranspose", [x, w, bias], strides=strides, dilations=dilations)


@grower(2)
def pool_and_back(b):
    """MaxPool with indices, and MaxUnpool of what it gives."""
    x = b.input(
        b.elements((b.integer(1, 2), b.integer(1, 3), *(b.choose([4, 6, 8]) for _ in range(b.choose([1, 2, 2])))), F32)
    )
    kernel = [2] * (x.rank - 2)
    y, indices = b.node("MaxPool", [x], 2, kernel_shape=kernel, strides=kernel)
    if b.chance(40):
        y = b.node(b.choose(["Neg", "Exp"]), [y])
    b.node("MaxUnpool", [y, indices], kernel_shape=kernel, strides=kernel)


@grower(2)
def crop_or_pad(b):
    since(b, 18)
    x = b.tensor(1, lambda v: v.dtype.kind != "O" and 0 not in v.shape)
    axes = sorted({b.integer(0, x.rank - 1) for _ in range(b.integer(1, 2))}) if b.chance(60) else None
    count = x.rank if axes is None else len(axes)
    if axes is not None and b.chance(30):
        axes = [a - x.rank for a in axes]
    b.node("CenterCropPad", [x, b.ints([b.integer(1, 7) for _ in range(count)])], axes=axes)


@grower(1)
def affine_grid(b):
    since(b, 20)
    n, spatial = b.integer(1, 2), b.choose([2, 2, 3])
    theta = b.input(b.elements((n, spatial, spatial + 1), b.choose([F32, F32, F64])))
    size = [n, b.integer(1, 3), *(b.integer(2, 5) for _ in range(spatial))]
    grid = b.node("AffineGrid", [theta, b.ints(size)], align_corners=b.choose([None, 1]))
    if spatial == 2 and grid.dtype == F32 and b.chance(40):
        x = b.input(b.elements((n, 2, 4, 5), F32))
        b.node("GridSample", [x, grid], padding_mode=b.choose([None, "border"]))


# --- order, places, bits ---


@grower(3)
def running(b):
    op = b.choose(["CumProd", "CumSum"])
    if op == "CumProd":
        since(b, 26)
    dtype = np.dtype(b.choose([np.float32, np.float64, np.int32, np.int64, np.float16]))
    x = b.input(b.elements(b.shape(b.integer(1, 4)), dtype, *((0.5, 1.5) if dtype.kind == "f" else (-2, 2))))
    axis = b.constant(np.array(axis_of(b, x), b.choose([np.int64, np.int32])))
    b.node(op, [x, axis], exclusive=b.choose([None, 1]), reverse=b.choose([None, 1]))


@grower(2)
def bit_cast(b):
    since(b, 26)
    x = b.tensor(wanted=lambda v: v.dtype.kind in "iuf" and (v.dtype.kind != "f" or v.node is None))
    same = {1: (np.int8, np.uint8), 2: (np.int16, np.uint16), 4: (np.int32, np.uint32), 8: (np.int64, np.uint64)}
    if x.dtype.kind == "f":
        x = b.input(b.elements(b.shape(), x.dtype))
        exact(x)
    b.node("BitCast", [x], to=helper.np_dtype_to_tensor_dtype(np.dtype(b.choose(same[x.dtype.itemsize]))))


@grower(3)
def reduce_of_type(b):
    """Reductions of integers, and of axes that are not the last."""
    op, kinds = b.choose(
        [(op, [np.int8, np.uint8, np.int32, np.int64, np.uint32, np.uint64]) for op in ("ReduceMax", "ReduceMin")]
        + [
            (op, [np.int32, np.int64, np.uint32, np.uint64])
            for op in ("ReduceSum", "ReduceL1", "ReduceSumSquare", "ReduceProd")
        ]
        + [(op, [np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.float16]) for op in ("ArgMax", "ArgMin")]
    )
    least = 13 if op.startswith("Arg") else 18
    since(b, least)
    x = b.input(b.elements(b.shape(b.integer(1, 4)), b.choose(kinds), -3, 3))
    if 0 in x.shape:
        raise RejectedError
    exact(x)
    if op.startswith("Arg"):
        return b.node(op, [x], axis=axis_of(b, x), keepdims=b.choose([None, 0]), select_last_index=b.choose([None, 1]))
    axes = sorted({b.integer(0, x.rank - 1) for _ in range(2)})
    return b.node(op, [x, b.ints(axes) if b.chance(80) else None], keepdims=b.choose([None, 0]))


@grower(2)
def top_k_of_type(b):
    x = b.input(
        b.elements(
            b.shape(b.integer(1, 3)), b.choose([np.int64, np.int32, np.uint8, np.int8, np.float16, np.float64]), -50, 50
        )
    )
    exact(x)
    axis = axis_of(b, x)
    if x.shape[axis] == 0:
        raise RejectedError
    b.node("TopK", [x, b.ints([b.integer(1, x.shape[axis])])], 2, axis=axis, largest=b.choose([None, 0, 1]))


@grower(2)
def distinct(b):
    """Unique of few values, whole or along an axis, then what waits for its shape."""
    x = b.input(
        b.elements(
            b.shape(b.integer(1, 3)), b.choose([np.float32, np.int64, np.int32, np.int8, np.uint8, np.float64]), 0, 2
        )
    )
    if x.dtype.kind == "f":
        x = b.node("Round", [x])
    if x.size == 0:
        raise RejectedError
    axis = axis_of(b, x) if b.chance(60) else None
    found = b.node("Unique", [x], 4, axis=axis, sorted=b.choose([None, 1]))
    if b.chance(50):
        b.node("Gather", [found[0], found[2]], axis=0 if axis is None else axis)


@grower(2)
def chosen(b):
    """Compress and NonZero of computed conditions."""
    x = b.tensor(1, lambda v: v.dtype.kind in "iuf" and v.is_finite())
    if x.is_float():
        x = b.node("Round", [x]) if b.opset >= 11 else x
        if any((a != x.array).any() for a in x.lanes):
            raise RejectedError  # a choice that rounding could decide
    if b.chance(50):
        return b.node("NonZero", [x])
    flat = b.chance(40)
    axis = None if flat else axis_of(b, x)
    count = x.size if flat else x.shape[axis]
    condition = b.input(b.elements((b.integer(0, max(count, 1)) if count else 0,), np.bool_))
    y = b.node("Compress", [x, condition], axis=axis)
    return b.node(b.choose(["Neg", "Abs"]) if y.dtype.kind != "u" else "Abs", [y]) if b.chance(50) else y


@grower(2)
def boxes(b):
    n, classes, count = b.integer(1, 2), b.integer(1, 3), b.integer(1, 8)
    corners = np.sort(b.rng.integers(0, 9, (n, count, 2, 2)).astype(np.float32), axis=2).reshape(n, count, 4)
    corners[..., 2:] += 1
    scores = b.rng.permutation(n * classes * count).reshape(n, classes, count).astype(np.float32) / 64
    inputs = [b.input(corners), b.input(scores), b.ints([b.integer(1, 4)])]
    for value in inputs[:2]:
        exact(value)  # near ties of overlaps are not the question
    if b.chance(70):
        inputs.append(b.constant(np.array([b.choose([0.21, 0.53])], np.float32), exact=True))
        if b.chance(60):
            inputs.append(b.constant(np.array([b.choose([0.1, 0.3])], np.float32), exact=True))
    found = b.node("NonMaxSuppression", inputs)
    if b.chance(40) and found.shape[0]:
        b.node("Gather", [found, b.constant(np.array(2))], axis=1)


@grower(2)
def sequences_back(b):
    x = b.input(b.elements(b.shape(b.choose([2, 3, 4])), b.any_dtype()))
    if 0 in x.shape or x.dtype.kind == "O":
        raise RejectedError
    time, batch = b.choose([(0, 1), (1, 0)])
    lengths = b.input(b.elements((x.shape[batch],), np.int64, 1, x.shape[time]))
    b.node("ReverseSequence", [x, lengths], time_axis=time, batch_axis=batch)


@grower(1)
def like(b):
    """Values of another tensor's type or shape."""
    x = b.tensor(wanted=lambda v: v.dtype.kind in "iub")
    op = b.choose(["CastLike", "EyeLike", "Trilu", "Hardmax"])
    if op == "CastLike":
        since(b, 15)
        return b.node(op, [x, b.input(b.elements((1,), b.choose([np.float32, np.int64, np.bool_])))])
    if op == "EyeLike":
        x = b.input(b.elements(b.shape(2), b.choose([np.int32, np.float64, np.bool_])))
        kind = b.choose([None, np.int64, np.float32, np.uint8])
        return b.node(
            op, [x], k=b.choose([None, 1, -1]), dtype=kind and helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        )
    if op == "Trilu":
        since(b, 14)
        x = b.input(b.elements(b.shape(b.integer(2, 3)), b.choose([np.bool_, np.int8, np.float64, np.int64])))
        return b.node(op, [x], upper=b.choose([None, 0]))
    x = b.input(b.elements(b.shape(b.integer(1, 3)), b.choose([np.float32, np.float64]), -2, 2))
    return b.node(op, [x], axis=axis_of(b, x))


# --- quantised values of other types ---


@grower(3)
def quantize_other(b):
    """QuantizeLinear and DequantizeLinear between halves, int32, 16 bits."""
    since(b, 21)
    op = b.choose(["QuantizeLinear", "DequantizeLinear"])
    scale_type = b.choose([F32, F16, F16, BF16])
    shape = b.shape(b.integer(1, 3))
    axis = b.integer(0, len(shape) - 1) if b.chance(50) else None
    count = () if axis is None else (shape[axis],)
    scale = b.constant((2.0 ** b.rng.integers(-5, -1, count)).astype(scale_type), exact=True)
    if op == "QuantizeLinear":
        kind = b.choose([np.uint8, np.int8, np.int16, np.uint16])
        # Halves of a step away from every rounding.
        x = b.input((b.rng.integers(-40, 41, shape) / 4 + 1 / 64).astype(scale_type))
        zero = b.constant(b.elements(count, kind, 0, 9), exact=True)
    else:
        kind = b.choose([np.uint8, np.int8, np.int16, np.uint16, np.int32])
        x = b.input(b.elements(shape, kind, -100, 100))
        zero = b.constant(b.elements(count, kind, 0, 9), exact=True) if kind != np.int32 and b.chance(60) else None
    b.node(op, [x, scale, zero], axis=axis)


# --- classic models ---


def table(b, kind):
    """Distinct keys or values of LabelEncoder: strings, int64s or floats."""
    if kind == "strings":
        return [str(w) for w in b.rng.permutation(WORDS)[: b.integer(1, 6)]]
    if kind == "int64s":
        return [int(v) for v in b.rng.permutation(np.arange(-5, 6))[: b.integer(1, 6)]]
    return [float(v) for v in b.rng.permutation(np.arange(-5, 6))[: b.integer(1, 6)]]


@grower(3)
def labels(b):
    keys, values = b.choose(["strings", "int64s", "floats"]), b.choose(["strings", "int64s", "floats"])
    dtype = {"strings": np.dtype(object), "int64s": I64, "floats": F32}[keys]
    x = b.elements(b.shape(b.integer(1, 2)), dtype, -6, 6)
    x = b.input(np.round(x) if keys == "floats" else x)
    exact(x)
    left, right = table(b, keys), table(b, values)
    count = min(len(left), len(right))
    default = {"strings": ("string", "none"), "int64s": ("int64", 7), "floats": ("float", 0.5)}[values]
    b.node("LabelEncoder", [x], domain=ML, **{
        f"keys_{keys}": left[:count], f"values_{values}": right[:count], f"default_{default[0]}": default[1]
    })  # fmt: skip


@grower(1)
def labels_of_tensors(b):
    dtype = np.dtype(b.choose([np.float64, np.int32, np.int16]))
    keys = b.rng.permutation(np.arange(-5, 6))[:4].astype(dtype)
    values = b.elements((4,), dtype)
    x = b.input(np.round(b.elements(b.shape(b.integer(1, 2)), dtype, -6, 6)).astype(dtype))
    exact(x)
    b.node("LabelEncoder", [x], domain=ML, keys_tensor=numpy_helper.from_array(keys), values_tensor=numpy_helper.from_array(values),
           default_tensor=numpy_helper.from_array(np.array([3], dtype)))  # fmt: skip


@grower(1)
def categories(b):
    x = b.input(b.elements(b.shape(b.integer(1, 2)), np.dtype(object)))
    b.node("OneHotEncoder", [x], domain=ML, cats_strings=table(b, "strings"), zeros=1)


@grower(2)
def n_grams(b):
    strings = b.chance(50)
    shape = b.choose([(b.integer(1, 9),), (b.integer(1, 3), b.integer(1, 9))])
    x = b.input(b.elements(shape, np.dtype(object) if strings else b.choose([np.int64, np.int32]), 0, 3))
    # A pool of 1-grams, then one of 2-grams.
    alphabet = WORDS[1:5] if strings else [0, 1, 2, 3]
    ones = [alphabet[i] for i in b.rng.permutation(4)[: b.integer(1, 4)]]
    pairs = [(alphabet[i // 4], alphabet[i % 4]) for i in b.rng.permutation(16)[: b.integer(1, 4)]]
    pool = ones + [item for pair in pairs for item in pair]
    total = len(ones) + len(pairs)
    mode = b.choose(["TF", "IDF", "TFIDF"])
    least = b.integer(1, 2)
    b.node("TfIdfVectorizer", [x], mode=mode, min_gram_length=least, max_gram_length=2, max_skip_count=b.integer(0, 2),
           ngram_counts=[0, len(ones)], ngram_indexes=[int(i) for i in b.rng.permutation(total)],
           weights=[float(v) for v in b.rng.integers(1, 5, total)] if mode != "TF" else None,
           **{"pool_strings" if strings else "pool_int64s": pool})  # fmt: skip


@grower(1)
def support_vectors(b):
    x = rows(b)
    count = b.integer(1, 4)
    kernel = b.choose(["LINEAR", "POLY", "RBF", "SIGMOID"])
    b.node("SVMRegressor", [x], domain=ML, kernel_type=kernel, kernel_params=[0.5, 0.25, 2.0], n_supports=count, rho=[0.5],
           coefficients=[float(v) for v in b.elements((count,), F32)],
           support_vectors=[float(v) for v in b.elements((count * x.shape[1],), F32)])  # fmt: skip


# --- signals, losses, newer operators ---


@grower(1)
def spectrum(b):
    since(b, 17)
    length, frame = b.integer(8, 24), b.choose([4, 5, 8])
    x = b.input(b.elements((b.integer(1, 2), length, 1), b.choose([F32, F32, F64])))
    window = b.input(b.elements((frame,), x.dtype, 0.1, 1)) if b.chance(60) else None
    b.node(
        "STFT",
        [x, b.constant(np.array(b.integer(1, 4))), window, b.constant(np.array(frame))],
        onesided=b.choose([None, 0]),
    )


@grower(1)
def loss(b):
    since(b, 13)
    n, classes = b.integer(1, 4), b.integer(1, 5)
    more = b.choose([(), (b.integer(1, 3),), (2, 3)])
    scores = b.input(b.elements((n, classes, *more), F32))
    target = b.input(b.elements((n, *more), np.int64, 0, classes - 1))
    weight = b.input(b.elements((classes,), F32, 0.5, 2)) if b.chance(50) else None
    how = {"reduction": b.choose(["none", "mean", "sum"]), "ignore_index": b.choose([None, 0])}
    if how["ignore_index"] == 0 and not target.array.all() and how["reduction"] == "mean" and not target.array.any():
        raise RejectedError  # nothing is left to take a mean of
    if b.chance(50):
        return b.node("SoftmaxCrossEntropyLoss", [scores, target, weight], **how)
    return b.node("NegativeLogLikelihoodLoss", [b.node("LogSoftmax", [scores], axis=1), target, weight], **how)


@grower(1)
def gated(b):
    since(b, 23)
    op = b.choose(["RotaryEmbedding", "TensorScatter"])
    if op == "RotaryEmbedding":
        heads, steps, size = b.integer(1, 3), b.integer(1, 4), b.choose([4, 8])
        x = b.input(b.elements((2, heads, steps, size), F32))
        cos, sin = (b.input(b.elements((9, size // 2), F32, -1, 1)) for _ in range(2))
        places = b.input(b.elements((2, steps), np.int64, 0, 8))
        return b.node(op, [x, cos, sin, places], interleaved=b.choose([None, 1]))
    since(b, 24)
    steps = b.integer(1, 3)
    past = b.input(b.elements((2, 3, 6, 4), F32))
    update = b.input(b.elements((2, 3, steps, 4), F32))
    places = b.input(b.elements((2,), np.int64, 0, 6 - steps)) if b.chance(60) else None
    return b.node(op, [past, update, places], mode=b.choose([None, "circular"]))
