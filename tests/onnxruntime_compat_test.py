"""The same code with onnxruntime and with cycloid: what a program written for one gets from the other.

Each test runs with both modules; values are compared with numpy's, and what is the same by design is asserted once.
"""

import json
import pathlib
import pickle
import threading

import numpy as np
import pytest
from built_package import use_built_package

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
use_built_package()

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import cycloid  # noqa: E402


@pytest.fixture(params=[onnxruntime, cycloid], ids=["onnxruntime", "cycloid"])
def rt(request):
    return request.param


def tensor(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(nodes, inputs, outputs, initializers=(), ml=False):
    graph = helper.make_graph(nodes, "the graph", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 21)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="the test")
    model.model_version, model.domain, model.doc_string = 7, "org.example", "what it is"
    model.metadata_props.add(key="author", value="someone")
    onnx.checker.check_model(model)
    return model


W = np.random.default_rng(0).standard_normal((8, 4), dtype=np.float32)
X = np.random.default_rng(1).standard_normal((3, 8), dtype=np.float32)
# A sum of 8 products of numbers below 4 in float32.
ATOL = 9 * 2.0**-24 * 8 * 16


def product(x):
    return np.maximum(x.astype(np.float64) @ W, 0)


@pytest.fixture(scope="module")
def layer():
    """y = relu(t), t = x @ w."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["t"], name="mm"), helper.make_node("Relu", ["t"], ["y"], name="r")]
    inputs = [tensor("x", TensorProto.FLOAT, ["batch", 8])]
    outputs = [tensor("y", TensorProto.FLOAT, ["batch", 4]), tensor("t", TensorProto.FLOAT, ["batch", 4])]
    return model_of(nodes, inputs, outputs, [numpy_helper.from_array(W, "w")]).SerializeToString()


@pytest.fixture
def path(layer, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(layer)
    return str(file)


def session_of(rt, model, **options):
    sess_options = rt.SessionOptions()
    for name, value in options.items():
        setattr(sess_options, name, value)
    return rt.InferenceSession(model, sess_options, providers=["CPUExecutionProvider"])


def test_opens_paths_and_bytes(rt, path, layer):
    for model in (path, pathlib.Path(path), layer):
        session = session_of(rt, model)
        np.testing.assert_allclose(session.run(None, {"x": X})[0], product(X), rtol=0, atol=ATOL)


def test_describes_inputs_and_outputs(rt, layer):
    session = session_of(rt, layer)
    assert [(i.name, i.shape, i.type) for i in session.get_inputs()] == [("x", ["batch", 8], "tensor(float)")]
    assert [(o.name, o.shape, o.type) for o in session.get_outputs()] == [
        ("y", ["batch", 4], "tensor(float)"),
        ("t", ["batch", 4], "tensor(float)"),
    ]
    assert session.get_overridable_initializers() == []


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (TensorProto.FLOAT, "tensor(float)"), (TensorProto.DOUBLE, "tensor(double)"),
        (TensorProto.FLOAT16, "tensor(float16)"), (TensorProto.BFLOAT16, "tensor(bfloat16)"),
        (TensorProto.INT64, "tensor(int64)"), (TensorProto.UINT8, "tensor(uint8)"), (TensorProto.BOOL, "tensor(bool)"),
        (TensorProto.STRING, "tensor(string)"), (TensorProto.FLOAT8E4M3FN, "tensor(float8e4m3fn)"),
    ],
)  # fmt: skip
def test_names_of_types(rt, dtype, name):
    node = helper.make_node("Identity", ["x"], ["y"])
    model = model_of([node], [tensor("x", dtype, [2, None])], [tensor("y", dtype, [2, None])])
    [info] = session_of(rt, model.SerializeToString()).get_inputs()
    assert (info.type, info.shape) == (name, [2, None])


def test_scalars_have_no_sizes(rt):
    node = helper.make_node("Neg", ["x"], ["y"])
    model = model_of([node], [tensor("x", TensorProto.FLOAT, [])], [tensor("y", TensorProto.FLOAT, [])])
    session = session_of(rt, model.SerializeToString())
    assert session.get_inputs()[0].shape == []
    [y] = session.run(None, {"x": np.array(2, np.float32)})
    assert np.shape(y) == () and y == -2


def test_which_outputs(rt, layer):
    session = session_of(rt, layer)
    y, t = session.run(None, {"x": X})
    for names, wanted in ((["t"], [t]), (["t", "y"], [t, y]), ([], [y, t]), (("y",), [y])):
        outputs = session.run(names, {"x": X})
        assert len(outputs) == len(wanted)
        assert all(np.array_equal(a, b) for a, b in zip(outputs, wanted, strict=True))


def test_kinds_of_arrays(rt, layer):
    session = session_of(rt, layer)
    for x in (np.asfortranarray(X), X[::-1], np.repeat(X, 2, axis=0)[::2], X.tolist()):
        wanted = product(np.array(x, dtype=np.float32))
        np.testing.assert_allclose(session.run(["y"], {"x": x})[0], wanted, rtol=0, atol=ATOL)
    assert session.run(["y"], {"x": X[:0]})[0].shape == (0, 4)


def test_wrong_feeds_are_exceptions(rt, layer):
    session = session_of(rt, layer)
    with pytest.raises(ValueError, match="x"):
        session.run(None, {})
    wrong = [
        {"x": X, "z": X}, {"x": X.astype(np.float64)}, {"x": X[:, :7]}, {"x": X[0]}, {"x": "text"}, {"x": None},
    ]  # fmt: skip
    for feed in wrong:
        with pytest.raises(Exception, match="."):
            session.run(None, feed)
    with pytest.raises(Exception, match="nothing"):
        session.run(["nothing"], {"x": X})
    assert session.run(["y"], {"x": X})[0].shape == (3, 4)  # it still works


def test_wrong_models_are_exceptions(rt, tmp_path):
    with pytest.raises(Exception, match="nowhere.onnx"):
        rt.InferenceSession(str(tmp_path / "nowhere.onnx"), providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="."):
        rt.InferenceSession(b"no model", providers=["CPUExecutionProvider"])
    with pytest.raises((TypeError, ValueError), match="."):
        rt.InferenceSession(None, providers=["CPUExecutionProvider"])


def test_metadata(rt, layer):
    meta = session_of(rt, layer).get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.domain, meta.version) == (
        "the test",
        "the graph",
        "org.example",
        7,
    )
    assert (meta.description, meta.custom_metadata_map) == ("what it is", {"author": "someone"})


def test_providers(rt, layer):
    assert "CPUExecutionProvider" in rt.get_available_providers() and rt.get_device() == "CPU"
    for providers in (["CPUExecutionProvider"], [("CPUExecutionProvider", {})]):
        session = rt.InferenceSession(layer, providers=providers)
        assert session.get_providers() == ["CPUExecutionProvider"]
        assert "CPUExecutionProvider" in session.get_provider_options()
    session.set_providers(["CPUExecutionProvider"])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        rt.InferenceSession(layer, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])


def test_options(rt, layer):
    options = rt.SessionOptions()
    options.intra_op_num_threads = 2
    options.inter_op_num_threads = 1
    options.execution_mode = rt.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = rt.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = options.enable_cpu_mem_arena = options.enable_mem_reuse = False
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    options.logid = "mine"
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    assert options.get_session_config_entry("session.set_denormal_as_zero") == "1"
    options.add_free_dimension_override_by_name("batch", 3)
    with pytest.raises(AttributeError):
        options.no_such_option = 1
    session = rt.InferenceSession(layer, sess_options=options, providers=["CPUExecutionProvider"])
    assert session.get_session_options().intra_op_num_threads == 2
    assert session.get_inputs()[0].shape == [3, 8]
    run_options = rt.RunOptions()
    run_options.log_severity_level = 3
    np.testing.assert_allclose(session.run(["y"], {"x": X}, run_options)[0], product(X), rtol=0, atol=ATOL)
    with pytest.raises(Exception, match="."):
        session.run(None, {"x": X[:2]})


def test_optimized_model_file(rt, layer, tmp_path):
    file = tmp_path / "optimized.onnx"
    session_of(rt, layer, optimized_model_filepath=str(file))
    onnx.checker.check_model(str(file))
    again = session_of(rt, str(file))
    np.testing.assert_allclose(again.run(["y"], {"x": X})[0], product(X), rtol=0, atol=ATOL)


def test_profiling(rt, layer, tmp_path):
    prefix = str(tmp_path / "profile")
    session = session_of(rt, layer, enable_profiling=True, profile_file_prefix=prefix, intra_op_num_threads=1)
    for _ in range(3):
        session.run(None, {"x": X})
    assert session.get_profiling_start_time_ns() > 0
    file = session.end_profiling()
    assert file.startswith(prefix) and file.endswith(".json")
    events = json.loads(pathlib.Path(file).read_text())
    assert isinstance(events, list) and all({"cat", "name", "ph", "ts", "dur", "args"} <= set(e) for e in events)
    runs = [e for e in events if e["cat"] == "Session" and e["name"] == "model_run"]
    nodes = [e for e in events if e["cat"] == "Node" and e["name"].endswith("_kernel_time")]
    assert len(runs) == 3
    assert len(nodes) >= 3 and len(nodes) % 3 == 0
    assert "MatMul" in {op for e in nodes for op in e["args"]["op_name"].split("+")}
    assert all(e["args"]["provider"] == "CPUExecutionProvider" and e["dur"] >= 0 for e in nodes)
    for run in runs:  # each run holds what it computed
        inside = [e for e in nodes if run["ts"] <= e["ts"] and e["ts"] + e["dur"] <= run["ts"] + run["dur"] + 1]
        assert len(inside) == len(nodes) // 3


def test_no_profile_unless_asked(rt, layer):
    assert session_of(rt, layer).end_profiling() == ""


def test_binding_arrays(rt, layer):
    session = session_of(rt, layer)
    binding = session.io_binding()
    binding.bind_cpu_input("x", X)
    binding.bind_output("y")
    binding.bind_output("t", "cpu")
    session.run_with_iobinding(binding)
    y, t = binding.copy_outputs_to_cpu()
    np.testing.assert_allclose(y, product(X), rtol=0, atol=ATOL)
    assert np.array_equal(np.maximum(t, 0), y)
    first, _ = binding.get_outputs()
    assert np.array_equal(first.numpy(), y) and first.shape() == [3, 4] and first.data_type() == "tensor(float)"
    with pytest.raises(Exception, match="nothing"):
        binding.bind_cpu_input("nothing", X)


def test_binding_memory(rt, layer):
    session = session_of(rt, layer)
    x, y = X.copy(), np.full((3, 4), np.nan, np.float32)
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
    for factor in (1, -2):
        x[:] = factor * X  # the memory is read anew by each run
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(y, product(x), rtol=0, atol=4 * ATOL)
    binding.clear_binding_inputs()
    binding.clear_binding_outputs()
    with pytest.raises(Exception, match="."):
        session.run_with_iobinding(binding)


def test_binding_torch_memory(rt, layer):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    session = session_of(rt, layer)
    x, y = torch.from_numpy(X.copy()), torch.empty(3, 4)
    binding = session.io_binding()
    binding.bind_input(
        name="x", device_type="cpu", device_id=0, element_type=np.float32, shape=tuple(x.shape), buffer_ptr=x.data_ptr()
    )
    binding.bind_output(
        name="y", device_type="cpu", device_id=0, element_type=np.float32, shape=tuple(y.shape), buffer_ptr=y.data_ptr()
    )
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(y.numpy(), product(X), rtol=0, atol=ATOL)


def test_values_with_types(rt, layer):
    session = session_of(rt, layer)
    x = rt.OrtValue.ortvalue_from_numpy(X.copy())
    assert (x.shape(), x.data_type(), x.device_name(), x.has_value(), x.is_tensor()) == (
        [3, 8], "tensor(float)", "cpu", True, True,
    )  # fmt: skip
    y = rt.OrtValue.ortvalue_from_shape_and_type([3, 4], np.float32, "cpu", 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(y.numpy(), product(X), rtol=0, atol=ATOL)
    x.update_inplace(-X)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(y.numpy(), product(-X), rtol=0, atol=ATOL)
    [again] = session.run_with_ort_values(["y"], {"x": x})
    assert np.array_equal(again.numpy(), y.numpy())
    [plain] = session.run(["y"], {"x": x})
    assert np.array_equal(plain, y.numpy())


def test_run_async(rt, layer):
    session = session_of(rt, layer, intra_op_num_threads=2)  # onnxruntime needs a pool for it
    done, found = threading.Event(), []

    def callback(results, user_data, error):
        found.append((results, user_data, error))
        done.set()

    session.run_async(["y"], {"x": X}, callback, "mine")
    assert done.wait(60)
    [(results, user_data, error)] = found
    assert (user_data, error) == ("mine", "")
    np.testing.assert_allclose(results[0], product(X), rtol=0, atol=ATOL)


def test_strings_and_sequences(rt):
    strings = model_of(
        [helper.make_node("Identity", ["x"], ["y"])],
        [tensor("x", TensorProto.STRING, [None])],
        [tensor("y", TensorProto.STRING, [None])],
    )
    session = session_of(rt, strings.SerializeToString())
    for x in (np.array(["a", "żółw", ""], dtype=object), np.array(["a", "bc"])):
        [y] = session.run(None, {"x": x})
        assert y.dtype == object and y.tolist() == x.tolist()
    split = model_of(
        [helper.make_node("SplitToSequence", ["x"], ["s"], axis=0, keepdims=0)],
        [tensor("x", TensorProto.FLOAT, [None, 8])],
        [helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [8])],
    )
    session = session_of(rt, split.SerializeToString())
    assert session.get_outputs()[0].type == "seq(tensor(float))"
    [parts] = session.run(None, {"x": X})
    assert isinstance(parts, list) and len(parts) == 3
    assert all(np.array_equal(part, row) for part, row in zip(parts, X, strict=True))


def test_maps(rt):
    pair = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    model = model_of(
        [helper.make_node("ZipMap", ["x"], ["m"], domain="ai.onnx.ml", classlabels_int64s=[5, 7])],
        [tensor("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_value_info("m", helper.make_sequence_type_proto(pair))],
        ml=True,
    )
    session = session_of(rt, model.SerializeToString())
    assert session.get_outputs()[0].type == "seq(map(int64,tensor(float)))"
    [maps] = session.run(None, {"x": np.array([[1, 2], [3, 4]], np.float32)})
    assert maps == [{5: 1.0, 7: 2.0}, {5: 3.0, 7: 4.0}]


def test_many_threads(rt, layer):
    session = session_of(rt, layer, intra_op_num_threads=1)
    wrong = []

    def work(seed):
        for batch in range(1, 20):
            x = np.random.default_rng((seed, batch)).standard_normal((batch, 8), dtype=np.float32)
            if not np.allclose(session.run(["y"], {"x": x})[0], product(x), rtol=0, atol=ATOL):
                wrong.append((seed, batch))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- what cycloid has beside


def test_sessions_pickle_by_path_with_their_options(path):
    options = cycloid.SessionOptions(intra_op_num_threads=1)
    options.add_free_dimension_override_by_name("batch", 3)
    data = pickle.dumps(cycloid.InferenceSession(path, options))
    assert path.encode() in data and len(data) < 2000
    again = pickle.loads(data)
    assert again.get_inputs()[0].shape == [3, 8] and again.get_session_options().intra_op_num_threads == 1


def test_dlpack_tensors_are_not_copied(layer):
    """The memory that the run reads and writes is the tensor's own: what changes there is seen, without a new bind."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    session = cycloid.InferenceSession(layer)
    x, y = torch.from_numpy(X.copy()), torch.zeros(3, 4)
    addresses = x.data_ptr(), y.data_ptr()
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", y)
    for factor in (1.0, -1.0, 3.0):
        x.copy_(torch.from_numpy(factor * X))
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(y.numpy(), product(factor * X), rtol=0, atol=4 * ATOL)
    assert addresses == (x.data_ptr(), y.data_ptr())
    assert binding.get_outputs()[0].value is y
    # Outputs share the library's memory too: an array that does not own its bytes.
    [result] = session.run(["y"], {"x": x})
    assert not result.flags.owndata and result.flags.writeable
    shared = torch.from_dlpack(result)
    shared[0, 0] = 42
    assert result[0, 0] == 42


