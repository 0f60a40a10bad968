"""Models made to take the machine: each must be an error, or run, within the memory and time that the session allows.

Run as a program it is the child of hostile_models_test.py: it tries every model in one process and prints a line for each,
before and after, so that a crash names its model.
"""

import resource
import sys
import time

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

MOST_MEMORY = 64 << 20
MOST_SECONDS = 1.0
F, I64, BOOL, STR = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
HUGE = 2**62
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def info(name, dtype=F, shape=None):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs=("y",), domain="", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), domain=domain, **attributes)


def model(nodes, constants, functions=(), opset=21):
    """Of constants alone, except for one input `x` of float[4]: what is folded and what is run differ."""
    graph = helper.make_graph(
        nodes,
        "hostile",
        [info("x", F, [4])],
        [ValueInfoProto(name="y")],  # of whatever type
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1), helper.make_opsetid("ai.onnx.ml", 4)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def one(op, inputs="x", constants=None, **attributes):
    return model([node(op, inputs.split(), **attributes)], constants or {})


def ints(*values):
    return np.array(values, np.int64)


def single(name, make):
    CASES[name] = make


IMAGE, WEIGHTS = np.ones((1, 2, 6, 6), np.float32), np.ones((2, 2, 3, 3), np.float32)

# Indices, sizes and axes.
for at in (4, -5, HUGE, -HUGE, -(2**63)):
    single(f"gather_{at}", lambda at=at: one("Gather", "x i", {"i": ints(at)}))
    single(f"gather_elements_{at}", lambda at=at: one("GatherElements", "x i", {"i": ints(at)}))
    single(f"gather_nd_{at}", lambda at=at: one("GatherND", "x i", {"i": ints(at).reshape(1, 1)}))
    single(
        f"scatter_nd_{at}",
        lambda at=at: one("ScatterND", "x i u", {"i": ints(at).reshape(1, 1), "u": np.ones(1, np.float32)}),
    )
    single(f"scatter_{at}", lambda at=at: one("ScatterElements", "x i u", {"i": ints(at), "u": np.ones(1, np.float32)}))
    single(f"concat_axis_{at}", lambda at=at: one("Concat", "x x", axis=at))
    single(f"softmax_axis_{at}", lambda at=at: one("Softmax", "x", axis=at))
    single(f"flatten_axis_{at}", lambda at=at: one("Flatten", "x", axis=at))
    single(f"unsqueeze_{at}", lambda at=at: one("Unsqueeze", "x a", {"a": ints(at)}))
    single(f"squeeze_{at}", lambda at=at: one("Squeeze", "x a", {"a": ints(at)}))
    single(f"reduce_{at}", lambda at=at: one("ReduceSum", "x a", {"a": ints(at)}))
    single(f"cum_sum_{at}", lambda at=at: one("CumSum", "x a", {"a": np.array(at)}))
    single(f"transpose_{at}", lambda at=at: one("Transpose", "x", perm=[at]))
    single(f"pad_{at}", lambda at=at: one("Pad", "x p", {"p": ints(at, 1)}))
    single(f"pad_wrap_{at}", lambda at=at: one("Pad", "x p", {"p": ints(at, at)}, mode="wrap"))
    single(
        f"slice_{at}",
        lambda at=at: one("Slice", "x s e a t", {"s": ints(at), "e": ints(-(at + 1)), "a": ints(0), "t": ints(at)}),
    )
    single(f"slice_axis_{at}", lambda at=at: one("Slice", "x s e a", {"s": ints(0), "e": ints(1), "a": ints(at)}))
    single(f"top_k_{at}", lambda at=at: model([node("TopK", ["x", "k"], ["y", "z"])], {"k": ints(at)}))
    single(f"one_hot_{at}", lambda at=at: one("OneHot", "i d v", {"i": ints(0, 1), "d": np.array(at), "v": ints(0, 1)}))
    single(f"tile_{at}", lambda at=at: one("Tile", "x r", {"r": ints(at)}))
    single(f"expand_{at}", lambda at=at: one("Expand", "x s", {"s": ints(at, 4)}))
    single(f"reshape_{at}", lambda at=at: one("Reshape", "x s", {"s": ints(at, -1)}))
    single(f"constant_of_shape_{at}", lambda at=at: one("ConstantOfShape", "s", {"s": ints(at, at)}))
    single(f"range_{at}", lambda at=at: one("Range", "a b c", {"a": np.array(-1), "b": np.array(at), "c": np.array(1)}))
    single(f"split_{at}", lambda at=at: model([node("Split", ["x", "s"], ["y", "z"])], {"s": ints(at, 4)}))
    single(f"split_to_sequence_{at}", lambda at=at: one("SplitToSequence", "x s", {"s": np.array(at)}))
    single(f"random_{at}", lambda at=at: one("RandomNormal", "", shape=[abs(at) % 2**63, 7]) if at else None)
    single(f"bernoulli_{at}", lambda at=at: one("Multinomial", "m", {"m": np.ones((2, 3), np.float32)}, sample_size=at))
    single(f"dft_{at}", lambda at=at: one("DFT", "z n", {"z": np.ones((1, 4, 1), np.float32), "n": np.array(at)}))
    single(f"window_{at}", lambda at=at: one("HannWindow", "n", {"n": np.array(at)}))
    single(f"mel_{at}", lambda at=at: one("MelWeightMatrix", "a b c d e", {"a": np.array(at), "b": np.array(8), "c": np.array(8000), "d": np.array(0.0, np.float32), "e": np.array(4000.0, np.float32)}))  # fmt: skip
    single(f"eye_like_{at}", lambda at=at: one("EyeLike", "m", {"m": np.ones((3, 3), np.float32)}, k=at))
    single(f"trilu_{at}", lambda at=at: one("Trilu", "m k", {"m": np.ones((3, 3), np.float32), "k": np.array(at)}))
    single(
        f"depth_to_space_{at}",
        lambda at=at: one("DepthToSpace", "m", {"m": np.ones((1, 4, 2, 2), np.float32)}, blocksize=at),
    )
    single(f"sequence_at_{at}", lambda at=at: model([node("SequenceConstruct", ["x"], ["q"]), node("SequenceAt", ["q", "i"])], {"i": np.array(at)}))  # fmt: skip
    for name in ("strides", "dilations", "pads", "kernel_shape"):
        values = [at] * (4 if name == "pads" else 2)
        given = {name: values} if name == "kernel_shape" else {name: values, "kernel_shape": [3, 3]}
        single(f"conv_{name}_{at}", lambda g=given: one("Conv", "m w", {"m": IMAGE, "w": WEIGHTS}, **g))
        single(
            f"conv_transpose_{name}_{at}", lambda g=given: one("ConvTranspose", "m w", {"m": IMAGE, "w": WEIGHTS}, **g)
        )
        single(f"max_pool_{name}_{at}", lambda g=given: one("MaxPool", "m", {"m": IMAGE}, **g))
        single(f"average_pool_{name}_{at}", lambda g=given: one("AveragePool", "m", {"m": IMAGE}, **g))
    single(f"conv_group_{at}", lambda at=at: one("Conv", "m w", {"m": IMAGE, "w": WEIGHTS}, group=at))
    single(f"conv_output_padding_{at}", lambda at=at: one("ConvTranspose", "m w", {"m": IMAGE, "w": WEIGHTS}, output_padding=[at, at], strides=[2, 2]))  # fmt: skip
    single(f"lrn_{at}", lambda at=at: one("LRN", "m", {"m": IMAGE}, size=at))
    single(f"resize_sizes_{at}", lambda at=at: one("Resize", "m  e s".replace("  ", " r "), {"m": IMAGE, "r": np.zeros(0, np.float32), "e": np.zeros(0, np.float32), "s": ints(1, 2, at, 3)}))  # fmt: skip
    single(f"lstm_{at}", lambda at=at: model([node("LSTM", ["m", "w", "r"], ["y"], hidden_size=at)], {"m": np.ones((2, 1, 3), np.float32), "w": np.ones((1, 4, 3), np.float32), "r": np.ones((1, 4, 1), np.float32)}))  # fmt: skip
    single(f"roi_align_{at}", lambda at=at: one("RoiAlign", "m r b", {"m": IMAGE, "r": np.array([[0, 0, 5, 5]], np.float32), "b": ints(0)}, sampling_ratio=at, output_height=2, output_width=2))  # fmt: skip
    single(f"roi_align_size_{at}", lambda at=at: one("RoiAlign", "m r b", {"m": IMAGE, "r": np.array([[0, 0, 5, 5]], np.float32), "b": ints(0)}, output_height=at, output_width=at))  # fmt: skip
    single(
        f"col2im_{at}",
        lambda at=at: one("Col2Im", "m s k", {"m": np.ones((1, 4, 4), np.float32), "s": ints(at, 3), "k": ints(2, 2)}),
    )
    single(
        f"reverse_sequence_{at}",
        lambda at=at: one("ReverseSequence", "m n", {"m": np.ones((3, 2), np.float32), "n": ints(at, 1)}),
    )
    single(f"nms_{at}", lambda at=at: one("NonMaxSuppression", "b s n", {"b": np.ones((1, 5, 4), np.float32), "s": np.ones((1, 1, 5), np.float32), "n": np.array(at)}))  # fmt: skip
    single(
        f"affine_grid_{at}",
        lambda at=at: one("AffineGrid", "t s", {"t": np.ones((1, 2, 3), np.float32), "s": ints(1, 1, at, at)}),
    )

