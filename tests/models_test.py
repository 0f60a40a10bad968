"""Every shared model is inspected, and runs natively or is declined with a line that names the operator and its node.

A model that runs gives ONNX Runtime's shapes, dtypes and (where its arithmetic is floating-point) numbers.
"""

import csv
import json
import re

import pytest
from conftest import MODELS_DIR

numpy = pytest.importorskip("numpy")

MANIFEST = MODELS_DIR / "MANIFEST.tsv"
MODELS = list(csv.DictReader(MANIFEST.open(), delimiter="\t")) if MANIFEST.is_file() else []
# "node 'conv1' (Conv)": how messages name a node and its operator (describe() in src/graph/graph.h).
NAMES_NODE = re.compile(r"node '.+' \([\w.]+\)")

if not MODELS:
    pytest.skip(f"the shared models are not at {MODELS_DIR}", allow_module_level=True)

each_model = pytest.mark.parametrize("model", MODELS, ids=[model["name"] for model in MODELS])


def values(rng, dtype, shape, asked):
    if asked is not None and not isinstance(asked, list):
        return numpy.full(shape, asked, dtype)
    if asked is not None:
        return rng.integers(*asked, size=shape).astype(dtype)
    if numpy.issubdtype(numpy.dtype(dtype), numpy.floating):
        return rng.random(shape).astype(dtype)
    return numpy.zeros(shape, dtype)


def inputs_of(model):
    """The inputs that the model was run with when it was collected, drawn anew from a fixed seed."""
    ranges = json.loads((MODELS_DIR / "run_shapes.json").read_text()).get(model["name"], {})
    rng = numpy.random.default_rng(7)
    made = {}
    for name, (dtype, shape) in json.loads(model["inputs_run"]).items():
        said = ranges.get(name)
        made[name] = values(rng, dtype, shape, said.get("v") if isinstance(said, dict) else None)
    return made


def reference(path, inputs):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))


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
    for name, want in expected.items():
        got = numpy.load(written[name])
        assert got.dtype == want.dtype and got.shape == want.shape, name
        quantized = any(
            "Quantize" in op or "Integer" in op or "QLinear" in op for op in json.loads(model["op_histogram"])
        )
        if not numpy.issubdtype(want.dtype, numpy.floating) or quantized:
            continue  # a rounding step turns a last bit into a whole step; the order of sums may differ
        # Rounding of each layer at the scale of its largest value, over at most 2^8 layers and sums of up to 2^12 terms
        # whose errors grow with the square root of their number: 2^8 * 2^6 * eps = 2e-3.
        # A Sigmoid or Softmax makes its logits' absolute error, at the logits' scale |log y|, a relative error of y.
        largest = max(1e-30, abs(want).max(initial=0))
        limit = 2**14 * numpy.finfo(want.dtype).eps * largest * max(1, abs(numpy.log(largest)))
        assert abs(got - want).max(initial=0) <= limit, name


def test_an_operator_that_onnx_does_not_have_is_declined(cycloid, tmp_path):
    """The file uses Erfc. Another operator may be named, where this build lacks one that comes before it."""
    model = MODELS_DIR / "invalid" / "quant_deeptrans.onnx"
    done = cycloid("inspect", model, "--json")
    assert done.returncode == 1 and NAMES_NODE.search(done.stderr), done.stderr
    assert json.loads(done.stdout)["file_operators"]["Erfc"] > 0
    done = cycloid("run", model, "--backend", "cycloid", "--output-dir", tmp_path / "out")
    assert done.returncode != 0 and NAMES_NODE.search(done.stderr), done.stderr
    assert not (tmp_path / "out").exists()