def test_an_identity_gives_no_view_of_the_input():
    """Nothing that a caller does to an output reaches an input."""
    node = helper.make_node("Identity", ["x"], ["y"])
    model = model_of([node], [tensor("x", TensorProto.FLOAT, [3])], [tensor("y", TensorProto.FLOAT, [3])])
    x = np.ones(3, np.float32)
    [y] = cycloid.InferenceSession(model).run(None, {"x": x})
    y[:] = 5
    assert x.tolist() == [1, 1, 1]


def test_what_cannot_be_done_says_so():
    options = cycloid.SessionOptions()
    with pytest.raises(NotImplementedError, match="operators of others"):
        options.register_custom_ops_library("custom.so")
    with pytest.raises(NotImplementedError, match="'w'.*in the model"):
        options.add_initializer("w", None)
    with pytest.raises(ValueError, match="'cuda' is out of reach"):
        cycloid.OrtValue.ortvalue_from_numpy(X, "cuda", 0)


def test_optimised_at_load(layer):
    plain = cycloid.InferenceSession(layer)
    optimized = cycloid.InferenceSession(layer, cycloid.SessionOptions(optimize=True))
    for a, b in zip(plain.run(None, {"x": X}), optimized.run(None, {"x": X}), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=ATOL)


def test_calls_of_scripts(rt, layer):
    """What scripts in the style of onnxruntime's documentation call beside running."""
    value = rt.OrtValue.ortvalue_from_numpy(X)
    assert value.element_type() == TensorProto.FLOAT
    half = rt.OrtValue.ortvalue_from_numpy_with_onnx_type(X.astype(np.float16), TensorProto.FLOAT16)
    assert (half.data_type(), half.shape(), half.element_type()) == ("tensor(float16)", [3, 8], TensorProto.FLOAT16)
    assert rt.OrtValue.ortvalue_from_shape_and_type([2], TensorProto.INT64).data_type() == "tensor(int64)"
    session = session_of(rt, layer)
    binding = session.io_binding()
    binding.bind_cpu_input("x", X)
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    assert len(binding.get_outputs_as_ortvaluevector()) == 1
    rt.set_seed(1)
    rt.disable_telemetry_events()
    assert isinstance(rt.get_build_info(), str)
    assert rt.SessionOptions().has_providers() is False


