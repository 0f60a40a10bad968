"""Single-operator models of old operator sets, to test that import keeps their meaning.

onnx_opsets.py make FOLDER      writes NAME.onnx, with inputs and expected outputs as NAME.npz. Outputs are ONNX Runtime's, or
                                numpy's where it does not run so old a version.
onnx_opsets.py check FOLDER     runs each NAME.new.onnx (the imported model) in onnx's reference evaluator on the same inputs.
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

RNG = np.random.default_rng(7)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def softmax(x, axis):
    """As before opset 13: over all axes from `axis` on."""
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    e = np.exp(flat - flat.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).reshape(x.shape)


def cases():
    """(name, opset, op, attributes, inputs (float ones are graph inputs, others constants), outputs or expected array)"""
    x = floats(2, 3, 4, 5)
    small = floats(2, 3, 4)
    ints = lambda *v: np.array(v, np.int64)  # noqa: E731
    b = floats(3, 4)
    yield (
        "add_1_axis",
        1,
        "Add",
        {"broadcast": 1, "axis": 1, "consumed_inputs": [0, 0]},
        [x, b],
        x + b[None, :, :, None],
    )
    yield "mul_6_axis", 6, "Mul", {"broadcast": 1, "axis": 0}, [small, floats(2)], lambda a, v: a * v[:, None, None]
    yield "sub_6_suffix", 6, "Sub", {"broadcast": 1}, [small, floats(4)], lambda a, v: a - v
    yield (
        "div_6_negative_axis",
        6,
        "Div",
        {"broadcast": 1, "axis": -2},
        [small, np.abs(floats(3)) + 1],
        lambda a, v: a / v[:, None],
    )
    yield "greater_6_axis", 6, "Greater", {"broadcast": 1, "axis": 1}, [small, floats(3)], lambda a, v: a > v[:, None]
    yield (
        "prelu_6_channels",
        6,
        "PRelu",
        {},
        [x, floats(3)],
        lambda a, s: np.where(a < 0, a * s[None, :, None, None], a),
    )
    yield (
        "selu_1_defaults",
        1,
        "Selu",
        {},
        [small],
        lambda a: np.where(a > 0, 1.0507 * a, 1.0507 * (1.6732 * np.exp(a) - 1.6732)),
    )
    yield "cast_1_name", 1, "Cast", {"to": "INT32"}, [small * 3], lambda a: a.astype(np.int32)
    yield "clip_6", 6, "Clip", {"min": -0.5, "max": 0.25}, [small], lambda a: a.clip(-0.5, 0.25)
    yield "clip_6_no_bounds", 6, "Clip", {}, [small], lambda a: a
    yield "clip_6_max", 6, "Clip", {"max": 0.25}, [small], lambda a: np.minimum(a, np.float32(0.25))
    yield "concat_1_no_axis", 1, "Concat", {}, [b, b + 1], lambda p, q: np.concatenate([p, q], 1)
    yield "reshape_1", 1, "Reshape", {"shape": [0, -1]}, [x], x.reshape(2, -1)
    yield "dropout_6", 6, "Dropout", {"ratio": 0.9, "is_test": 1}, [small], small
    yield "dropout_7", 7, "Dropout", {"ratio": 0.9}, [small], small
    yield "softmax_1_default", 1, "Softmax", {}, [x], softmax(x, 1)
    yield "softmax_9_axis2", 9, "Softmax", {"axis": 2}, [x], softmax(x, 2)
    yield "softmax_11_negative", 11, "Softmax", {"axis": -1}, [x], softmax(x, 3)
    yield "softmax_11_axis0", 11, "Softmax", {"axis": 0}, [x], softmax(x, 0)
    yield "logsoftmax_11", 11, "LogSoftmax", {}, [x], np.log(softmax(x, 1))
    yield "hardmax_11", 11, "Hardmax", {}, [small], None
    yield "unsqueeze_11", 11, "Unsqueeze", {"axes": [0, -1]}, [small], small[None, ..., None]
    yield "squeeze_11", 11, "Squeeze", {"axes": [1]}, [floats(2, 1, 3)], lambda a: a[:, 0]
    yield "squeeze_11_all", 11, "Squeeze", {}, [floats(1, 3, 1)], lambda a: a[0, :, 0]
    yield "reduce_mean_11", 11, "ReduceMean", {"axes": [1, -1], "keepdims": 0}, [x], x.mean((1, 3))
    yield "reduce_max_13_all", 13, "ReduceMax", {}, [small], small.max(keepdims=True)
    yield "reduce_sum_11", 11, "ReduceSum", {"axes": [0]}, [small], small.sum(0, keepdims=True)
    yield (
        "reduce_logsumexp_17",
        17,
        "ReduceLogSumExp",
        {"axes": [2]},
        [small],
        np.log(np.exp(small).sum(2, keepdims=True)),
    )
    yield "slice_9", 9, "Slice", {"starts": [0, -2], "ends": [1, 100], "axes": [0, 2]}, [small], small[0:1, :, -2:]
    yield "slice_1_no_axes", 1, "Slice", {"starts": [1, 1], "ends": [2, 3]}, [small], small[1:2, 1:3]
    yield "pad_1", 1, "Pad", {"paddings": [0, 1, 0, 0, 0, 2], "value": 1.5}, [small], None
    yield "pad_2_constant", 2, "Pad", {"pads": [0, 1, 0, 0, 0, 2], "value": 1.5}, [small], None
    yield "pad_2_reflect", 2, "Pad", {"pads": [0, 1, 0, 0, 1, 0], "mode": "reflect"}, [small], None
    yield "split_2", 2, "Split", {"axis": 2, "split": [1, 3]}, [small], lambda a: [a[..., :1], a[..., 1:]]
    yield "split_11_equal", 11, "Split", {"axis": 2}, [small], lambda a: [a[..., :2], a[..., 2:]]
    yield "split_13_equal", 13, "Split", {"axis": 2}, [small], lambda a: [a[..., :2], a[..., 2:]]
    yield "topk_1", 1, "TopK", {"k": 2, "axis": 1}, [small], None
    yield "tile_1", 1, "Tile", {}, [small, ints(3), ints(1)], np.tile(small, (1, 3, 1))
    yield "upsample_7", 7, "Upsample", {"scales": [1.0, 1.0, 2.0, 3.0]}, [x], x.repeat(2, 2).repeat(3, 3)
    yield (
        "upsample_1",
        1,
        "Upsample",
        {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"},
        [x],
        x.repeat(2, 2).repeat(3, 3),
    )
    scales = np.array([1, 1, 2, 2], np.float32)
    yield "upsample_9_linear", 9, "Upsample", {"mode": "linear"}, [x, ("constant", scales)], None
    yield "resize_10_nearest_up", 10, "Resize", {}, [x, ("constant", np.array([1, 1, 1.5, 2.4], np.float32))], None
    yield "resize_10_nearest_down", 10, "Resize", {}, [x, ("constant", np.array([1, 1, 0.6, 0.7], np.float32))], None
    yield (
        "resize_10_linear",
        10,
        "Resize",
        {"mode": "linear"},
        [x, ("constant", np.array([1, 1, 1.5, 2.4], np.float32))],
        None,
    )
    empty = ("constant", np.array([], np.float32))
    yield (
        "resize_11_sizes_tf_half_pixel",
        11,
        "Resize",
        {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"},
        [x, empty, empty, ints(2, 3, 6, 8)],
        None,
    )
    stats = [floats(3), floats(3), floats(3), np.abs(floats(3)) + 0.5]
    shaped = [s[None, :, None, None] for s in stats]
    normal = (x - shaped[2]) / np.sqrt(shaped[3] + 1e-5) * shaped[0] + shaped[1]
    yield (
        "batchnorm_1",
        1,
        "BatchNormalization",
        {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]},
        [x, *stats],
        normal,
    )
    yield "batchnorm_9", 9, "BatchNormalization", {}, [x, *stats], normal
    element = [floats(3, 4), floats(3, 4), floats(3, 4), np.abs(floats(3, 4)) + 0.5]
    per_element = (small.reshape(2, 3, 4) - element[2]) / np.sqrt(element[3] + 1e-5) * element[0] + element[1]
    yield "batchnorm_7_per_element", 7, "BatchNormalization", {"spatial": 0}, [small, *element], per_element
    yield (
        "gemm_6",
        6,
        "Gemm",
        {"broadcast": 1, "transB": 1},
        [floats(2, 3), floats(4, 3), floats(4)],
        lambda p, q, c: p @ q.T + c,
    )
    norms = np.sqrt((x * x).sum((2, 3), keepdims=True))
    yield "lppool_1", 1, "LpPool", {"p": 2.0, "kernel_shape": [4, 5]}, [x], norms
    yield "scatter_9", 9, "Scatter", {"axis": 1}, [floats(1, 5), ints(1, 3).reshape(1, 2), floats(1, 2)], None
    yield "group_norm_18", 18, "GroupNormalization", {"num_groups": 2}, [floats(1, 4, 3), floats(2), floats(2)], None
    yield (
        "roi_align_10",
        10,
        "RoiAlign",
        {"output_height": 2, "output_width": 2},
        [
            floats(1, 1, 6, 6),
            np.array([[0, 0, 4, 4]], np.float32),
            ints(0),
        ],
        None,
    )
    yield "grid_sample_16", 16, "GridSample", {}, [floats(1, 1, 4, 4), floats(1, 3, 3, 2).clip(-1, 1)], None


def build(opset, op, attributes, arrays, outputs):
    inputs, initializers, graph_inputs, feeds = [], [], [], {}
    for i, array in enumerate(arrays):
        name = f"i{i}"
        inputs.append(name)
        constant = isinstance(array, tuple) or array.dtype != np.float32
        array = array[1] if isinstance(array, tuple) else array
        if constant:
            initializers.append(numpy_helper.from_array(array, name))
        if not constant or opset < 9:  # IR version 3: initializers are inputs too
            data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
            graph_inputs.append(helper.make_tensor_value_info(name, data_type, array.shape))
        if not constant:
            feeds[name] = array
    names = [f"o{i}" for i in range(outputs)]
    node = helper.make_node(op, inputs, names, **attributes)
    graph_outputs = [onnx.ValueInfoProto(name=name) for name in names]
    graph = helper.make_graph([node], "g", graph_inputs, graph_outputs, initializers)
    opset_imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opset_imports, ir_version=3 if opset < 9 else 8), feeds


def by_onnxruntime(model, feeds):
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def by_newer_onnxruntime(opset, op, attributes, arrays, outputs):
    """What ONNX Runtime (opset 7 on) makes of it, for operators that changed nothing but a name before that."""
    attributes = {{"paddings": "pads"}.get(key, key): value for key, value in attributes.items()}
    return by_onnxruntime(*build(max(opset, 7), op, attributes, arrays, outputs))


def make(folder):
    for name, opset, op, attributes, arrays, expected in cases():
        outputs = {"Split": 2, "TopK": 2}.get(op, 1)
        model, feeds = build(opset, op, attributes, arrays, outputs)
        if expected is None:
            expected = by_newer_onnxruntime(opset, op, attributes, arrays, outputs)
        elif callable(expected):
            expected = expected(*[a[1] if isinstance(a, tuple) else a for a in arrays])
        expected = expected if isinstance(expected, list) else [expected]
        for info, value in zip(model.graph.output, expected, strict=True):
            value = np.asarray(value)
            info.CopyFrom(
                helper.make_tensor_value_info(info.name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            )
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
        arrays = {f"in_{key}": value for key, value in feeds.items()}
        np.savez(folder / f"{name}.npz", **arrays, **{f"out_{i}": value for i, value in enumerate(expected)})


def check(folder):
    from onnx.reference import ReferenceEvaluator

    failures = 0
    paths = sorted(folder.glob("*.new.onnx"))
    for path in paths:
        data = np.load(path.with_name(path.name.replace(".new.onnx", ".npz")))
        feeds = {key[3:]: data[key] for key in data if key.startswith("in_")}
        try:
            onnx.checker.check_model(str(path), full_check=True)
            got = ReferenceEvaluator(onnx.load(path)).run(None, feeds)
            for i, value in enumerate(got):
                # A dozen float operations of magnitude 1 to 10: 1e-5 is some 100 ulp.
                np.testing.assert_allclose(value, data[f"out_{i}"], rtol=1e-5, atol=1e-5)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure to report
            print(f"{path.name}: {type(error).__name__}: {error}")
            failures += 1
    print(f"{len(paths)} models checked, {failures} failures")
    return 1 if failures or not paths else 0


def main(command, folder):
    folder = pathlib.Path(folder)
    if command == "make":
        make(folder)
        return 0
    return check(folder)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
