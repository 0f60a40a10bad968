"""Every shared model is inspected, and runs natively or is declined with a line that names the operator and its node.

A model that runs gives ONNX Runtime's shapes, dtypes and numbers, on the shapes that it was collected with and, where its
inputs have open sizes, on two more.
"""

import csv
import functools
import json
import re
import sys

import pytest
from conftest import BINARY_DIR, MODELS_DIR

numpy = pytest.importorskip("numpy")

MANIFEST = MODELS_DIR / "MANIFEST.tsv"
MODELS = list(csv.DictReader(MANIFEST.open(), delimiter="\t")) if MANIFEST.is_file() else []
# "node 'conv1' (Conv)": how messages name a node and its operator (describe() in src/graph/graph.h).
NAMES_NODE = re.compile(r"node '.+' \([\w.]+\)")

if not MODELS:
    pytest.skip(f"the shared models are not at {MODELS_DIR}", allow_module_level=True)

# Other sizes for inputs that have open ones: {model: (sizes, sizes)}.
MORE_SHAPES = {
    "silero_vad": tuple({"input": [n, 576], "state": [2, n, 128], "sr": []} for n in (2, 5)),
    "voicefilter_lite_int8": tuple(
        {"stacked_logmel": [n, t, 512], "dvec": [n, 256], "h0": [3, n, 512], "c0": [3, n, 512]}
        for n, t in ((2, 13), (1, 41))
    ),
    "minifasnet_v2_antispoof": ({"input": [2, 3, 80, 80]}, {"input": [5, 3, 80, 80]}),
    "yunet_n_dynamic": ({"input": [1, 3, 160, 224]}, {"input": [2, 3, 64, 96]}),
    "fraud_mlp_rhai": ({"dense_input": [1, 5]}, {"dense_input": [7, 5]}),
    "fraud_partho": ({"float_input": [1, 14]}, {"float_input": [333, 14]}),
    "neustack_anomaly_ae": ({"input": [1, 8]}, {"input": [5, 8]}),
    "sirio_xgb_liquidation": ({"input": [1, 37]}, {"input": [333, 37]}),
    "tract_lgbm_regressor": ({"input": [1, 13]}, {"input": [333, 13]}),
    "tract_xgb_classifier": ({"input": [1, 13]}, {"input": [333, 13]}),
    "magika_v3_3": ({"bytes": [2, 2048]}, {"bytes": [3, 2048]}),
    "minilm_l6_int8": tuple(
        {name: [n, t] for name in ("input_ids", "attention_mask", "token_type_ids")} for n, t in ((2, 7), (1, 45))
    ),
    "ortx_super_resolution": ({"input": [2, 1, 224, 224]}, {"input": [3, 1, 224, 224]}),
    "ppocr_v4_det": ({"x": [1, 3, 64, 96]}, {"x": [2, 3, 96, 160]}),
    "smart_turn_v3_int8": ({"input_features": [2, 80, 800]}, {"input_features": [3, 80, 800]}),
    "super_resolution_10": ({"input": [2, 1, 224, 224]}, {"input": [3, 1, 224, 224]}),
    "tract_byte_sb_bidi_lstm": ({"input": [2, 9]}, {"input": [1, 130]}),
    "tract_kaldi_qlstm": ({"input": [60, 3]}, {"input": [33, 3]}),
    "crypto_lstm": ({"input": [2, 15, 20]}, {"input": [5, 15, 20]}),
    "neustack_bandwidth_lstm": ({"input": [2, 30, 3]}, {"input": [5, 30, 3]}),
    "tinytimemixer": ({"past_values": [2, 512, 7]}, {"past_values": [3, 512, 7]}),
}

each_model = pytest.mark.parametrize("model", MODELS, ids=[model["name"] for model in MODELS])


def values(rng, dtype, shape, asked):
    if asked is not None and not isinstance(asked, list):
        return numpy.full(shape, asked, dtype)
    if asked is not None:
        return rng.integers(*asked, size=shape).astype(dtype)
    if numpy.issubdtype(numpy.dtype(dtype), numpy.floating):
        return rng.random(shape).astype(dtype)
    return numpy.zeros(shape, dtype)


def inputs_of(model, shapes=None):
    """Inputs as the model was run with when it was collected, drawn anew from a fixed seed; of `shapes` where given."""
    ranges = json.loads((MODELS_DIR / "run_shapes.json").read_text()).get(model["name"], {})
    rng = numpy.random.default_rng(7)
    made = {}
    for name, (dtype, shape) in json.loads(model["inputs_run"]).items():
        said = ranges.get(name)
        shape = shape if shapes is None else shapes[name]
        made[name] = values(rng, dtype, shape, said.get("v") if isinstance(said, dict) else None)
    return made


@functools.cache
def ort_session(path, optimized):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def reference(path, inputs, optimized=False):
    session = ort_session(path, optimized)
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))


def is_quantized(model):
    return any(word in op for op in json.loads(model["op_histogram"]) for word in ("Quantize", "Integer", "QLinear"))


def moved(rng, value):
    """The input with each number moved by as much as its rounding."""
    if not numpy.issubdtype(value.dtype, numpy.floating):
        return value
    step = numpy.finfo(value.dtype).eps * rng.choice([-1, 1], value.shape)
    return (value * (1 + step)).astype(value.dtype)