def test_terminate(rt, layer):
    session, options = session_of(rt, layer), rt.RunOptions()
    options.terminate = True
    with pytest.raises(Exception, match="(?i)terminate"):
        session.run(None, {"x": X}, options)
    options.terminate = False
    assert session.run(["y"], {"x": X}, run_options=options)[0].shape == (3, 4)


def overridable(ir_version=10):
    """y = x @ w + b, where w and b are initializers, and inputs too; w of any number of columns."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["t"]), helper.make_node("Add", ["t", "b"], ["y"])]
    inputs = [
        tensor("x", TensorProto.FLOAT, ["batch", 8]),
        tensor("w", TensorProto.FLOAT, [8, "columns"]),
        tensor("b", TensorProto.FLOAT, [1]),
    ]
    initializers = [numpy_helper.from_array(W, "w"), numpy_helper.from_array(np.ones(1, np.float32), "b")]
    model = model_of(nodes, inputs, [tensor("y", TensorProto.FLOAT, ["batch", None])], initializers)
    model.ir_version = ir_version
    return model.SerializeToString()


def test_initializers_are_overridden(rt):
    session = session_of(rt, overridable())
    assert [i.name for i in session.get_inputs()] == ["x"]
    assert [(i.name, i.type, i.shape) for i in session.get_overridable_initializers()] == [
        ("w", "tensor(float)", [8, "columns"]), ("b", "tensor(float)", [1]),
    ]  # fmt: skip
    other, b = np.ascontiguousarray(W[:, ::-1]), np.array([-2], np.float32)
    wide = np.concatenate([W, W], 1)
    for given, expected in [
        ({}, X @ W + 1),
        ({"w": other}, X @ other + 1),
        ({"b": b}, X @ W - 2),
        ({"w": wide, "b": b}, X @ wide - 2),
        ({"w": other}, X @ other + 1),
        ({}, X @ W + 1),
    ]:
        [y] = session.run(["y"], {"x": X, **given})
        np.testing.assert_allclose(y, expected, rtol=0, atol=ATOL)
    if rt is cycloid:  # onnxruntime binds inputs only
        binding = session.io_binding()
        binding.bind_cpu_input("x", X)
        binding.bind_cpu_input("w", other)
        y = np.empty((3, 4), np.float32)
        binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(y, X @ other + 1, rtol=0, atol=ATOL)
    with pytest.raises(Exception, match="(?i)w|dimension"):
        session.run(None, {"x": X, "w": W[:5]})


def test_initializers_of_old_models_are_not_overridden(rt):
    """Before IR version 4 an initializer had to be an input, which says nothing."""
    session = session_of(rt, overridable(ir_version=3))
    assert session.get_overridable_initializers() == []
    with pytest.raises(Exception, match="w"):
        session.run(None, {"x": X, "w": W})
