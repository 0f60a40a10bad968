"""The Python package: InferenceSession and its neighbours as a user of onnxruntime knows them."""

import ast
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from built_package import BUILT, CLI, use_built_package

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
use_built_package()

from onnx import TensorProto, helper  # noqa: E402

import cycloid  # noqa: E402


def tensor(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(nodes, inputs, outputs, initializers=(), **properties):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers), doc_string="")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], producer_name="test", ir_version=10)
    for key, value in properties.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    return model


@pytest.fixture(scope="module")
def mlp():
    """y = relu(x @ w + b), x of [batch, 8]."""
    random = np.random.default_rng(0)
    w, b = random.standard_normal((8, 4), dtype=np.float32), random.standard_normal(4, dtype=np.float32)
    model = model_of(
        [
            helper.make_node("MatMul", ["x", "w"], ["t"]),
            helper.make_node("Add", ["t", "b"], ["u"]),
            helper.make_node("Relu", ["u"], ["y"]),
        ],
        [tensor("x", TensorProto.FLOAT, ["batch", 8])],
        [tensor("y", TensorProto.FLOAT, ["batch", 4])],
        [onnx.numpy_helper.from_array(w, "w"), onnx.numpy_helper.from_array(b, "b")],
        author="someone",
    )

    def reference(x):
        return np.maximum(x.astype(np.float64) @ w + b, 0)

    return model, reference


# Sums of 8 products and a bias in float32: at most 9 roundings of values below about 30.
ATOL = 9 * 2.0**-24 * 30


def test_runs_what_it_is_asked(mlp):
    model, reference = mlp
    session = cycloid.InferenceSession(model)
    for batch in (1, 3, 0, 64):
        x = np.random.default_rng(batch).standard_normal((batch, 8), dtype=np.float32)
        [y] = session.run(None, {"x": x})
        assert y.dtype == np.float32 and y.shape == (batch, 4)
        np.testing.assert_allclose(y, reference(x), rtol=0, atol=ATOL)
    assert len(session.run([], {"x": x})) == 1  # as in onnxruntime: no names are all names
    assert session.run(["y", "y"], {"x": x})[1].shape == (64, 4)


def test_says_what_the_model_is(mlp):
    session = cycloid.InferenceSession(mlp[0].SerializeToString())
    [x], [y] = session.get_inputs(), session.get_outputs()
    assert (x.name, x.shape, x.type) == ("x", ["batch", 8], "tensor(float)")
    assert (y.name, y.shape, y.type) == ("y", ["batch", 4], "tensor(float)")
    meta = session.get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.custom_metadata_map) == ("test", "g", {"author": "someone"})
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "Relu" in session.plan({"x": [2, 8]})
    assert "x: float[batch, 8]" in repr(session)


