"""The command line as a person meets it: help, slips of the pen, and bad input of every kind.

Whatever goes wrong is one line on standard error that starts with "cycloid: error: ", a non-zero exit, and no file
half-written.
"""

import json
import pathlib
import random
import subprocess

import pytest
from conftest import CLI

onnx = pytest.importorskip("onnx")
numpy = pytest.importorskip("numpy")

USAGE = 2
COMMANDS = ["bench", "backends", "inspect", "run"]


def assert_one_clear_line(done, *words, code=None):
    """The process failed as it should: no crash, one line, and the line holds the words."""
    assert done.returncode > 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    if code is not None:
        assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("cycloid: error: ")]
    assert len(errors) == 1 and lines[-1] == errors[0], done.stderr
    assert "Traceback" not in done.stderr and "terminate called" not in done.stderr
    for word in words:
        assert word in errors[0], errors[0]


# --- the frame


def test_version_and_help(cycloid):
    assert cycloid("--version").stdout.startswith("cycloid ")
    done = cycloid("--help")
    assert done.returncode == 0 and "Exit codes" in done.stdout
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout, f"{command} is not listed"
    assert "worker" not in done.stdout, "an internal command is shown to people"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(cycloid, command):
    done = cycloid(command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout and f"cycloid {command}" in done.stdout


def test_no_command_is_a_usage_error_that_shows_the_help(cycloid):
    done = cycloid()
    assert done.returncode == USAGE and "Usage: cycloid" in done.stderr


@pytest.mark.parametrize(
    "args, words",
    [
        (["benhc"], ["unknown command 'benhc'", "did you mean 'bench'?", "cycloid --help"]),
        (["frobnicate"], ["unknown command 'frobnicate'"]),
        (["--versoin"], ["unknown option '--versoin'", "'--version'"]),
        (["inspect", "--jsno", "m.onnx"], ["inspect: unknown option '--jsno'", "'--json'"]),
        (["inspect", "--jsno=1", "m.onnx"], ["inspect: unknown option '--jsno'", "'--json'"]),
        (["inspect"], ["inspect: ", "MODEL", "cycloid inspect --help"]),
        (["inspect", "a.onnx", "b.onnx"], ["inspect: unexpected argument 'b.onnx'"]),
        (["bench", "m.onnx", "--lops", "3"], ["bench: unknown option '--lops'", "'--loops'"]),
        (["run", "m.onnx", "--ouput-dir", "d"], ["run: unknown option '--ouput-dir'", "'--output-dir'"]),
    ],
)
def test_a_slip_of_the_pen_is_met_with_the_nearest_word(cycloid, args, words):
    assert_one_clear_line(cycloid(*args), *words, code=USAGE)


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(CLI), "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "standard output" in done.stderr


# --- inspect


def tensor_info(name, shape, dtype=None):
    return onnx.helper.make_tensor_value_info(name, dtype or onnx.TensorProto.FLOAT, shape)


def make_model(nodes, inputs, outputs, constants=(), opset=17, **kwargs):
    graph = onnx.helper.make_graph(nodes, "g", inputs, outputs, list(constants))
    opsets = [onnx.helper.make_opsetid("", opset), *kwargs.pop("opsets", [])]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8, **kwargs)


def constant(name, array):
    return onnx.numpy_helper.from_array(array, name)


@pytest.fixture
def gemm(tmp_path):
    """y = relu(x w), x of [batch, 64], w of [64, 32]."""
    model = make_model(
        [
            onnx.helper.make_node("MatMul", ["x", "w"], ["t"], name="mm"),
            onnx.helper.make_node("Relu", ["t"], ["y"], name="act"),
        ],
        [tensor_info("x", ["batch", 64])],
        [tensor_info("y", ["batch", 32])],
        [constant("w", numpy.ones((64, 32), numpy.float32))],
        producer_name="cli_test",
    )
    onnx.save(model, tmp_path / "gemm.onnx")
    return tmp_path / "gemm.onnx"


