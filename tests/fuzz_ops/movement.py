"""Operators that move elements: shapes, slices, gathers, pads."""

import numpy as np
from builder import RejectedError
from growing import F32, axis_of, grower


@grower(8)
def transpose(b):
    x = b.tensor()
    b.node("Transpose", [x], perm=None if b.chance(25) or x.rank == 0 else [int(p) for p in b.rng.permutation(x.rank)])


@grower(8)
def reshape(b):
    x = b.tensor()
    factors, rest = [], x.size
    while rest > 1 and len(factors) < 4 and b.chance(80):
        fits = [f for f in (1, 2, 3, 4, 5, 7, rest) if rest % f == 0]
        factors.append(b.choose(fits))
        rest //= factors[-1]
    if rest > 1 or x.size == 0:
        factors.append(rest)
    if factors and b.chance(50) and x.size:
        factors[b.integer(0, len(factors) - 1)] = -1
    if factors and b.chance(20) and x.size and x.rank and factors[0] == x.shape[0]:
        factors[0] = 0
    if x.size == 0 and 0 in factors and factors.index(0) >= x.rank:
        raise RejectedError
    b.node("Reshape", [x, b.ints(factors)], allowzero=1 if b.opset >= 14 and x.size == 0 and b.chance(30) else None)


@grower(3)
def flatten(b):
    x = b.tensor()
    b.node("Flatten", [x], axis=b.integer(-x.rank, x.rank) if b.opset >= 11 else b.integer(0, x.rank))


@grower(4)
def squeeze(b):
    if b.chance(50):
        x = b.tensor(1, lambda v: 1 in v.shape)
        axes = [i - x.rank if b.chance(30) else i for i, s in enumerate(x.shape) if s == 1 and b.chance(70)]
        if not axes and not b.chance(30):
            raise RejectedError
        if b.opset >= 13:
            return b.node("Squeeze", [x, b.ints(axes) if axes else None])
        return b.node("Squeeze", [x], axes=axes or None)
    x = b.tensor(wanted=lambda v: v.rank < 5)
    count = b.integer(1, 2)
    axes = [int(a) for a in b.rng.choice(x.rank + count, count, replace=False)]
    axes = [a - x.rank - count if b.opset >= 11 and b.chance(30) else a for a in axes]
    if b.opset >= 13:
        return b.node("Unsqueeze", [x, b.ints(axes)])
    return b.node("Unsqueeze", [x], axes=axes)


@grower(7)
def concat(b):
    x = b.tensor(1)
    axis = axis_of(b, x)
    others = []
    for _ in range(b.integer(0, 3)):
        shape = list(x.shape)
        shape[axis] = b.size()

        def same(v, shape=tuple(shape), at=axis % x.rank):
            return (
                v.dtype == x.dtype
                and v.rank == x.rank
                and all(a == c for i, (a, c) in enumerate(zip(v.shape, shape, strict=True)) if i != at)
            )

        others.append(b.pick(same, lambda shape=tuple(shape): b.elements(shape, x.dtype)))
    parts = [x, *others]
    b.rng.shuffle(parts)
    b.node("Concat", parts, axis=axis)


@grower(4)
def split(b):
    x = b.tensor(1, lambda v: v.dtype.kind != "O")
    axis = axis_of(b, x)
    size = x.shape[axis]
    parts = b.integer(1, max(1, min(3, size)))
    if b.chance(30) and size % parts == 0:
        return b.node("Split", [x], parts, axis=axis, num_outputs=parts if b.opset >= 18 else None)
    cuts = sorted(b.integer(0, size) for _ in range(parts - 1))
    sizes = [e - s for s, e in zip([0, *cuts], [*cuts, size], strict=True)]
    if b.opset >= 13:
        return b.node("Split", [x, b.ints(sizes)], parts, axis=axis)
    return b.node("Split", [x], parts, axis=axis, split=sizes)


@grower(6)
def slice_(b):
    x = b.tensor(1)
    axes = sorted({b.integer(0, x.rank - 1) for _ in range(b.integer(1, 3))})
    starts, ends, steps = [], [], []
    for axis in axes:
        size = x.shape[axis]
        step = b.choose([1, 1, 1, 2, 3, -1, -2])
        low, high = b.integer(-size - 2, size + 2), b.integer(-size - 2, size + 2)
        if b.chance(15):
            high = 2**63 - 1 if step > 0 else -(2**63)
        starts.append(low)
        ends.append(high)
        steps.append(step)
    given = b.ints([a - x.rank if b.chance(30) else a for a in axes])
    with_steps = any(s != 1 for s in steps) or b.chance(30)
    if b.opset >= 10:
        return b.node("Slice", [x, b.ints(starts), b.ints(ends), given, b.ints(steps) if with_steps else None])
    raise RejectedError


