"""Which node of a case two engines differ in: the case cut into one case for each node, with the values it has there."""

import numpy as np
import onnx
from builder import LANES, Builder, RejectedError, onnx_type
from generate import Case, tolerance_of
from onnx import helper, numpy_helper


def single_nodes(case):
    """(operator, case) for each node in order, as far as the reference evaluator comes."""
    model = onnx.load_from_string(case.model)
    opset = next(o.version for o in model.opset_import if o.domain == "")
    b = Builder(np.random.default_rng(0), opset)
    known = {}

    def add(name, array, constant, lanes=None, op=""):
        known[name] = (b.add_value(name, array, None, lanes, op), constant)

    for name, array in case.feeds.items():
        add(name, array, False)
    for tensor in model.graph.initializer:
        add(tensor.name, numpy_helper.to_array(tensor), True)
    cases = []
    for node in model.graph.node:
        if node.op_type == "Constant":
            add(node.output[0], numpy_helper.to_array(node.attribute[0].t), True)
            continue
        names = [n for n in node.input if n] + [n for a in node.attribute for i in a.g.node for n in i.input]
        used = [known[n] for n in dict.fromkeys(names) if n in known]
        # Exact inputs again, so that a difference is this node's own. Single numbers are meant as they are.
        for value, constant in used:
            if value.is_tensor:
                noisy = value.name not in case.undisturbed and (not constant or value.size > 1)
                value.lanes = [b.disturb(value.array, i) if noisy else value.array for i in range(LANES)]
        try:
            exact, lanes = b.evaluate(node, [value for value, _ in used])
        except RejectedError:
            break
        for i, (name, array) in enumerate(zip(node.output, exact, strict=True)):
            add(name, array, False, [lane[i] for lane in lanes], node.op_type)
        made = [known[name][0] for name in node.output]
        cases.append((node.op_type, one_node_case(case, model, node, used, made)))
    return cases


def one_node_case(case, model, node, used, made):
    inputs = [v for v, constant in used if not constant]
    infos = [value_type(v) for v in inputs]
    graph = helper.make_graph(
        [node],
        "one",
        infos,
        [value_type(v, open_shape=True) for v in made],
        [numpy_helper.from_array(v.array, v.name) for v, constant in used if constant],
    )
    one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=10)
    return Case(
        case.seed * 4 + 1,  # none that is optimised
        one.SerializeToString(),
        {v.name: v.array for v in inputs},
        [v.name for v in made],
        [v.array for v in made],
        [tolerance_of(v) for v in made],
        [node.op_type],
    )


def value_type(value, open_shape=False):
    if value.is_tensor:
        dims = [None] * value.rank if open_shape else value.shape
        return helper.make_tensor_value_info(value.name, onnx_type(value.array), dims)
    element = helper.make_tensor_type_proto(onnx_type(value.array[0]), None)
    return helper.make_value_info(value.name, helper.make_sequence_type_proto(element))