def test_inspect_counts_a_matrix_product(cycloid, gemm):
    report = json.loads(cycloid("inspect", gemm, "--json", "--input", "x=8x64").stdout)
    assert report["schema"] == "cycloid.inspect/1"
    assert report["opsets"] == {"ai.onnx": 17} and report["producer"] == "cli_test"
    assert report["parameters"] == {"count": 64 * 32, "bytes": 64 * 32 * 4}
    assert [value["type"] for value in report["inputs"]] == ["float[8, 64]"]
    matmul, relu = report["nodes"]
    assert (matmul["name"], matmul["operator"], matmul["output"]) == ("mm", "MatMul", "float[8, 32]")
    # A multiply-add is two operations; each operand is read and the result written once.
    flops, moved = 2 * 8 * 64 * 32, 4 * (8 * 64 + 64 * 32 + 8 * 32)
    assert (matmul["flops"], matmul["bytes"]) == (flops, moved)
    assert matmul["flops_per_byte"] == pytest.approx(flops / moved)
    assert relu["bytes"] == 4 * 2 * 8 * 32
    assert report["total"]["bytes"] == matmul["bytes"] + relu["bytes"]
    assert report["total"]["flops"] == matmul["flops"] + relu["flops"]
    assert report["operators"]["MatMul"]["nodes"] == 1 and report["total"]["nodes"] == 2


def test_inspect_keeps_a_dynamic_size_by_its_name(cycloid, gemm):
    report = json.loads(cycloid("inspect", gemm, "--json").stdout)
    assert report["nodes"][0]["output"] == "float[batch, 32]"
    assert report["nodes"][0]["flops"] == f"{2 * 64 * 32}*batch" and report["nodes"][0]["flops_per_byte"] is None
    text = cycloid("inspect", gemm).stdout
    assert "batch" in text and "--input" in text


def test_inspect_shows_columns_for_people(cycloid, gemm):
    done = cycloid("inspect", gemm, "--input", "x=8x64")
    assert done.returncode == 0 and done.stderr == ""
    assert "float[8, 64]" in done.stdout and "32.8 k" in done.stdout
    assert "33.0 kFLOP" in done.stdout  # 2 * 8 * 64 * 32 and one for each element of the Relu
    header = next(line for line in done.stdout.splitlines() if line.startswith("node "))
    row = next(line for line in done.stdout.splitlines() if line.startswith("mm "))
    assert header.index("operator") == row.index("MatMul")
    assert "mm " not in cycloid("inspect", gemm, "--input", "x=8x64", "--summary").stdout


def test_inspect_shows_an_unknown_operator_without_a_cost(cycloid, tmp_path):
    node = onnx.helper.make_node("Frobnicate", ["x"], ["y"], name="odd", domain="my.domain")
    opsets = [onnx.helper.make_opsetid("my.domain", 1)]
    onnx.save(make_model([node], [tensor_info("x", [2])], [tensor_info("y", None)], opsets=opsets), tmp_path / "m.onnx")
    done = cycloid("inspect", tmp_path / "m.onnx", "--json")
    assert_one_clear_line(done, "Frobnicate", "my.domain", "node 'odd'", code=1)
    report = json.loads(done.stdout)
    assert report["nodes"][0]["flops"] is None and report["total"]["nodes_of_unknown_cost"] == 1