@grower(6)
def gather(b):
    x = b.tensor(1)
    axis = axis_of(b, x)
    size = x.shape[axis]
    if size == 0:
        raise RejectedError
    op = b.choose(["Gather", "Gather", "GatherElements", "GatherND"])
    dtype = b.choose([np.int64, np.int64, np.int32])
    if op == "Gather":
        return b.node(op, [x, b.input(b.elements(b.shape(b.integer(0, 2)), dtype, -size, size - 1))], axis=axis)
    if op == "GatherElements":
        shape = list(x.shape)
        shape[axis] = b.size()
        return b.node(op, [x, b.input(b.elements(tuple(shape), dtype, -size, size - 1))], axis=axis)
    if 0 in x.shape:
        raise RejectedError
    batch = b.integer(0, 1) if b.opset >= 12 and x.rank > 1 else 0
    depth = b.integer(1, x.rank - batch)
    lead = x.shape[:batch] + b.shape(b.integer(1, 2))
    columns = [b.elements(lead, np.int64, -s, s - 1) for s in x.shape[batch : batch + depth]]
    return b.node(op, [x, b.input(np.stack(columns, -1))], batch_dims=batch or None)


@grower(3)
def scatter(b):
    x = b.tensor(1, lambda v: v.dtype.kind != "O" and 0 not in v.shape)
    axis = axis_of(b, x)
    size = x.shape[axis]
    reduction = b.choose([None, None, "add", "mul"] + (["max", "min"] if b.opset >= 18 else []))
    if b.opset < 16 or x.dtype.kind == "b" or not x.is_finite():
        reduction = None
    if b.chance(50):
        shape = tuple(b.integer(1, s) for s in x.shape)
        count = min(shape[axis], size)
        shape = tuple(count if i == axis % x.rank else s for i, s in enumerate(shape))
        order = np.argsort(b.rng.random(shape), axis=axis)  # no index twice: the order of writing is not specified
        order = np.where(b.rng.random(shape) < 0.3, order - size, order).astype(np.int64)
        updates = b.input(b.elements(shape, x.dtype))
        return b.node("ScatterElements", [x, b.input(order), updates], axis=axis, reduction=reduction)
    depth = b.integer(1, x.rank)
    places = int(np.prod(x.shape[:depth]))
    chosen = b.rng.choice(places, b.integer(0 if b.chance(5) else 1, places), replace=False)
    indices = np.stack(np.unravel_index(chosen, x.shape[:depth]), -1).astype(np.int64)
    updates = b.input(b.elements((len(chosen), *x.shape[depth:]), x.dtype))
    return b.node("ScatterND", [x, b.input(indices), updates], reduction=reduction)


@grower(4)
def repeat(b):
    x = b.tensor()
    if b.chance(50):
        return b.node("Tile", [x, b.ints([b.choose([1, 1, 2, 3]) for _ in x.shape])])
    shape = [b.size() if s == 1 else s for s in x.shape]
    shape = [b.integer(1, 3) for _ in range(b.integer(0, 2))] + shape
    if b.chance(30):
        shape = [1 if b.chance(30) else s for s in shape]
    return b.node("Expand", [x, b.ints(shape)])


@grower(5)
def pad(b):
    x = b.tensor(1, lambda v: v.dtype.kind not in "Ob")
    mode = b.choose(["constant", "constant", "edge", "reflect"] + (["wrap"] if b.opset >= 19 else []))
    low = -1 if mode == "constant" and b.chance(25) else 0
    pads = [b.integer(low, 3) for _ in range(2 * x.rank)]
    if mode == "reflect":
        pads = [min(p, max(x.shape[i % x.rank] - 1, 0)) for i, p in enumerate(pads)]
    if mode != "constant" and 0 in x.shape:
        raise RejectedError
    if low < 0 and any(x.shape[i] + pads[i] + pads[i + x.rank] < 0 for i in range(x.rank)):
        raise RejectedError
    if mode == "wrap":
        pads = [min(p, x.shape[i % x.rank]) for i, p in enumerate(pads)]
    value = (
        b.constant(np.array(b.choose([0, 1, 3]), x.dtype), exact=True) if mode == "constant" and b.chance(50) else None
    )
    if b.opset < 11:
        raise RejectedError
    b.node("Pad", [x, b.ints(pads), value], mode=mode)


