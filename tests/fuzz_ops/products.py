"""Matrix products, convolutions and pooling."""

from builder import RejectedError
from growing import F32, broadcastable, grower, spatial_input


@grower(8)
def matmul(b):
    x = b.floats(least=1, finite=True)
    inner = x.shape[-1]
    columns = b.size()
    shape = (inner, columns) if b.chance(70) else (*broadcastable(b, x.shape[:-2]), inner, columns)
    if b.chance(15):
        shape = (inner,)

    def fits(v):
        return v.dtype == x.dtype and v.is_finite() and v.rank == x.rank > 1 and v.shape[:-1] == (*x.shape[:-2], inner)

    y = b.pick(fits) if b.chance(15) else b.input(b.elements(shape, x.dtype))
    y = b.node("MatMul", [x, y])
    if b.chance(50) and y.rank:
        y = b.node("Add", [y, b.input(b.elements((y.shape[-1],), x.dtype))])
    if b.chance(50):
        b.node(b.choose(["Relu", "Sigmoid", "Tanh", "Gelu"] if b.opset >= 20 else ["Relu", "Tanh"]), [y])


@grower(5)
def gemm(b):
    x = b.floats(rank=2, finite=True)
    ta, tb = b.choose([None, 1]), b.choose([None, 1])
    m, k = x.shape[::-1] if ta else x.shape
    n = b.size()
    w = b.input(b.elements((n, k) if tb else (k, n), x.dtype))
    c = b.input(b.elements(b.choose([(n,), (1, n), (m, 1), (m, n), (), (1,)]), x.dtype)) if b.chance(75) else None
    alpha, beta = b.choose([None, 0.5, 2.0]), b.choose([None, 0.25, 0.0])
    y = b.node("Gemm", [x, w, c], transA=ta, transB=tb, alpha=alpha, beta=beta)
    if b.chance(40):
        b.node(b.choose(["Relu", "Sigmoid", "Tanh", "LeakyRelu"]), [y])


@grower(2)
def einsum(b):
    if b.opset < 12:
        raise RejectedError
    equation = b.choose(
        [
            "ij,jk->ik",
            "bij,bjk->bik",
            "ij->ji",
            "ii->i",
            "ij,ij->",
            "i,j->ij",
            "bhid,bhjd->bhij",
            "...ij->...ji",
            "ij->i",
        ]
    )
    sizes = {c: b.integer(1, 5) for c in "abcdefghijk"}
    parts = equation.split("->")[0].replace("...", "").split(",")
    b.node("Einsum", [b.input(b.elements(tuple(sizes[c] for c in p), F32)) for p in parts], equation=equation)


def window(b, x, kernel, dilations=True):
    """Attributes of a window that lies at least once in the padded input."""
    rank = len(kernel)
    found = {"strides": [b.choose([1, 1, 2, 3]) for _ in kernel] if b.chance(60) else None}
    dilation = [b.choose([1, 1, 2]) for _ in kernel] if dilations and b.chance(30) else [1] * rank
    if dilation != [1] * rank:
        found["dilations"] = dilation
    if b.chance(25):
        found["auto_pad"] = b.choose(["SAME_UPPER", "SAME_LOWER", "VALID"])
        pads = [0] * 2 * rank
        if found["auto_pad"] != "VALID":
            # Where a stride steps over more than the window, the padding that the formula gives is negative: some read from
            # within, some refuse it.
            strides = found["strides"] or [1] * rank
            if dilation != [1] * rank or any(s > k for s, k in zip(strides, kernel, strict=True)):
                raise RejectedError
            return found
    else:
        pads = [b.integer(0, k - 1) for k in kernel + kernel] if b.chance(60) else [0] * 2 * rank
        if any(pads):
            found["pads"] = pads
    for i, k in enumerate(kernel):
        if x.shape[2 + i] + pads[i] + pads[rank + i] < (k - 1) * dilation[i] + 1:
            raise RejectedError
    return found