def test_takes_arrays_of_all_kinds(mlp):
    model, reference = mlp
    session = cycloid.InferenceSession(model)
    x = np.random.default_rng(1).standard_normal((3, 8), dtype=np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    kinds = [
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        x.astype(">f4"),
        x.tolist(),
        frozen,
        np.ascontiguousarray(x[::-1])[::-1],
    ]
    for kind in kinds:
        np.testing.assert_allclose(session.run(None, {"x": kind})[0], reference(x), rtol=0, atol=ATOL)


def test_torch_tensors_without_a_copy(mlp):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    model, reference = mlp
    session = cycloid.InferenceSession(model)
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    [y] = session.run(None, {"x": x})
    np.testing.assert_allclose(y, reference(x.numpy()), rtol=0, atol=ATOL)
    out = torch.empty(3, 4)
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", out)
    session.run_with_iobinding(binding)
    assert np.array_equal(out.numpy(), y)


def test_bound_outputs_are_written_in_place(mlp):
    model, reference = mlp
    session = cycloid.InferenceSession(model)
    x = np.zeros((2, 8), dtype=np.float32)
    y = np.full((2, 4), np.nan, dtype=np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", y)
    for value in (1.0, -2.0):
        x[:] = value  # each run reads the bound memory anew
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(y, reference(x), rtol=0, atol=ATOL)
    assert binding.get_outputs()[0].value is y
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    assert np.array_equal(binding.copy_outputs_to_cpu()[0], y)
    binding.bind_output("y", np.empty((2, 3), dtype=np.float32))
    with pytest.raises(cycloid.InvalidArgumentError):
        session.run_with_iobinding(binding)


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float8_e4m3fn", "int4", "uint4", "int8", "bool", "complex64"]
)
def test_dtypes_pass_through(dtype):
    import ml_dtypes

    wanted = np.dtype(getattr(ml_dtypes, dtype, dtype))
    kind = helper.np_dtype_to_tensor_dtype(wanted)
    model = model_of(
        [helper.make_node("Identity", ["x"], ["y"])], [tensor("x", kind, [None])], [tensor("y", kind, [None])]
    )
    x = np.array([0, 1, -1, 3] if dtype not in ("uint4", "bool") else [0, 1, 1, 0]).astype(wanted)
    [y] = cycloid.InferenceSession(model).run(None, {"x": x})
    assert y.dtype == wanted
    assert y.tobytes() == x.tobytes() or np.array_equal(y.astype(np.float32), x.astype(np.float32))


def test_scalars_keep_their_rank():
    import ml_dtypes

    for dtype in (np.float32, ml_dtypes.bfloat16):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        model = model_of([helper.make_node("Identity", ["x"], ["y"])], [tensor("x", kind, [])], [tensor("y", kind, [])])
        [y] = cycloid.InferenceSession(model).run(None, {"x": np.asarray(2, dtype=dtype)})
        assert y.shape == () and float(y) == 2


def test_strings_and_sequences():
    strings = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [tensor("x", TensorProto.STRING, [None, 2])],
        [tensor("y", TensorProto.STRING, [None, 2])],
    )
    x = np.array([["a", "żółw"], ["", "\U0001f40c"]], dtype=object)
    [y] = cycloid.InferenceSession(strings).run(None, {"x": x})
    assert y.dtype == object and y.tolist() == x.tolist()

    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [None]))
    value = helper.make_value_info("s", sequence)
    model = model_of(
        [helper.make_node("SequenceInsert", ["s", "x"], ["t"])],
        [value, tensor("x", TensorProto.FLOAT, [None])],
        [helper.make_value_info("t", sequence)],
    )
    first, second = np.ones(2, np.float32), np.zeros(3, np.float32)
    [t] = cycloid.InferenceSession(model).run(None, {"s": [first], "x": second})
    assert [item.tolist() for item in t] == [[1, 1], [0, 0, 0]]


def test_an_output_that_is_an_input_outlives_it():
    model = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [tensor("x", TensorProto.FLOAT, [None])],
        [tensor("y", TensorProto.FLOAT, [None])],
    )
    session = cycloid.InferenceSession(model)
    x = np.arange(100_000, dtype=np.float32)
    [y] = session.run(None, {"x": x})
    x[:] = -1
    del x
    assert y[0] == 0 and y[-1] == 99_999


def test_many_threads_at_once(mlp):
    model, reference = mlp
    session = cycloid.InferenceSession(model, cycloid.SessionOptions(intra_op_num_threads=2))
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for _ in range(50):
            x = random.standard_normal((int(random.integers(1, 9)), 8), dtype=np.float32)
            [y] = session.run(None, {"x": x})
            if not np.allclose(y, reference(x), rtol=0, atol=ATOL):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pickles_by_path_and_by_bytes(mlp, tmp_path):
    model, _ = mlp
    x = np.ones((1, 8), np.float32)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    by_path = cycloid.InferenceSession(path, cycloid.SessionOptions(intra_op_num_threads=1))
    data = pickle.dumps(by_path)
    assert str(path).encode() in data and len(data) < len(model.SerializeToString()) + 1000
    again = pickle.loads(data)
    assert again.get_session_options().intra_op_num_threads == 1
    assert np.array_equal(again.run(None, {"x": x})[0], by_path.run(None, {"x": x})[0])
    by_bytes = pickle.loads(pickle.dumps(cycloid.InferenceSession(model)))
    assert np.array_equal(by_bytes.run(None, {"x": x})[0], by_path.run(None, {"x": x})[0])