def test_an_operator_that_onnx_does_not_have_is_named_with_its_node(cycloid, tmp_path):
    node = onnx.helper.make_node("Erfc", ["x"], ["y"], name="c")
    onnx.save(make_model([node], [tensor_info("x", [2])], [tensor_info("y", None)]), tmp_path / "m.onnx")
    assert_one_clear_line(cycloid("inspect", tmp_path / "m.onnx"), "m.onnx", "'Erfc'", "node 'c'", code=1)
    numpy.save(tmp_path / "x.npy", numpy.ones(2, numpy.float32))
    done = run_native(cycloid, tmp_path / "m.onnx", tmp_path, "--input-data", f"x={tmp_path}/x.npy")
    assert_one_clear_line(done, "m.onnx", "'Erfc'", "node 'c'", code=1)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("x=8x65", ["axis 1", "64", "65"]),
        ("x=8", ["rank 2"]),
        ("z=8x64", ["no such input", "it has 'x'"]),
        ("xx=8x64", ["no such input (did you mean 'x'?)"]),
        ("x=8x64:int64", ["float32", "int64"]),
        ("x=8xfoo", ["'foo'"]),
        ("x=nan", ["'nan'"]),
        ("x=-1x64", ["'-1'"]),
        ("x=4294967296x4294967296", ["64 bits"]),
        ("x", ["NAME=SHAPE"]),
    ],
)
def test_a_wrong_input_shape_is_one_clear_line(cycloid, gemm, spec, words):
    assert_one_clear_line(cycloid("inspect", gemm, "--input", spec), "--input", *words, code=USAGE)


@pytest.mark.parametrize(
    "args, words",
    [
        (["--plan", "--threads", "0"], ["--threads 0: must be 1 to 1024, or all"]),
        (["--roofline", "--threads", "1025"], ["--threads 1025: must be 1 to 1024, or all"]),
        (["--plan", "--threads", "-1"], ["--threads -1: must be 1 to 1024, or all"]),
        (["--strict"], ["--strict: it is of --plan"]),
        (["--tune", "--roofline"], ["--tune: it is of --plan"]),
        (["--isa", "avx2"], ["--isa: it is of --roofline and --plan"]),
    ],
)
def test_options_of_inspect_that_make_no_sense(cycloid, gemm, args, words):
    assert_one_clear_line(cycloid("inspect", gemm, *args), *words, code=USAGE)


def test_a_misspelt_input_of_run_is_named_with_the_nearest(cycloid, gemm, tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.zeros((8, 64), numpy.float32))
    done = run_native(cycloid, gemm, tmp_path, "--input-data", f"xx={tmp_path}/x.npy")
    assert_one_clear_line(done, "no input 'xx' (did you mean 'x'?); it takes x float32[?,64]", code=USAGE)
    assert not (tmp_path / "out").exists()


# --- bad files, through every command that reads one


def save(model, path):
    path.write_bytes(model.SerializeToString())
    return path


def cyclic():
    nodes = [
        onnx.helper.make_node("Add", ["x", "b"], ["a"], name="first"),
        onnx.helper.make_node("Relu", ["a"], ["b"], name="second"),
    ]
    return make_model(nodes, [tensor_info("x", [2])], [tensor_info("b", [2])])


def undefined_value():
    return make_model([onnx.helper.make_node("Relu", ["nowhere"], ["y"], name="r")], [], [tensor_info("y", [2])])


def defined_twice():
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"]), onnx.helper.make_node("Abs", ["x"], ["y"])]
    return make_model(nodes, [tensor_info("x", [2])], [tensor_info("y", [2])])


def wrong_type():
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")
    weights = constant("w", numpy.ones((3, 2), numpy.int64))
    return make_model([node], [tensor_info("x", [2, 3])], [tensor_info("y", [2, 2])], [weights])


def wrong_shape():
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="mm")
    return make_model(
        [node],
        [tensor_info("x", [2, 3])],
        [tensor_info("y", [2, 2])],
        [constant("w", numpy.ones((4, 2), numpy.float32))],
    )


def wrong_attribute():
    node = onnx.helper.make_node("Concat", ["x", "x"], ["y"], name="cat", axis=7)
    return make_model([node], [tensor_info("x", [2, 3])], [tensor_info("y", [4, 3])])


def overflowing_constant():
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[2**40, 2**40], raw_data=b"1234")
    node = onnx.helper.make_node("Relu", ["w"], ["y"])
    return make_model([node], [], [tensor_info("y", None)], [weights])


def short_constant():
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[100], raw_data=b"1234")
    return make_model([onnx.helper.make_node("Relu", ["w"], ["y"])], [], [tensor_info("y", None)], [weights])