def allowances(model, path, inputs, expected):
    """{output: largest error} of outputs of real numbers."""
    rng = numpy.random.default_rng(8)
    others = []
    if is_quantized(model):
        # A rounding step turns a last bit into a whole step of the quantisation, and those behind it turn this into more.
        # How far that goes the model shows by itself: with inputs moved by their rounding, and with its products fused.
        others = [reference(path, {name: moved(rng, value) for name, value in inputs.items()}) for _ in range(4)]
        others.append(reference(path, inputs, optimized=True))
    allowed = {}
    for name, want in expected.items():
        if not numpy.issubdtype(want.dtype, numpy.floating):
            continue
        # Rounding of each layer at the scale of its largest value, over at most 2^8 layers and sums of up to 2^12 terms
        # whose errors grow with the square root of their number: 2^8 * 2^6 * eps = 2e-3.
        # A Sigmoid or Softmax makes its logits' absolute error, at the logits' scale |log y|, a relative error of y.
        largest = max(1e-30, abs(want).max(initial=0))
        allowed[name] = 2**14 * numpy.finfo(want.dtype).eps * largest * max(1, abs(numpy.log(largest)))
        spread = max((abs(other[name] - want).max(initial=0) for other in others), default=0)
        # A model of 8 bits has no finer steps than 1/255 of its range, whether or not a sample shows one of them.
        allowed[name] += max(4 * spread, largest / 255) if others else 0
        if "Sigmoid" in json.loads(model["op_histogram"]):
            allowed[name] += (
                4 * numpy.finfo(want.dtype).eps
            )  # ONNX Runtime's is accurate to some eps of 1, not of its value
    return allowed


def compare(model, path, inputs, expected, outputs):
    """Both are {name: array}."""
    allowed = allowances(model, path, inputs, expected)
    for name, want in expected.items():
        got = outputs[name]
        assert got.dtype == want.dtype and got.shape == want.shape, name
        if name in allowed:
            error = abs(got - want).max(initial=0)
            assert error <= allowed[name], f"{name}: off by {error:.3g}, allowed {allowed[name]:.3g}"
        elif not is_quantized(model):
            assert numpy.array_equal(got, want), name


@each_model
def test_inspect_shows_the_model(cycloid, model):
    done = cycloid("inspect", MODELS_DIR / f"{model['name']}.onnx", "--json")
    if done.returncode != 0:
        assert NAMES_NODE.search(done.stderr), done.stderr
    report = json.loads(done.stdout)
    # The manifest's histogram is of the main graph; the file's own count has subgraphs too.
    for operator, count in json.loads(model["op_histogram"]).items():
        assert report["file_operators"].get(operator.replace(":", "."), 0) >= count, operator
    assert {value["name"] for value in report["inputs"]} == set(json.loads(model["inputs_declared"]))


@each_model
def test_the_model_runs_or_is_declined_by_operator_and_node(cycloid, model, tmp_path):
    path = MODELS_DIR / f"{model['name']}.onnx"
    inputs = inputs_of(model)
    arguments = []
    for index, (name, value) in enumerate(inputs.items()):
        numpy.save(tmp_path / f"{index}.npy", value)
        arguments += ["--input-data", f"{name}={tmp_path / f'{index}.npy'}"]
    out = tmp_path / "out"
    done = cycloid("run", path, "--backend", "cycloid", *arguments, "--output-dir", out, timeout=300)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("cycloid: error: "), done.stderr
        assert NAMES_NODE.search(lines[0]) or "which is no tensor" in lines[0], lines[0]
        assert not out.exists()
        pytest.skip(lines[0])

    expected = {name: value for name, value in reference(path, inputs).items() if isinstance(value, numpy.ndarray)}
    written = dict(re.findall(r"^(\S+) \S+ -> (.+\.npy)$", done.stdout, re.MULTILINE))
    assert written.keys() >= expected.keys()
    compare(
        model, path, inputs, expected, {name: numpy.load(file) for name, file in written.items() if name in expected}
    )


def has_open_sizes(model):
    return any(
        not isinstance(size, int) for _, shape in json.loads(model["inputs_declared"]).values() for size in shape
    )


def test_each_model_with_open_sizes_has_more_shapes():
    assert {model["name"] for model in MODELS if has_open_sizes(model)} == set(MORE_SHAPES)
    assert all(len(shapes) == 2 for shapes in MORE_SHAPES.values())


@pytest.mark.parametrize("which", (0, 1))
@pytest.mark.parametrize("model", [m for m in MODELS if has_open_sizes(m)], ids=lambda model: model["name"])
def test_the_model_runs_on_more_shapes(model, which):
    if not list((BINARY_DIR / "python").glob("cycloid/_native*.so")):
        pytest.skip("the Python module is not built")
    sys.path.insert(0, str(BINARY_DIR / "python"))
    from cycloid import InferenceSession

    path = MODELS_DIR / f"{model['name']}.onnx"
    inputs = inputs_of(model, MORE_SHAPES[model["name"]][which])
    session = InferenceSession(path)
    outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))
    expected = {name: value for name, value in reference(path, inputs).items() if isinstance(value, numpy.ndarray)}
    compare(model, path, inputs, expected, outputs)


def test_an_operator_that_onnx_does_not_have_is_declined(cycloid, tmp_path):
    """The file uses Erfc. Another operator may be named, where this build lacks one that comes before it."""
    model = MODELS_DIR / "invalid" / "quant_deeptrans.onnx"
    done = cycloid("inspect", model, "--json")
    assert done.returncode == 1 and NAMES_NODE.search(done.stderr), done.stderr
    assert json.loads(done.stdout)["file_operators"]["Erfc"] > 0
    done = cycloid("run", model, "--backend", "cycloid", "--output-dir", tmp_path / "out")
    assert done.returncode != 0 and NAMES_NODE.search(done.stderr), done.stderr
    assert not (tmp_path / "out").exists()
