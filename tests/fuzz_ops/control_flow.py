"""Control flow with small random bodies that capture outer values, sequences, strings."""

import numpy as np
import onnx
from builder import Builder, RejectedError
from growing import axis_of, grower, partner
from onnx import helper

FLOAT, INT64, BOOL = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL


def chain(b: Builder, value, prefix, captured):
    """Nodes from `value` to a value of the same shape, and its name."""
    nodes = []
    for i in range(b.integer(1, 3)):
        name = f"{prefix}{i}"
        op = b.choose(["Relu", "Neg", "Tanh", "Sigmoid", "Add", "Mul"])
        inputs = [value] if op not in ("Add", "Mul") else [value, captured if b.chance(60) else value]
        nodes.append(helper.make_node(op, inputs, [name]))
        value = name
    return nodes, value


def info(name, kind=FLOAT, dims=None):
    return helper.make_tensor_value_info(name, kind, dims)


@grower(2)
def control(b):
    x = b.floats(finite=True, dtype=np.dtype(np.float32))
    stem = b.name("b")
    kind = b.choose(["If", "Loop", "Loop", "Scan"])
    if kind == "If":
        condition = b.input(b.elements((), np.bool_))
        branches = []
        for side in "te":
            nodes, end = chain(b, x.name, f"{stem}{side}", x.name)
            branches.append(helper.make_graph(nodes, f"{stem}{side}", [], [info(end)]))
        b.node("If", [condition], then_branch=branches[0], else_branch=branches[1])
    elif kind == "Loop":
        nodes, end = chain(b, f"{stem}v", f"{stem}n", x.name)
        nodes.append(helper.make_node("Identity", [f"{stem}c"], [f"{stem}c2"]))
        outputs = [info(f"{stem}c2", BOOL, []), info(end)]
        scans = b.integer(0, 1)
        if scans:
            nodes.append(helper.make_node("Abs", [end], [f"{stem}s"]))
            outputs.append(info(f"{stem}s", dims=[None] * x.rank))
        inputs = [info(f"{stem}i", INT64, []), info(f"{stem}c", BOOL, []), info(f"{stem}v", dims=list(x.shape))]
        body = helper.make_graph(nodes, stem, inputs, outputs)
        trips = b.constant(np.array(b.integer(1, 4)))
        condition = b.constant(np.array(True)) if b.chance(40) else None
        b.node("Loop", [trips, condition, x], 1 + scans, body=body)
    else:
        if x.rank == 0 or x.shape[0] == 0:
            raise RejectedError
        nodes, end = chain(b, f"{stem}x", f"{stem}n", f"{stem}s")
        nodes.append(helper.make_node("Add", [f"{stem}s", end], [f"{stem}s2"]))
        state = b.input(b.elements(x.shape[1:], np.float32))
        inputs = [info(f"{stem}s", dims=list(x.shape[1:])), info(f"{stem}x", dims=list(x.shape[1:]))]
        body = helper.make_graph(nodes, stem, inputs, [info(f"{stem}s2"), info(end)])
        b.node("Scan", [state, x], 2, num_scan_inputs=1, body=body)


@grower(1)
def sequence(b):
    x = b.tensor(1, lambda v: v.dtype.kind != "O")
    if b.chance(50) and b.opset >= 11:
        parts = b.node("SplitToSequence", [x], axis=axis_of(b, x))
        length = len(parts.array)
    else:
        items = [x, *(b.input(b.elements(b.shape(), x.dtype)) for _ in range(b.integer(0, 2)))]
        parts = b.node("SequenceConstruct", items)
        length = len(items)
    if length == 0:
        raise RejectedError
    at = b.node("SequenceAt", [parts, b.constant(np.array(b.integer(-length, length - 1)))])
    if b.chance(50):
        b.node("SequenceLength", [parts])
    return at


@grower(1)
def text(b):
    if b.opset < 20:
        raise RejectedError
    x = b.pick(lambda v: v.dtype.kind == "O", lambda: b.elements(b.shape(b.integer(0, 2)), np.dtype(object)))
    if b.chance(60):
        return b.node("StringConcat", [x, partner(b, x)])
    return b.node("RegexFullMatch", [x], pattern=b.choose(["a.*", "[a-c]+", "x y|é", "\\\\d+"]))
