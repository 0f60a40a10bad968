"""`cycloid optimize --ort-partition`: ONNX Runtime reads the file, and independent branches are in streams of their own."""

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

WIDTH = 64
RNG = np.random.default_rng(5)


def info(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def branches(path, count, body=None):
    """`count` chains of two products on one input, joined at the end; a Loop behind them where there is a body."""
    nodes, constants, ends = [], [], []
    for b in range(count):
        value = "x"
        for i in range(2):
            weight = f"w{b}{i}"
            constants.append(numpy_helper.from_array(RNG.standard_normal((WIDTH, WIDTH)).astype(np.float32), weight))
            nodes.append(helper.make_node("MatMul", [value, weight], [f"m{b}{i}"], name=f"product{b}{i}"))
            nodes.append(helper.make_node("Tanh", [f"m{b}{i}"], [f"t{b}{i}"], name=f"tanh{b}{i}"))
            value = f"t{b}{i}"
        ends.append(value)
    nodes.append(helper.make_node("Concat", ends, ["joined"], name="join", axis=1))
    if body is not None:
        constants.append(numpy_helper.from_array(np.array(3, np.int64), "three"))
        nodes.append(helper.make_node("Loop", ["three", "", "joined"], ["y"], name="loop", body=body))
    else:
        nodes.append(helper.make_node("Neg", ["joined"], ["y"], name="negative"))
    shape = [512, WIDTH * count]
    graph = helper.make_graph(nodes, "g", [info("x", [512, WIDTH])], [info("y", shape)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def loop_body():
    """s = tanh(s) / 2 + sum(s), whose order matters, so that it stays a loop."""
    nodes = [
        helper.make_node("Identity", ["go"], ["go_out"], name="body_condition"),
        helper.make_node("Tanh", ["s"], ["t"], name="body_tanh"),
        helper.make_node("ReduceMean", ["t"], ["m"], name="body_mean", keepdims=1),
        helper.make_node("Add", ["t", "m"], ["s_out"], name="body_add"),
    ]
    inputs = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        info("s", [512, WIDTH * 2]),
    ]
    outputs = [helper.make_tensor_value_info("go_out", TensorProto.BOOL, []), info("s_out", [512, WIDTH * 2])]
    return helper.make_graph(nodes, "body", inputs, outputs)


def run(path, partition=None):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if partition is not None:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
        options.inter_op_num_threads = 3
        options.add_session_config_entry("session.node_partition_config_file", str(partition))
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(6).standard_normal((512, WIDTH)).astype(np.float32)
    return session.run(None, {"x": x})[0]


def write(cycloid, tmp_path, path, *arguments):
    partition, target = tmp_path / "partition.json", tmp_path / "out.onnx"
    # Equal branches would be batched into one product; here the branches are to stay.
    command = ["optimize", path, "-o", target, "--only", "drop-identity", "--ort-partition", partition, *arguments]
    done = cycloid(*command)
    assert done.returncode == 0, done.stderr
    return target, partition, done.stdout


def test_branches_are_in_streams_of_their_own_and_onnxruntime_reads_them(cycloid, tmp_path):
    target, partition, said = write(cycloid, tmp_path, branches(tmp_path / "model.onnx", 2))
    content = json.loads(partition.read_text())
    assert content["type"] == "DeviceBasedPartitioner" and content["devices"] == ["0", "0"]
    first, second = ({name for name in stream if name.startswith("product")} for stream in content["streams"])
    assert {frozenset(first), frozenset(second)} == {
        frozenset({"product00", "product01"}),
        frozenset({"product10", "product11"}),
    }
    assert "2 streams" in said
    np.testing.assert_array_equal(run(target, partition), run(target))

    # That ONNX Runtime reads the file: it misses a node that is taken out.
    content["streams"][0].remove(content["streams"][0][0])
    partition.write_text(json.dumps(content))
    with pytest.raises(Exception, match="node-stream map"):
        run(target, partition)


def test_a_chain_is_one_stream_and_that_is_said(cycloid, tmp_path):
    target, partition, said = write(cycloid, tmp_path, branches(tmp_path / "model.onnx", 1))
    assert len(json.loads(partition.read_text())["streams"]) == 1
    assert "no independent branches" in said
    np.testing.assert_array_equal(run(target, partition), run(target))


def test_nodes_of_bodies_are_named_too(cycloid, tmp_path):
    target, partition, _ = write(cycloid, tmp_path, branches(tmp_path / "model.onnx", 2, loop_body()))
    np.testing.assert_array_equal(run(target, partition), run(target))


def test_the_number_of_streams_can_be_chosen(cycloid, tmp_path):
    model = branches(tmp_path / "model.onnx", 4)
    target, partition, _ = write(cycloid, tmp_path, model, "--ort-streams", "4")
    assert len(json.loads(partition.read_text())["streams"]) == 4
    np.testing.assert_array_equal(run(target, partition), run(target))


def test_a_folder_that_is_not_there_is_an_error_before_the_work(cycloid, tmp_path):
    model = branches(tmp_path / "model.onnx", 1)
    done = cycloid("optimize", model, "-o", tmp_path / "out.onnx", "--ort-partition", tmp_path / "none" / "file.json")
    assert done.returncode != 0 and "--ort-partition" in done.stderr
    assert not (tmp_path / "out.onnx").exists()