def test_errors_say_what_where_and_what_to_do(mlp, tmp_path):
    model, _ = mlp
    session = cycloid.InferenceSession(model)
    x = np.ones((1, 8), np.float32)
    with pytest.raises(cycloid.InvalidArgumentError, match="'x' is missing"):
        session.run(None, {})
    with pytest.raises(ValueError, match="no input 'z'.*takes x"):
        session.run(None, {"x": x, "z": x})
    with pytest.raises(ValueError, match="no output 'q'.*gives y"):
        session.run(["q"], {"x": x})
    with pytest.raises(ValueError, match="'x'.*float64"):
        session.run(None, {"x": x.astype(np.float64)})
    with pytest.raises(ValueError, match=r"'x'.*\[1, 7\]"):
        session.run(None, {"x": x[:, :7]})
    with pytest.raises(ValueError, match="no array of float32"):
        session.run(None, {"x": "hello"})
    with pytest.raises(FileNotFoundError, match="nothing.onnx"):
        cycloid.InferenceSession(tmp_path / "nothing.onnx")
    with pytest.raises(cycloid.InvalidModelError, match="not an ONNX model"):
        cycloid.InferenceSession(b"not a model")
    with pytest.raises(ValueError, match="sse9"):
        cycloid.InferenceSession(model, cycloid.SessionOptions(isa="sse9"))
    unknown = model_of([helper.make_node("Identity", ["x"], ["y"])], list(model.graph.input), list(model.graph.output))
    unknown.graph.node[0].op_type = "Frobnicate"
    unknown.graph.node[0].name = "frob"
    with pytest.raises(NotImplementedError, match="'frob' \\(Frobnicate\\)"):
        cycloid.InferenceSession(unknown)
    error = pickle.loads(pickle.dumps(pytest.raises(ValueError, session.run, None, {}).value))
    assert isinstance(error, cycloid.InvalidArgumentError) and error.code == "invalid argument"


def test_wrong_arguments_are_named(mlp):
    ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    with pytest.raises(ValueError, match=r"sess_options is a onnxruntime\..*, not a cycloid.SessionOptions"):
        cycloid.InferenceSession(mlp[0], ort.SessionOptions())
    with pytest.raises(ValueError, match="not a int"):
        cycloid.InferenceSession(5)
    for command in (cycloid.inspect, cycloid.bench, lambda model: cycloid.optimize(model, "y.onnx")):
        with pytest.raises(ValueError, match="a model is a path, bytes or an onnx.ModelProto, not a object"):
            command(object())
    with pytest.raises(TypeError, match="intra_op_threads"):
        cycloid.SessionOptions(intra_op_threads=2)
    with pytest.raises(AttributeError, match="intra_op_threads"):
        cycloid.SessionOptions().intra_op_threads = 2


def test_memory_bound(mlp):
    options = cycloid.SessionOptions(max_memory=1000)
    session = cycloid.InferenceSession(mlp[0], options)
    with pytest.raises(MemoryError):
        session.run(None, {"x": np.zeros((100_000, 8), np.float32)})