for scale in (1e30, 0.0, -1.0, float("inf"), float("nan"), 1e-30):
    single(f"resize_scale_{scale}", lambda s=scale: one("Resize", "m r s", {"m": np.ones((1, 1, 3, 3), np.float32), "r": np.zeros(0, np.float32), "s": np.array([1, 1, s, s], np.float32)}, mode="linear", antialias=1))  # fmt: skip
    single(f"range_step_{scale}", lambda s=scale: one("Range", "a b c", {"a": np.array(0.0, np.float32), "b": np.array(1e30, np.float32), "c": np.array(s, np.float32)}))  # fmt: skip

# A size that is gigantic beside one of 0: no memory, but loops without end.
for op in ("Relu", "Transpose", "Identity", "NonZero", "Size", "ReduceSum", "ReduceMax", "Softmax", "ArgMax", "LpNormalization",
           "GlobalAveragePool", "Flatten", "Unique", "Det", "Hardmax"):  # fmt: skip
    for dims in ((HUGE, 0), (2**40, 0, 3, 3), (0, 2**40, 2**20)):
        single(
            f"empty_{op}_{dims}",
            lambda op=op, d=dims: model([node("ConstantOfShape", ["s"], ["e"]), node(op, ["e"])], {"s": ints(*d)}),
        )


