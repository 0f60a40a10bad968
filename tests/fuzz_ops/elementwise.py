"""Elementwise operators, reductions, softmax and sorting."""

import numpy as np
from builder import RejectedError
from growing import F32, I8, I32, I64, U8, axis_of, broadcastable, grower, partner, some_axes


@grower(14)
def unary_float(b):
    x = b.floats()
    op, since, attributes = b.choose(
        [
            ("Relu", 1, {}),
            ("Relu", 1, {}),
            ("Sigmoid", 1, {}),
            ("Tanh", 1, {}),
            ("Exp", 1, {}),
            ("Log", 1, {}),
            ("Sqrt", 1, {}),
            ("Neg", 1, {}),
            ("Abs", 1, {}),
            ("Floor", 1, {}),
            ("Ceil", 1, {}),
            ("Round", 11, {}),
            ("Sign", 9, {}),
            ("Reciprocal", 1, {}),
            ("Erf", 9, {}),
            ("Softplus", 1, {}),
            ("Softsign", 1, {}),
            ("Elu", 1, {"alpha": b.choose([None, 0.5, 2.0])}),
            ("Selu", 1, {"alpha": b.choose([None, 1.5]), "gamma": b.choose([None, 1.1])}),
            ("LeakyRelu", 1, {"alpha": b.choose([None, 0.2, 1.5])}),
            ("HardSigmoid", 1, {"alpha": b.choose([None, 0.25]), "beta": b.choose([None, 0.4])}),
            ("HardSwish", 14, {}),
            ("ThresholdedRelu", 10, {"alpha": b.choose([None, 0.3])}),
            ("Celu", 12, {"alpha": b.choose([None, 2.0])}),
            ("Mish", 18, {}),
            ("Gelu", 20, {"approximate": b.choose([None, "tanh", "none"])}),
            ("Swish", 24, {"alpha": b.choose([None, 1.7])}),
            ("Sin", 7, {}),
            ("Cos", 7, {}),
            ("Atan", 7, {}),
            ("Sinh", 9, {}),
            ("Cosh", 9, {}),
            ("Asinh", 9, {}),
            ("Identity", 1, {}),
            ("Shrink", 9, {"bias": b.choose([None, 0.2]), "lambd": b.choose([None, 0.3])}),
        ]
    )
    if b.opset < since:
        raise RejectedError
    if op in ("Floor", "Ceil", "Round", "Sin", "Cos", "Sign") and not x.is_finite():
        raise RejectedError  # what NaN gives is not agreed on everywhere
    b.node(op, [x], **attributes)


@grower(2)
def bounded_domain(b):
    op, low, high = b.choose(
        [("Asin", -1, 1), ("Acos", -1, 1), ("Atanh", -0.9, 0.9), ("Acosh", 1, 5), ("Tan", -1.2, 1.2)]
    )
    b.node(op, [b.input(b.elements(b.shape(), F32, low, high))])


@grower(2)
def unary_any(b):
    x = b.tensor()
    if x.dtype.kind == "b":
        return b.node("Not", [x])
    if x.dtype.kind in "iu":
        if b.opset >= 18 and b.chance(50):
            return b.node("BitwiseNot", [x])
        return b.node("Abs" if x.dtype.kind == "u" or b.chance(50) else "Neg", [x])
    if x.is_float():
        return b.node(b.choose(["IsNaN", "IsInf"]), [x])
    return b.node("Identity", [x])


@grower(16)
def binary(b):
    x = b.floats() if b.chance(80) else b.tensor(wanted=lambda v: v.dtype.kind in "iu")
    op = b.choose(["Add", "Add", "Sub", "Mul", "Mul", "Div", "Max", "Min", "Pow", "PRelu", "Mod"])
    if op in ("Max", "Min") and not x.is_finite():
        raise RejectedError
    if x.dtype.kind in "iu":
        if op in ("PRelu", "Pow"):
            raise RejectedError
        if op in ("Div", "Mod"):
            return b.node(op, [x, partner(b, x, low=1, high=5)])
        if op in ("Max", "Min") and x.dtype not in (I32, I64):
            raise RejectedError
        y = partner(b, x)
        return b.node(op, [x, y] if b.chance(60) else [y, x])
    if op == "Pow":
        base = b.node("Abs", [x]) if b.chance(60) else x
        if b.chance(60):
            return b.node("Pow", [base, b.constant(np.array(b.choose([2, 3, 0.5, 1, 0, -1]), x.dtype), exact=True)])
        return b.node("Pow", [base, partner(b, x, low=-2, high=2)])
    if op == "PRelu":
        return b.node("PRelu", [x, b.input(b.elements(broadcastable(b, x.shape), x.dtype))])
    if op == "Mod":
        if not x.is_finite():
            raise RejectedError
        return b.node("Mod", [x, partner(b, x, low=1, high=3)], fmod=1)
    y = partner(b, x)
    if op in ("Max", "Min") and not y.is_finite():
        raise RejectedError
    return b.node(op, [x, y] if b.chance(60) else [y, x])


@grower(2)
def variadic(b):
    x = b.floats(finite=True)
    more = [partner(b, x, low=-2, high=2) for _ in range(b.integer(0, 3))]
    b.node(b.choose(["Sum", "Mean", "Max", "Min"]), [x, *more])