def endless_model():
    """Iterations without end, or as many as `n` says."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [2]),
        ],
        [
            helper.make_tensor_value_info("c2", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [2]),
        ],
    )
    return model_of(
        [helper.make_node("Loop", ["n", "", "x"], ["y"], name="loop", body=body)],
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_timeout(threads):
    options = cycloid.SessionOptions(timeout=0.1, intra_op_num_threads=threads)
    session = cycloid.InferenceSession(endless_model(), options)
    x = np.ones(2, np.float32)
    with pytest.raises(cycloid.ResourceExhaustedError, match="'loop' .Loop.*100 ms.*timeout"):
        session.run(None, {"n": np.array(2**62), "x": x})
    assert session.run(None, {"n": np.array(3), "x": x})[0].tolist() == [-1, -1]
    with pytest.raises(ValueError, match="timeout"):
        cycloid.InferenceSession(endless_model(), cycloid.SessionOptions(timeout=-1))


def test_ctrl_c_ends_a_run():
    session = cycloid.InferenceSession(endless_model(), cycloid.SessionOptions(intra_op_num_threads=2))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        session.run(None, {"n": np.array(2**62), "x": np.ones(2, np.float32)})
    assert session.run(None, {"n": np.array(2), "x": np.ones(2, np.float32)})[0].tolist() == [1, 1]


@pytest.mark.parametrize("how", ["run", "binding", "profiled"])
def test_terminate_ends_a_run(how):
    options = cycloid.SessionOptions(intra_op_num_threads=2, enable_profiling=how == "profiled")
    session = cycloid.InferenceSession(endless_model(), options)
    run_options = cycloid.RunOptions()

    def run(times):
        feeds = {"n": np.array(times), "x": np.ones(2, np.float32)}
        if how != "binding":
            return session.run(["y"], feeds, run_options)[0]
        y = np.empty(2, np.float32)
        binding = session.io_binding()
        for name, value in feeds.items():
            binding.bind_cpu_input(name, value)
        binding.bind_output("y", y)
        session.run_with_iobinding(binding, run_options)
        return y

    threading.Timer(0.2, setattr, (run_options, "terminate", True)).start()
    with pytest.raises(cycloid.CycloidError, match=r"RunOptions\.terminate was set"):
        run(2**62)
    with pytest.raises(cycloid.CycloidError, match=r"RunOptions\.terminate was set"):
        run(2)  # still set: not begun
    run_options.terminate = False
    assert run(2).tolist() == [1, 1]


def test_a_misspelt_name_is_named_with_the_nearest():
    x = np.zeros(2, np.float32)
    node = helper.make_node("Relu", ["image"], ["scores"])
    value = helper.make_tensor_value_info
    inputs, outputs = [value("image", TensorProto.FLOAT, [2])], [value("scores", TensorProto.FLOAT, [2])]
    session = cycloid.InferenceSession(model_of([node], inputs, outputs))
    with pytest.raises(ValueError, match=r"no input 'imgae' \(did you mean 'image'\?\); it takes image"):
        session.run(None, {"imgae": x})
    with pytest.raises(ValueError, match=r"no input 'imgae' \(did you mean 'image'\?\); it takes image"):
        session.run(None, {"image": x, "imgae": x})
    with pytest.raises(ValueError, match=r"no input 'entirely'; it takes image"):
        session.run(None, {"entirely": x})
    with pytest.raises(ValueError, match=r"no output 'score' \(did you mean 'scores'\?\); it gives scores"):
        session.run(["score"], {"image": x})
    with pytest.raises(ValueError, match=r"did you mean 'image'"):
        session.io_binding().bind_cpu_input("imag", x)
    with pytest.raises(ValueError, match=r"did you mean 'scores'"):
        session.io_binding().bind_output("scors")


def test_other_providers_are_explained(mlp):
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        cycloid.InferenceSession(mlp[0], providers=["CUDAExecutionProvider", "CPUExecutionProvider"])


def test_profile_shows_each_thread(tmp_path):
    """Parts of one step on two threads are two events, and strings are profiled by run alone."""
    side = 512
    model = model_of(
        [helper.make_node("MatMul", ["x", "x"], ["y"])],
        [tensor("x", TensorProto.FLOAT, [side, side])],
        [tensor("y", TensorProto.FLOAT, [side, side])],
    )
    prefix = str(tmp_path / "p")
    options = cycloid.SessionOptions(enable_profiling=True, profile_file_prefix=prefix, intra_op_num_threads=2)
    session = cycloid.InferenceSession(model, options)
    x = np.eye(side, dtype=np.float32)
    outputs = [session.run(None, {"x": factor * x})[0] for factor in (1, 2, 3)]
    for factor, y in zip((1, 2, 3), outputs, strict=True):  # each has memory of its own
        assert y[0, 0] == factor**2
    events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    steps = [event for event in events if event["cat"] == "Node"]
    assert {event["tid"] for event in steps} <= {0, 1}
    assert all(event["args"]["kernel"] and event["args"]["flops"] >= 0 for event in steps)
    assert json.loads(pathlib.Path(session.end_profiling()).read_text()) == []  # from here on

    words = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [tensor("x", TensorProto.STRING, [None])],
        [tensor("y", TensorProto.STRING, [None])],
    )
    session = cycloid.InferenceSession(words, options)
    assert session.run(None, {"x": np.array(["a"], dtype=object)})[0].tolist() == ["a"]
    events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    assert [event["name"] for event in events] == ["model_loading", "model_run"]


def test_backend_of_the_onnx_package(mlp):
    import cycloid.backend as backend

    x = np.ones((2, 8), np.float32)
    assert np.array_equal(backend.prepare(mlp[0]).run([x])[0], cycloid.InferenceSession(mlp[0]).run(None, {"x": x})[0])
    node = helper.make_node("Add", ["a", "b"], ["c"])
    assert backend.run_node(node, [np.ones(2, np.float32), np.ones(2, np.float32)]).c.tolist() == [2, 2]
    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")


def test_torch_compile():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from cycloid.dynamo import cycloid_backend

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4)).eval()
    compiled = torch.compile(module, backend=cycloid_backend)
    with torch.no_grad():
        for batch in (2, 3, 5):  # dynamo makes the size symbolic at the second
            x = torch.randn(batch, 8)
            # 16 + 8 products and two biases in float32; values below 10.
            torch.testing.assert_close(compiled(x), module(x), rtol=0, atol=26 * 2.0**-24 * 10)
        strange = torch.compile(lambda a: torch.special.bessel_j0(a), backend=cycloid_backend)
        with pytest.warns(UserWarning, match="stays in PyTorch"):
            assert torch.equal(strange(x), torch.special.bessel_j0(x))
    x = torch.randn(2, 8)
    compiled(x).sum().backward()  # with gradients it is PyTorch's own
    assert module[0].weight.grad is not None


def test_torch_compile_of_other_types():
    """Of 16-bit and double numbers, recurrent layers; and what the exporter declines says so."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from cycloid.dynamo import cycloid_backend

    torch.manual_seed(0)
    for module, x in (
        (torch.nn.Linear(8, 8).bfloat16(), torch.randn(2, 8).bfloat16()),
        (torch.nn.Linear(8, 8).half(), torch.randn(2, 8).half()),
        (torch.nn.Linear(8, 8).double(), torch.randn(2, 8).double()),
        (torch.nn.LSTM(8, 8), torch.randn(3, 2, 8)),
    ):
        module.eval()
        torch._dynamo.reset()
        compiled = torch.compile(module, backend=cycloid_backend)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("error", message="cycloid")
            got, wanted = compiled(x), module(x)
        got, wanted = (value[0] if isinstance(value, tuple) else value for value in (got, wanted))
        assert got.dtype == wanted.dtype
        # Sums of 16 products, and two roundings to the type.
        torch.testing.assert_close(got, wanted, rtol=0, atol=18 * torch.finfo(got.dtype).eps * 4)
    norm = torch.nn.RMSNorm(8).eval()
    torch._dynamo.reset()
    with torch.no_grad(), pytest.warns(UserWarning, match="stays in PyTorch: .*rms_norm"):
        x = torch.randn(2, 8)
        assert torch.equal(torch.compile(norm, backend=cycloid_backend)(x), norm(x))