def after_conv(b, y):
    channels = y.shape[1]
    if b.chance(35):
        scale, shift, mean = (b.constant(b.elements((channels,), F32)) for _ in range(3))
        variance = b.constant(b.elements((channels,), F32, 0.5, 2))
        y = b.node("BatchNormalization", [y, scale, shift, mean, variance], epsilon=b.choose([None, 1e-3]))
    if b.chance(30):
        y = b.node(
            "Add", [y, b.input(b.elements(y.shape if b.chance(60) else (1, channels, *[1] * (y.rank - 2)), F32))]
        )
    if b.chance(50):
        op, attributes = b.choose(
            [("Relu", {}), ("LeakyRelu", {"alpha": 0.1}), ("Sigmoid", {}), ("Tanh", {}), ("HardSigmoid", {})]
        )
        y = b.node(op, [y], **attributes)
    return y


@grower(9)
def conv(b):
    rank = b.choose([1, 2, 2, 2, 2, 3])
    x = spatial_input(b, rank)
    channels = x.shape[1]
    groups = b.choose([1, 1, 1, channels] + [g for g in (2, 4) if channels % g == 0])
    kernel = [b.choose([1, 3, 3, 2, 5]) for _ in range(rank)] if b.chance(50) else [b.choose([1, 3, 3])] * rank
    attributes = window(b, x, kernel)
    maps = groups * b.choose([1, 1, 2, 3, 8, 16] if groups < 4 else [1, 1, 2])
    w = b.input(b.elements((maps, channels // groups, *kernel), F32))
    bias = b.input(b.elements((maps,), F32)) if b.chance(60) else None
    named = kernel if b.chance(70) else None
    y = b.node(
        "Conv", [x, w, bias], group=groups if groups > 1 or b.chance(20) else None, kernel_shape=named, **attributes
    )
    after_conv(b, y)


@grower(2)
def conv_transpose(b):
    rank = b.choose([1, 2, 2])
    x = spatial_input(b, rank)
    channels = x.shape[1]
    groups = b.choose([1, 1, channels])
    kernel = [b.choose([1, 2, 3]) for _ in range(rank)]
    strides = [b.choose([1, 2, 3]) for _ in range(rank)]
    pads = [b.integer(0, (k - 1) // 2) for k in kernel] * 2 if b.chance(40) else None
    extra = [b.integer(0, s - 1) for s in strides] if b.chance(30) else None
    w = b.input(b.elements((channels, b.choose([1, 2, 3]), *kernel), F32))
    bias = b.input(b.elements((w.shape[1] * groups,), F32)) if b.chance(50) else None
    y = b.node(
        "ConvTranspose",
        [x, w, bias],
        strides=strides,
        pads=pads,
        output_padding=extra,
        group=groups if groups > 1 else None,
    )
    after_conv(b, y)


@grower(5)
def pool(b):
    rank = b.choose([1, 2, 2, 2, 3])
    x = spatial_input(b, rank)
    op = b.choose(["MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"])
    if op.startswith("Global"):
        return b.node(op, [x])
    kernel = [b.choose([1, 2, 3]) for _ in range(rank)]
    dilations = (op == "MaxPool" and b.opset >= 10) or (op == "AveragePool" and b.opset >= 19)
    attributes = window(b, x, kernel, dilations)
    if op == "AveragePool":
        attributes["count_include_pad"] = b.choose([None, 1])
    if op == "LpPool":
        attributes["p"] = b.choose([None, 1, 2])
        if b.opset < 18 or "auto_pad" in attributes:
            raise RejectedError
    if b.chance(20) and op != "LpPool" and "auto_pad" not in attributes and b.opset >= 10:
        attributes["ceil_mode"] = 1
    outputs = 2 if op == "MaxPool" and b.chance(15) and "dilations" not in attributes else 1
    return b.node(op, [x], outputs, kernel_shape=kernel, **attributes)