@case
def empty_products():
    nodes = [node("ConstantOfShape", ["s"], ["a"]), node("ConstantOfShape", ["t"], ["b"]), node("MatMul", ["a", "b"])]
    return model(nodes, {"s": ints(2**40, 0, 3), "t": ints(2**40, 3, 0)})


@case
def empty_convolution():
    nodes = [node("ConstantOfShape", ["s"], ["a"]), node("Conv", ["a", "w"])]
    return model(nodes, {"s": ints(2**40, 2, 0, 5), "w": np.ones((2, 2, 1, 1), np.float32)})


# Shapes whose product leaves 64 bits, or the memory.
for dims in ((2**32, 2**32), (2**21, 2**21, 2**21, 2**21), (2**31, 4), (2**28,), (-1, 4), (2**63 - 1,)):
    single(f"shape_{dims}", lambda d=dims: one("Expand", "c s", {"c": np.ones((1,), np.float32), "s": ints(*d)}))
    single(
        f"sum_of_{dims}",
        lambda d=dims: model([node("Expand", ["x", "s"], ["e"]), node("ReduceSum", ["e"])], {"s": ints(*d, 4)}),
    )


def loop(body_nodes, outputs, carried=(), trips=HUGE, extra=None, name="b"):
    inputs = [info("i", I64, []), info("c", BOOL, []), *carried]
    body = helper.make_graph(body_nodes, name, inputs, [info("c", BOOL, []), *outputs])
    return body, {"n": np.array(trips), **(extra or {})}


@case
def endless_loop():
    body, constants = loop([node("Neg", ["v"], ["w"])], [info("w")], [info("v")])
    return model([node("Loop", ["n", "", "x"], body=body)], constants)


@case
def endless_scan_outputs():
    body, constants = loop([node("Identity", ["x"], ["w"])], [info("w")])
    return model([node("Loop", ["n", ""], body=body)], constants)


@case
def growing_value():
    body, constants = loop([node("Concat", ["v", "v"], ["w"], axis=0)], [info("w", F, [None])], [info("v", F, [None])])
    return model([node("Loop", ["n", "", "x"], body=body)], constants)


@case
def growing_string():
    body, constants = loop(
        [node("StringConcat", ["v", "v"], ["w"])],
        [info("w", STR)],
        [info("v", STR)],
        extra={"s": np.array("text", object)},
    )
    return model([node("Loop", ["n", "", "s"], body=body)], constants)


@case
def growing_strings_in_scan_outputs():
    body, constants = loop(
        [node("Identity", ["s"], ["w"])], [info("w", STR)], extra={"s": np.array("t" * 100_000, object)}
    )
    return model([node("Loop", ["n", ""], body=body)], constants)


@case
def growing_sequence():
    element = helper.make_sequence_type_proto(helper.make_tensor_type_proto(F, None))
    v, w = helper.make_value_info("v", element), helper.make_value_info("w", element)
    body, constants = loop([node("SequenceInsert", ["v", "x"], ["w"])], [w], [v])
    nodes = [
        node("SequenceEmpty", [], ["e"]),
        node("Loop", ["n", "", "e"], ["q"], body=body),
        node("SequenceLength", ["q"]),
    ]
    return model(nodes, constants)


@case
def expanded_strings():
    return one("Expand", "s n", {"s": np.array(["t" * 1_000_000], object), "n": ints(100_000)})


@case
def broadcast_strings():
    text = np.array(["t" * 1000] * 1000, object)
    return one("StringConcat", "s r", {"s": text, "r": text.reshape(-1, 1)})


