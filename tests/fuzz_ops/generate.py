"""A random valid model with inputs, expected outputs and tolerances, from a seed."""

import dataclasses

import numpy as np
import onnx
from builder import DISTURBANCE, DOMAINS, Builder, RejectedError, onnx_type
from onnx import helper, numpy_helper
from operators import GROWERS

OPSETS = [11, 12, 13, 13, 14, 15, 16, 17, 17, 18, 19, 20, 21, 21, 22, 23, 24, 25, 26]
MOST_NODES = 12


@dataclasses.dataclass
class Case:
    """`expected` and `tolerance` by output, in order; a tolerance is an array of the output's shape, or None: exact. `undisturbed`
    names inputs and constants whose values decide what is computed, such as scales of sizes."""

    seed: int
    model: bytes
    feeds: dict
    outputs: list
    expected: list
    tolerance: list
    operators: list
    undisturbed: frozenset = frozenset()


def make_case(seed):
    """The case of this seed; None where what was grown is no valid model."""
    rng = np.random.default_rng(seed)
    b = Builder(rng, int(rng.choice(OPSETS)))
    weights = np.array([w for _, w in GROWERS], float)
    target = int(rng.integers(1, MOST_NODES))
    for _ in range(4 * target):
        if len(b.nodes) >= target:
            break
        saved = snapshot(b)
        try:
            GROWERS[int(rng.choice(len(GROWERS), p=weights / weights.sum()))][0](b)
        except RejectedError:
            restore(b, saved)
    if not b.nodes:
        return None
    outputs = choose_outputs(b)
    keep_needed(b, outputs)
    model = assemble(b, outputs)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception:
        return None
    return Case(
        seed,
        model.SerializeToString(),
        {v.name: v.array for v in b.inputs},
        [v.name for v in outputs],
        [v.array for v in outputs],
        [tolerance_of(v) for v in outputs],
        sorted({n.op_type for n in b.nodes}),
        frozenset(v.name for v in (*b.inputs, *b.initializers) if all(lane is v.array for lane in v.lanes)),
    )


def snapshot(b):
    return len(b.values), len(b.nodes), len(b.initializers), len(b.inputs), [v.users for v in b.values]


def restore(b, saved):
    for items, length in zip((b.values, b.nodes, b.initializers, b.inputs), saved, strict=False):
        del items[length:]
    for value, users in zip(b.values, saved[4], strict=True):
        value.users = users


def choose_outputs(b):
    made = [v for v in b.values if v.node is not None]
    loose = [v for v in made if v.users == 0]
    chosen = [v for v in loose if b.chance(85)] or loose[-1:]
    chosen += [v for v in made if v.users and b.chance(10)]
    return chosen


def keep_needed(b, outputs):
    """Drops nodes, constants and inputs that no output needs."""
    producers = {name: i for i, node in enumerate(b.nodes) for name in node.output}
    needed, names, todo = set(), {v.name for v in outputs}, [v.name for v in outputs]
    while todo:
        index = producers.get(todo.pop())
        if index is None or index in needed:
            continue
        needed.add(index)
        node = b.nodes[index]
        used = list(node.input) + [n for a in node.attribute for inner in a.g.node for n in inner.input]
        todo += [name for name in used if name]
        names |= set(used)
    b.nodes = [node for i, node in enumerate(b.nodes) if i in needed]
    b.inputs = [v for v in b.inputs if v.name in names]
    b.initializers = [v for v in b.initializers if v.name in names]


def assemble(b, outputs):
    inputs = []
    for v in b.inputs:
        dims = list(v.shape)
        if b.chance(30):
            dims = [f"{v.name}_{i}" if b.chance(60) else d for i, d in enumerate(dims)]
        inputs.append(helper.make_tensor_value_info(v.name, onnx_type(v.array), dims))
    nodes, initializers = list(b.nodes), []
    for v in b.initializers:
        tensor = numpy_helper.from_array(v.array, v.name)
        if b.chance(25) and v.array.dtype.kind != "O":
            nodes.insert(0, helper.make_node("Constant", [], [v.name], value=tensor))
        else:
            initializers.append(tensor)
    infos = []
    for v in outputs:
        if isinstance(v.array, np.ndarray):
            infos.append(helper.make_tensor_value_info(v.name, onnx_type(v.array), [None] * v.rank))
        else:
            element = helper.make_tensor_type_proto(onnx_type(v.array[0]), None)
            infos.append(helper.make_value_info(v.name, helper.make_sequence_type_proto(element)))
    graph = helper.make_graph(nodes, "fuzz", inputs, infos, initializers)
    domains = {node.domain for node in nodes if node.domain}
    opsets = [helper.make_opsetid("", b.opset), *(helper.make_opsetid(d, DOMAINS[d]) for d in sorted(domains))]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def tolerance_of(value):
    """Eight times what the disturbances did, and as much as one disturbance; inf where they changed what is finite."""
    if not value.is_tensor:
        return None
    if all(lane is value.array for lane in value.lanes) or value.dtype.kind in "OUS":
        return None
    if any(lane.shape != value.shape for lane in value.lanes):
        return np.full(value.shape, np.inf)
    exact = value.array.astype(np.float64)
    spread = np.zeros(value.shape)
    with np.errstate(all="ignore"):
        for lane in value.lanes:
            lane = lane.astype(np.float64)
            same = np.isfinite(lane) & np.isfinite(exact)
            agree = same | (np.isnan(lane) & np.isnan(exact)) | (lane == exact)
            spread = np.maximum(spread, np.where(same, np.abs(lane - exact), np.where(agree, 0, np.inf)))
    unit = DISTURBANCE.get(value.dtype, 0)
    # Floats below the smallest normal one are zero to engines that flush them.
    least = float(np.finfo(np.float32).tiny) * 4 if unit else 0
    if value.dtype == np.float16:
        least = 2.0**-14
    finite = np.where(np.isfinite(exact), np.abs(exact), 0)
    return 8 * spread + unit * finite + least