def negative_size():
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[-4], raw_data=b"")
    return make_model([onnx.helper.make_node("Relu", ["w"], ["y"])], [], [tensor_info("y", None)], [weights])


def outside_data():
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../etc/passwd")
    return make_model([onnx.helper.make_node("Relu", ["w"], ["y"])], [], [tensor_info("y", None)], [weights])


def future_opset():
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    return make_model([node], [tensor_info("x", [2])], [tensor_info("y", [2])], opset=999)


BAD_MODELS = {
    "a cycle": (cyclic, ["cycle"]),
    "a value that nothing defines": (undefined_value, ["nowhere"]),
    "a value defined twice": (defined_twice, ["'y'"]),
    "a wrong type": (wrong_type, ["'mm'"]),
    "a wrong shape": (wrong_shape, ["'mm'"]),
    "a wrong attribute": (wrong_attribute, ["'cat'", "axis"]),
    "a constant whose shape overflows": (overflowing_constant, ["'w'"]),
    "a constant that is too short": (short_constant, ["'w'"]),
    "a negative size": (negative_size, ["'w'"]),
    "data outside the model's folder": (outside_data, ["'w'"]),
    "an operator set of the future": (future_opset, ["999"]),
}


def run_native(cycloid, path, folder, *args):
    return cycloid("run", path, "--backend", "cycloid", *args, "--output-dir", folder / "out")


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_bad_model_is_one_clear_line(cycloid, tmp_path, kind):
    make, words = BAD_MODELS[kind]
    path = save(make(), tmp_path / "bad.onnx")
    assert_one_clear_line(cycloid("inspect", path), "bad.onnx", *words, code=1)
    numpy.save(tmp_path / "x.npy", numpy.ones((2, 3), numpy.float32))
    done = run_native(
        cycloid, path, tmp_path, *([] if b"nowhere" in path.read_bytes() else ["--input-data", f"x={tmp_path}/x.npy"])
    )
    assert_one_clear_line(done, code=None)
    assert not (tmp_path / "out").exists()


def bad_files(folder, good):
    """(path, word the message must hold) for files that are no models."""
    whole = good.read_bytes()
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "text.onnx").write_text("hello, I am no model\n" * 50)
    (folder / "folder.onnx").mkdir()
    noise = random.Random(1)
    (folder / "noise.onnx").write_bytes(bytes(noise.randrange(256) for _ in range(4096)))
    # A length that claims more than the file holds, and one that claims nearly 2^64.
    (folder / "long.onnx").write_bytes(b"\x3a\xff\xff\xff\x7f" + whole)
    (folder / "longest.onnx").write_bytes(b"\x3a" + b"\xff" * 9 + b"\x01")
    for name in ["missing", "empty", "text", "folder", "noise", "long", "longest"]:
        yield folder / f"{name}.onnx"