@case
def regular_expression():
    return one("RegexFullMatch", "s", {"s": np.array(["a" * 5000], object)}, pattern="(a*)*(a*)*(a|aa)*b")


@case
def long_scan():
    state = [info("s", F, []), info("v", F, [])]
    body = helper.make_graph([node("Add", ["s", "v"], ["t"])], "b", state, [info("t", F, [])])
    nodes = [node("ConstantOfShape", ["k"], ["e"]), node("Scan", ["z", "e"], body=body, num_scan_inputs=1)]
    return model(nodes, {"k": ints(2**24), "z": np.array(0, np.float32)})


@case
def nested_loops():
    """Each level changes its carried value's rank, so that types come to rest only after some rounds."""
    body_nodes = [node("Unsqueeze", ["v0", "z"], ["w0"])]
    for level in range(25):
        body = helper.make_graph(
            body_nodes,
            f"b{level}",
            [info(f"i{level}", I64, []), info(f"c{level}", BOOL, []), info(f"v{level}", F, None)],
            [info(f"c{level}", BOOL, []), info(f"w{level}", F, None)],
        )
        body_nodes = [node("Loop", ["n", "", f"v{level + 1}" if level < 24 else "x"], [f"w{level + 1}"], body=body)]
    return model([*body_nodes, node("Identity", ["w25"])], {"n": np.array(1), "z": ints(0)})


@case
def nested_branches():
    inner = [node("Neg", ["x"], ["o0"])]
    for level in range(25):
        branch = helper.make_graph(inner, f"b{level}", [], [info(f"o{level}")])
        inner = [node("If", ["c"], [f"o{level + 1}"], then_branch=branch, else_branch=branch if level < 8 else helper.make_graph([node("Abs", ["x"], [f"e{level}"])], "e", [], [info(f"e{level}")]))]  # fmt: skip
    return model([*inner, node("Identity", ["o25"])], {"c": np.array(True)})


def function(name, nodes):
    return helper.make_function(
        "f", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]
    )


@case
def doubling_functions():
    functions = [function("f0", [node("Neg", ["a"], ["b"])])]
    for i in range(1, 60):
        functions.append(
            function(f"f{i}", [node(f"f{i - 1}", ["a"], ["t"], "f"), node(f"f{i - 1}", ["t"], ["b"], "f")])
        )
    return model([node("f59", ["x"], ["y"], "f")], {}, functions)


@case
def recursive_function():
    return model([node("f0", ["x"], ["y"], "f")], {}, [function("f0", [node("f0", ["a"], ["b"], "f")])])


@case
def sum_over_many_labels():
    return one("Einsum", "m m m", {"m": np.ones([30, 30, 30], np.float32)}, equation="abc,def,ghi->")


@case
def sequence_for_a_tensor():
    return model([node("SequenceConstruct", ["x"], ["q"]), node("Relu", ["q"])], {})


@case
def tensor_for_a_sequence():
    return one("SequenceLength", "x")


@case
def mixed_sequence():
    return model(
        [node("SequenceConstruct", ["x", "i"], ["q"]), node("ConcatFromSequence", ["q"], axis=0)], {"i": ints(1)}
    )


@case
def tree_with_a_cycle():
    names = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    attributes = dict(zip(names, ([0, 0], [0, 1], [0, 0], [1, 0], [1, 0]), strict=True))
    attributes |= {"nodes_modes": ["BRANCH_LEQ"] * 2, "nodes_values": [0.5, 0.5], "n_targets": 1}
    attributes |= {"target_treeids": [0], "target_nodeids": [1], "target_ids": [0], "target_weights": [1.0]}
    return model(
        [node("TreeEnsembleRegressor", ["m"], domain="ai.onnx.ml", **attributes)], {"m": np.ones((1, 1), np.float32)}
    )


def main():
    import cycloid

    levels = cycloid.GraphOptimizationLevel
    for name, make in CASES.items():
        made = make()
        if made is None:
            continue
        for level in (levels.ORT_ENABLE_ALL, levels.ORT_DISABLE_ALL):
            print(f"{name}\t{level.name}", end="\t", flush=True)
            options = cycloid.SessionOptions(
                max_memory=MOST_MEMORY, timeout=MOST_SECONDS, graph_optimization_level=level, intra_op_num_threads=2
            )
            start = time.monotonic()
            try:
                cycloid.InferenceSession(made, options).run(None, {"x": np.ones(4, np.float32)})
                result = "runs"
            except cycloid.CycloidError as error:
                result = f"{type(error).__name__}: {str(error)[:150]}"
            except ValueError as error:  # a result with a gigantic size beside one of 0 is no array of numpy's
                if "array is too big" not in str(error):
                    raise
                result = "runs, but numpy cannot hold the result"
            print(
                f"{time.monotonic() - start:.1f}\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\t{result}",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
