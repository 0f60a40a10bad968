"""Operators of ai.onnx.ml: scalers, encoders, linear models, trees."""

import numpy as np
from builder import RejectedError
from growing import F32, grower

ML = "ai.onnx.ml"


def rows(b):
    """A float matrix of samples."""
    return b.pick(
        lambda v: v.dtype == F32 and v.rank == 2 and v.is_finite() and 0 not in v.shape and v.shape[1] < 10,
        lambda: b.elements((b.integer(1, 6), b.integer(1, 5)), F32),
    )


def numbers(b, count, low=-2, high=2):
    return [float(v) for v in b.rng.uniform(low, high, count).astype(np.float32)]


@grower(3)
def preprocessing(b):
    x = rows(b)
    width = x.shape[1]
    op = b.choose(["Scaler", "Normalizer", "Binarizer", "Imputer", "ArrayFeatureExtractor", "FeatureVectorizer"])
    if op == "Scaler":
        count = b.choose([1, width])
        return b.node(op, [x], domain=ML, offset=numbers(b, count), scale=numbers(b, count, 0.5, 2))
    if op == "Normalizer":
        return b.node(op, [x], domain=ML, norm=b.choose(["MAX", "L1", "L2"]))
    if op == "Binarizer":
        return b.node(op, [x], domain=ML, threshold=b.choose([0.0, 0.5]))
    if op == "Imputer":
        count = b.choose([1, width])
        return b.node(op, [x], domain=ML, imputed_value_floats=numbers(b, count), replaced_value_float=0.0)
    if op == "ArrayFeatureExtractor":
        picked = b.input(b.elements((b.integer(1, 4),), np.int64, 0, width - 1))
        return b.node(op, [x, picked], domain=ML)
    other = b.input(b.elements((x.shape[0], b.integer(1, 3)), F32))
    return b.node(op, [x, other], domain=ML, inputdimensions=[width, other.shape[1]])


@grower(2)
def encoding(b):
    keys = sorted({b.integer(-5, 5) for _ in range(4)})
    x = b.input(b.elements(b.shape(b.integer(1, 2)), np.int64, -5, 5))
    if b.chance(50):
        return b.node(
            "LabelEncoder", [x], domain=ML, keys_int64s=keys, values_int64s=[k * 3 for k in keys], default_int64=7
        )
    return b.node("OneHotEncoder", [x], domain=ML, cats_int64s=keys, zeros=1)


@grower(2)
def linear(b):
    x = rows(b)
    targets = b.integer(1, 3)
    weights, shift = numbers(b, targets * x.shape[1]), numbers(b, targets)
    transform = b.choose([None, "NONE"])
    b.node(
        "LinearRegressor",
        [x],
        domain=ML,
        coefficients=weights,
        intercepts=shift,
        targets=targets,
        post_transform=transform,
    )


@grower(2)
def trees(b):
    """Complete trees of random splits."""
    x = rows(b)
    lists = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    leaves = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    mode = b.choose(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT"])
    for tree in range(b.integer(1, 3)):
        depth = b.integer(0, 3)
        inner = 2**depth - 1
        for node in range(2 ** (depth + 1) - 1):
            leaf = node >= inner
            feature, value = b.integer(0, x.shape[1] - 1), numbers(b, 1)[0]
            children = (0, 0) if leaf else (2 * node + 1, 2 * node + 2)
            row = (tree, node, 0 if leaf else feature, 0.0 if leaf else value, "LEAF" if leaf else mode, *children)
            for items, item in zip(lists.values(), row, strict=True):
                items.append(item)
            if leaf:
                for items, item in zip(leaves.values(), (tree, node, 0, numbers(b, 1)[0]), strict=True):
                    items.append(item)
    if any(abs(float(v) - t) < 1e-3 for v in x.array.reshape(-1) for t in lists["values"]):
        raise RejectedError  # a split that rounding could decide
    attributes = {f"nodes_{k}": v for k, v in lists.items()} | {f"target_{k}": v for k, v in leaves.items()}
    total = b.choose(["SUM", "AVERAGE", "MIN", "MAX"])
    b.node("TreeEnsembleRegressor", [x], domain=ML, n_targets=1, aggregate_function=total, **attributes)