def test_a_file_that_is_no_model_is_one_clear_line(cycloid, gemm, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    for path in bad_files(folder, gemm):
        assert_one_clear_line(cycloid("inspect", path), path.name)
        done = run_native(cycloid, path, tmp_path)
        assert_one_clear_line(done)
        assert not (tmp_path / "out").exists()


def test_every_truncation_of_a_file_is_survived(cycloid, gemm, tmp_path):
    """A prefix is an error or (where it ends between two fields) a smaller model: never a crash."""
    whole = gemm.read_bytes()
    lengths = sorted({len(whole) * i // 24 for i in range(24)} | {1, 2, 3, len(whole) - 1})
    for length in lengths:
        path = tmp_path / "cut.onnx"
        path.write_bytes(whole[:length])
        done = cycloid("inspect", path)
        assert done.returncode in (0, 1), (length, done.returncode, done.stderr)
        if done.returncode:
            assert_one_clear_line(done, "cut.onnx")


def test_a_file_without_permission_is_one_clear_line(cycloid, gemm):
    gemm.chmod(0)
    done = cycloid("inspect", gemm)
    if done.returncode == 0:
        pytest.skip("this user may read everything")
    assert_one_clear_line(done, "gemm.onnx", code=1)


# --- run


def test_run_writes_what_the_model_gives(cycloid, gemm, tmp_path):
    x = numpy.random.default_rng(3).normal(size=(5, 64)).astype(numpy.float32)
    numpy.save(tmp_path / "x.npy", x)
    done = run_native(cycloid, gemm, tmp_path, "--input-data", f"x={tmp_path}/x.npy")
    assert done.returncode == 0, done.stderr
    expected = numpy.maximum(x.astype(numpy.float64).sum(axis=1, keepdims=True), 0).repeat(32, axis=1)
    # 64 terms summed in float32: 64 * eps * sum |x|.
    limit = 64 * numpy.finfo(numpy.float32).eps * abs(x).sum(axis=1).max()
    assert abs(numpy.load(tmp_path / "out" / "y.npy") - expected).max() <= limit


@pytest.mark.parametrize(
    "array, name, words",
    [
        (numpy.ones((5, 64), numpy.float64), "x", ["x"]),
        (numpy.ones((5, 63), numpy.float32), "x", ["x"]),
        (numpy.ones(64, numpy.float32), "x", ["x"]),
        (numpy.ones((5, 64), numpy.float32), "z", ["x"]),
    ],
    ids=["dtype", "size", "rank", "name"],
)
def test_an_input_that_does_not_fit_is_one_clear_line(cycloid, gemm, tmp_path, array, name, words):
    numpy.save(tmp_path / "x.npy", array)
    done = run_native(cycloid, gemm, tmp_path, "--input-data", f"{name}={tmp_path}/x.npy")
    assert_one_clear_line(done, *words)
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_missing_is_one_clear_line(cycloid, gemm, tmp_path):
    assert_one_clear_line(run_native(cycloid, gemm, tmp_path), "x")
    assert_one_clear_line(run_native(cycloid, gemm, tmp_path, "--input-data", "x=none.npy"), "none.npy")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("backend", ["cycloid", "onnxruntime", "openvino"])
def test_a_message_names_the_file_and_the_backend_once(cycloid, gemm, tmp_path, backend):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(pathlib.Path(gemm).read_bytes()[:-20])
    done = cycloid("run", broken, "--backend", backend, "--output-dir", tmp_path / "out")
    # ONNX Runtime and OpenVINO name the file in their own words.
    assert done.returncode != 0 and done.stderr.count(str(broken)) <= 1, done.stderr
    done = cycloid("run", gemm, "--backend", backend, "--option", "bogus=1", "--output-dir", tmp_path / "out")
    assert done.returncode != 0
    if "has no option" in done.stderr:  # else it is not there
        assert done.stderr.startswith(f"cycloid: error: backend '{backend}' has no option 'bogus'; it has: "), (
            done.stderr
        )


@pytest.mark.parametrize(
    "args",
    [
        ["--threads", "nan"],
        ["--threads", "0"],
        ["--threads", "-1"],
        ["--threads", "1025"],
        ["--threads", "1e99"],
        ["--limit", "nan"],
        ["--timeout", "nan"],
        ["--timeout", "-1"],
        ["--backend", "onxruntime"],
    ],
)
def test_options_of_run_that_make_no_sense(cycloid, gemm, tmp_path, args):
    assert_one_clear_line(run_native(cycloid, gemm, tmp_path, *args), code=USAGE)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to_leaves_nothing(cycloid, gemm, tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.ones((5, 64), numpy.float32))
    (tmp_path / "file").write_text("in the way")
    done = cycloid(
        "run",
        gemm,
        "--backend",
        "cycloid",
        "--input-data",
        f"x={tmp_path}/x.npy",
        "--output-dir",
        tmp_path / "file" / "out",
    )
    assert_one_clear_line(done, "file")
    assert (tmp_path / "file").read_text() == "in the way"