@grower(3)
def shape(b):
    x = b.tensor()
    op = b.choose(["Shape", "Shape", "Size"])
    if op == "Shape" and b.opset >= 15 and b.chance(40):
        return b.node(op, [x], start=b.integer(-3, 3), end=b.choose([None, 1, 2, -1]))
    return b.node(op, [x])


@grower(2)
def shape_chain(b):
    """Reshape by a computed shape, as exporters write it."""
    x = b.tensor(2)
    shape = b.node("Shape", [x])
    first = b.node("Gather", [shape, b.constant(np.array([0]))], axis=0)
    joined = b.node("Concat", [first, b.constant(np.array([-1]))], axis=0)
    if x.shape[0] == 0:
        raise RejectedError
    b.node("Reshape", [x, joined])


@grower(2)
def make_constant(b):
    if b.chance(50):
        value = b.elements((1,), b.choose([np.float32, np.int64, np.bool_]))
        from onnx import numpy_helper

        return b.node("ConstantOfShape", [b.ints(list(b.shape()))], value=numpy_helper.from_array(value))
    start, step = b.integer(-5, 5), b.choose([1, 2, -1, 3])
    dtype = b.choose([np.int64, np.int32, np.float32])
    ends = [b.constant(np.array(v, dtype), exact=True) for v in (start, start + step * b.integer(0, 7), step)]
    return b.node("Range", ends)


@grower(3)
def blocks(b):
    op = b.choose(["DepthToSpace", "SpaceToDepth", "Trilu", "EyeLike", "ReverseSequence", "OneHot", "Compress"])
    if op in ("DepthToSpace", "SpaceToDepth"):
        size = b.choose([2, 3])
        n, c, h, w = b.integer(1, 2), b.integer(1, 3), b.integer(1, 3), b.integer(1, 4)
        if op == "DepthToSpace":
            x = b.input(b.elements((n, c * size * size, h, w), F32))
            return b.node(op, [x], blocksize=size, mode=b.choose([None, "DCR", "CRD"]))
        return b.node(op, [b.input(b.elements((n, c, h * size, w * size), F32))], blocksize=size)
    if op == "Trilu":
        if b.opset < 14:
            raise RejectedError
        x = b.tensor(2, lambda v: v.dtype.kind != "O")
        k = b.ints([b.integer(-3, 3)]) if b.chance(60) else None
        if k is not None:
            k = b.node("Squeeze", [k])
        return b.node(op, [x, k], upper=b.choose([None, 0, 1]))
    if op == "EyeLike":
        x = b.pick(lambda v: v.rank == 2 and v.dtype == F32, lambda: b.elements(b.shape(2), F32))
        return b.node(op, [x], k=b.choose([None, 1, -2]))
    if op == "ReverseSequence":
        x = b.tensor(2, lambda v: v.dtype == F32 and 0 not in v.shape)
        time, batch = b.choose([(0, 1), (1, 0)])
        lengths = b.elements((x.shape[batch],), np.int64, 1, x.shape[time])
        return b.node(op, [x, b.input(lengths)], time_axis=time, batch_axis=batch)
    if op == "OneHot":
        depth = b.integer(1, 6)
        indices = b.input(b.elements(b.shape(b.integer(0, 2)), np.int64, -depth, depth - 1))
        values = b.constant(np.array([0, 1], b.choose([np.float32, np.int64])), exact=True)
        return b.node(op, [indices, b.constant(np.array(depth)), values], axis=b.choose([None, 0, -1]))
    x = b.tensor(1, lambda v: v.dtype.kind != "O")
    axis = b.integer(0, x.rank - 1)
    condition = b.input(b.elements((b.integer(0, x.shape[axis]),), np.bool_))
    return b.node(op, [x, condition], axis=axis)


@grower(1)
def data_dependent(b):
    x = b.tensor(1, lambda v: v.dtype.kind not in "Ob")
    if not x.dtype.kind == "i" and not x.is_finite():
        raise RejectedError
    op = b.choose(["NonZero", "Unique"])
    if op == "NonZero":
        return b.node(op, [x])
    if x.size == 0:
        raise RejectedError
    axis = b.integer(0, x.rank - 1) if b.chance(50) else None
    return b.node(op, [x], 4, axis=axis, sorted=b.choose([None, 1]))
