"""What growers have in common. A grower adds nodes of one kind to a model, and chooses inputs and attributes at random.

Each uses only forms that its opset has; where it finds no fitting values, or the node has no meaning for them,
RejectedError leaves the model as it was. `GROWERS` lists them with their weights.
"""

import numpy as np
from builder import Builder

F32, F64, I64, I32, U8, I8 = (np.dtype(t) for t in (np.float32, np.float64, np.int64, np.int32, np.uint8, np.int8))
GROWERS = []


def grower(weight):
    def add(function):
        GROWERS.append((function, weight))
        return function

    return add


def axis_of(b: Builder, v):
    axis = b.integer(0, v.rank - 1)
    return axis - v.rank if b.chance(40) else axis


def some_axes(b, v):
    axes = [a for a in range(v.rank) if b.chance(50)] or [b.integer(0, v.rank - 1)]
    b.rng.shuffle(axes)
    return [int(a) - v.rank if b.chance(30) else int(a) for a in axes]


def broadcastable(b, shape):
    """A shape that broadcasts with `shape`."""
    other = [1 if b.chance(25) else s for s in shape]
    return tuple(other[b.integer(0, len(other)) if b.chance(30) else 0 :])


def exact(value):
    """The value, which roundings must not disturb: what it decides would be another question."""
    value.lanes = [value.array] * len(value.lanes)
    return value


def partner(b, x, **bounds):
    """A value that broadcasts with x."""

    def fits(v):
        if v.dtype != x.dtype:
            return False
        try:
            return np.prod(np.broadcast_shapes(v.shape, x.shape)) <= 6000
        except ValueError:
            return False

    if bounds:
        return b.input(b.elements(broadcastable(b, x.shape), x.dtype, **bounds))
    return b.pick(fits, lambda: b.elements(broadcastable(b, x.shape), x.dtype, special=5))


def spatial_input(b, rank):
    return b.pick(
        lambda v: v.dtype == F32 and v.rank == rank + 2 and 0 not in v.shape and v.is_finite() and max(v.shape) < 20,
        lambda: b.elements(
            (b.integer(1, 2), b.choose([1, 2, 3, 4, 8, 16, 17]), *(b.integer(3, 9) for _ in range(rank))), F32
        ),
    )