def test_inspect_and_bench_by_function(mlp, monkeypatch):
    monkeypatch.setenv("CYCLOID_CLI", str(CLI))
    assert cycloid.inspect(mlp[0])["operators"]
    report = cycloid.bench(mlp[0], loops=4, backends=["cycloid"], threads=[1], input={"x": "2x8"})
    assert report["schema"].startswith("cycloid.bench/")
    with pytest.raises(cycloid.CycloidError, match="no-such-file"):
        cycloid.inspect("/no-such-file.onnx")


def test_optimize_by_function(mlp, monkeypatch, tmp_path):
    monkeypatch.setenv("CYCLOID_CLI", str(CLI))
    out = tmp_path / "out.onnx"
    used = {one["rule"] for one in cycloid.optimize(mlp[0], out, shape={"x": (2, 8)})["applications"]}
    assert [dim.dim_value for dim in onnx.load(out).graph.input[0].type.tensor_type.shape.dim] == [2, 8]
    left_out = cycloid.optimize(mlp[0], out, disable=[*used, "compose-slices"])["applications"]
    assert used and not used & {one["rule"] for one in left_out}
    with pytest.raises(cycloid.CycloidError, match="no rule 'nonsense'"):
        cycloid.optimize(mlp[0], out, only=["compose-slices", "nonsense"])


def test_type_checkers_see_every_name():
    stub = ast.parse((BUILT / "cycloid" / "__init__.pyi").read_text())
    named = {
        (node.module, alias.name) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert named == {(getattr(cycloid, name).__module__, name) for name in cycloid.__all__}


def test_importing_the_package_imports_no_numpy():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import cycloid; print('numpy' in sys.modules, dir(cycloid))"
    done = subprocess.run([sys.executable, "-c", code, str(BUILT)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False") and "InferenceSession" in done.stdout