@grower(4)
def logic(b):
    x = b.tensor(wanted=lambda v: v.dtype.kind != "O" or b.opset >= 19)
    if x.dtype.kind == "b":
        return b.node(b.choose(["And", "Or", "Xor", "Equal"]), [x, partner(b, x)])
    if x.dtype.kind == "O":
        return b.node("Equal", [x, partner(b, x)])
    ops = ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"]
    if x.dtype.kind in "iu" and b.opset >= 18:
        ops += ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]
    return b.node(b.choose(ops), [x, partner(b, x)])


@grower(1)
def bit_shift(b):
    x = b.input(b.elements(b.shape(), b.choose([np.uint8, np.uint32, np.uint64]), 0, 200))
    b.node("BitShift", [x, partner(b, x, low=0, high=7)], direction=b.choose(["LEFT", "RIGHT"]))


@grower(4)
def where(b):
    x = b.tensor()
    condition = b.pick(
        lambda v: v.dtype.kind == "b" and v.shape == x.shape,
        lambda: b.elements(broadcastable(b, x.shape), np.bool_),
    )
    b.node("Where", [condition, x, partner(b, x)])


@grower(4)
def clip(b):
    x = b.floats(finite=True) if b.chance(80) else b.tensor(wanted=lambda v: v.dtype in (I64, I32, I8, U8))
    low, high = b.choose([(0, 6), (-1, 1), (None, 2), (-2, None), (0, 1), (0, 0)])
    bound = [
        None if v is None or (v < 0 and x.dtype.kind == "u") else b.constant(np.array(v, x.dtype), exact=True)
        for v in (low, high)
    ]
    b.node("Clip", [x, *bound])


@grower(4)
def cast(b):
    to = np.dtype(
        b.choose([np.float32, np.float32, np.float64, np.int64, np.int32, np.bool_, np.float16, np.uint8, np.int8])
    )
    x = b.tensor(wanted=lambda v: v.dtype.kind != "O")
    if x.dtype.kind not in "biu" and to.kind in "iu":
        low = 0 if to.kind == "u" else -100
        wide = [a.astype(np.float64) for a in (x.array, *x.lanes)]
        if not all(np.isfinite(a).all() and (a > low - 0.5).all() and (a < 120).all() for a in wide):
            raise RejectedError  # what is out of range is each implementation's own
    from onnx import helper

    b.node("Cast", [x], to=helper.np_dtype_to_tensor_dtype(to))


@grower(10)
def reduce(b):
    x = b.floats(least=1) if b.chance(85) else b.tensor(1, lambda v: v.dtype in (I32, I64))
    op = b.choose(
        [
            "ReduceSum",
            "ReduceSum",
            "ReduceMean",
            "ReduceMean",
            "ReduceMax",
            "ReduceMin",
            "ReduceProd",
            "ReduceL1",
            "ReduceL2",
        ]
        + ["ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]
    )
    if x.dtype.kind in "iu" and op not in (
        "ReduceSum",
        "ReduceMax",
        "ReduceMin",
        "ReduceL1",
        "ReduceSumSquare",
        "ReduceProd",
    ):
        raise RejectedError
    if op in ("ReduceMax", "ReduceMin") and (not x.is_finite() or x.size == 0):
        raise RejectedError
    if op in ("ReduceMean", "ReduceLogSum", "ReduceLogSumExp") and x.size == 0:
        raise RejectedError
    axes = some_axes(b, x) if b.chance(80) else None
    keep = b.choose([None, 0, 1])
    if b.opset >= (13 if op == "ReduceSum" else 18):
        b.node(op, [x, None if axes is None else b.ints(axes)], keepdims=keep)
    else:
        b.node(op, [x], keepdims=keep, axes=axes)


@grower(3)
def arg(b):
    x = b.floats(least=1, finite=True) if b.chance(80) else b.tensor(1, lambda v: v.dtype in (I32, I8, U8))
    axis = axis_of(b, x)
    if x.shape[axis] == 0:
        raise RejectedError
    last = b.choose([None, 0, 1]) if b.opset >= 12 else None
    b.node(b.choose(["ArgMax", "ArgMin"]), [x], axis=axis, keepdims=b.choose([None, 0, 1]), select_last_index=last)


@grower(5)
def softmax(b):
    x = b.floats(least=1, finite=True)
    b.node(b.choose(["Softmax", "Softmax", "LogSoftmax", "Hardmax"]), [x], axis=axis_of(b, x))


@grower(2)
def cumulative(b):
    x = b.floats(least=1, finite=True) if b.chance(80) else b.tensor(1, lambda v: v.dtype in (I32, I64))
    axis = b.constant(np.array(axis_of(b, x), b.choose([np.int64, np.int32])))
    b.node("CumSum", [x, axis], exclusive=b.choose([None, 1]), reverse=b.choose([None, 1]))


@grower(2)
def top_k(b):
    x = b.floats(least=1, finite=True)
    axis = axis_of(b, x)
    k = b.integer(0 if b.chance(10) else 1, max(1, x.shape[axis]))
    if k > x.shape[axis]:
        raise RejectedError
    b.node("TopK", [x, b.ints([k])], 2, axis=axis, largest=b.choose([None, 0, 1]))
