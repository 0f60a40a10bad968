"""One suite for every backend: what backends/README.md promises. A backend owns only its exceptions, with reasons."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import CLI
from worker_driver import WorkerProcess

BACKENDS = ("pytorch", "torchscript", "torch-compile", "libtorch", "onnxruntime", "openvino", "cycloid")

# {(backend, test): why it does not apply}
EXCEPTIONS = {}

FORMS = {
    "pytorch": "python",
    "torchscript": "torchscript",
    "torch-compile": "python",
    "libtorch": "torchscript",
    "onnxruntime": "onnx",
    "openvino": "onnx",
    "cycloid": "onnx",
}

TINY = """
import torch
print("a model file that prints")
class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.linspace(-1, 1, 4))
    def forward(self, a, b):
        y = torch.relu(torch.matmul(a, b) + self.bias)
        return y, y.sum(dim=1)
def tiny():
    return Tiny()
def raises():
    raise ValueError("no weights here")
def not_a_module():
    return 3
"""


def reference(a, b):
    """In double, by numpy."""
    y = np.maximum(a.astype(np.float64) @ b.astype(np.float64) + np.linspace(-1, 1, 4), 0)
    return y, y.sum(axis=1)


def tolerance(a, b):
    """To first order, a K-term fp32 dot product, a bias and a 4-term sum err by at most (K + 1 + 3) eps sum|a||b|."""
    terms = a.shape[1] + 4
    return terms * np.finfo(np.float32).eps * ((np.abs(a) @ np.abs(b)).sum(axis=1).max() + 4)


def tiny_onnx(path, output_names=("y", "s")):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    y, s = output_names
    nodes = [
        helper.make_node("MatMul", ["a", "b"], ["ab"]),
        helper.make_node("Add", ["ab", "bias"], ["abb"]),
        helper.make_node("Relu", ["abb"], [y]),
        helper.make_node("MatMul", [y, "ones"], [s]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("a", ["n", 3]), ("b", [3, 4]))],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in ((y, ["n", 4]), (s, ["n"]))],
        [
            numpy_helper.from_array(np.linspace(-1, 1, 4).astype(np.float32), "bias"),
            numpy_helper.from_array(np.ones(4, np.float32), "ones"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Models:
    """The tiny model in every form, beside broken ones."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "tiny.py").write_text(TINY)
        self.good = {"python": f"{folder / 'tiny.py'}:tiny"}
        self.missing = {"python": f"{folder / 'absent.py'}:tiny"}
        self.broken = {"python": f"{folder / 'tiny.py'}:raises"}
        for form, suffix in (("onnx", "onnx"), ("torchscript", "pt")):
            self.good[form] = folder / f"tiny.{suffix}"
            self.missing[form] = folder / f"absent.{suffix}"
            self.broken[form] = folder / f"broken.{suffix}"
        if importlib.util.find_spec("onnx"):
            tiny_onnx(self.good["onnx"])
            self.broken["onnx"].write_bytes(self.good["onnx"].read_bytes()[:60])
        if importlib.util.find_spec("torch"):
            import torch

            spec = importlib.util.spec_from_file_location("tiny", folder / "tiny.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            torch.jit.script(module.tiny()).save(str(self.good["torchscript"]))
            self.broken["torchscript"].write_bytes(self.good["torchscript"].read_bytes()[:200])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return Models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def probes():
    listed = subprocess.run([str(CLI), "backends", "--json"], capture_output=True, text=True, timeout=120, check=True)
    return {b["name"]: b for b in json.loads(listed.stdout)["backends"]}


@pytest.fixture(params=BACKENDS)
def backend(request, probes):
    name = request.param
    reason = EXCEPTIONS.get((name, request.node.originalname))
    if reason:
        pytest.skip(reason)
    if not probes[name]["available"]:
        pytest.skip(f"{name}: {probes[name]['reason']}")
    return name


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """One process for each backend: it must live through every failed request of the suite."""
    processes = {}

    def get(name):
        if name not in processes:
            processes[name] = WorkerProcess(name, tmp_path_factory.mktemp(name))
        return processes[name]

    yield get
    for process in processes.values():
        process.close()


@pytest.fixture
def worker(backend, pool):
    return pool(backend)


@pytest.fixture
def fresh_worker(backend, tmp_path):
    process = WorkerProcess(backend, tmp_path)
    yield process
    process.close()


@pytest.fixture
def inputs():
    generator = np.random.default_rng(0)
    return {
        "a": generator.standard_normal((5, 3)).astype(np.float32),
        "b": generator.standard_normal((3, 4)).astype(np.float32),
    }


def load(worker, backend, models, inputs, **kwargs):
    form = FORMS[backend]
    return worker.load(models[form], form, inputs, **kwargs)


def assert_refused(reply, *words):
    assert reply["ok"] is False, reply
    assert reply["code"] in (
        "invalid argument",
        "not found",
        "invalid model",
        "unsupported",
        "unavailable",
        "resource exhausted",
        "failed",
    )
    assert "\n" not in reply["message"]
    assert reply["message"].strip()
    for word in words:
        assert word in reply["message"], reply["message"]


def assert_outputs_agree(outputs, inputs):
    y, s = reference(**inputs)
    limit = tolerance(**inputs)
    assert len(outputs) == 2
    for got, expected in zip(outputs.values(), (y, s), strict=True):
        assert got.dtype == np.float32
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= limit


@pytest.mark.parametrize("threads", (1, 2))
def test_runs_and_agrees_with_numpy(worker, backend, models, inputs, threads):
    reply = load(worker, backend, models.good, inputs, threads=threads)
    assert reply["ok"], reply
    assert reply["version"]
    assert reply["load_ms"] > 0
    assert reply["settings"]["threads"] == str(threads)
    assert all(isinstance(v, str) for v in reply["settings"].values())
    reply = worker.ask("run", loops=7)
    assert reply["ok"], reply
    assert len(reply["samples_ns"]) == 7
    assert all(isinstance(ns, int) and ns > 0 for ns in reply["samples_ns"])
    assert_outputs_agree(worker.outputs(), inputs)
    status = worker.ask("status")
    assert status["ok"]
    assert status["peak_rss_mb"] > 1


def test_takes_new_inputs_with_a_new_load(worker, backend, models, inputs):
    assert load(worker, backend, models.good, inputs)["ok"]
    assert worker.ask("run", loops=1)["ok"]
    other = {"a": -2 * inputs["a"][:2], "b": inputs["b"] + 1}
    assert load(worker, backend, models.good, other)["ok"]
    assert worker.ask("outputs", directory=".")["ok"] is False  # nothing has been run since
    assert worker.ask("run", loops=2)["ok"]
    assert_outputs_agree(worker.outputs(), other)


def test_refuses_a_missing_file_and_lives_on(worker, backend, models, inputs):
    assert_refused(load(worker, backend, models.missing, inputs), "absent")
    assert_refused(worker.ask("run", loops=1))
    assert load(worker, backend, models.good, inputs)["ok"]
    assert worker.ask("run", loops=1)["ok"]


def test_refuses_a_broken_model_and_lives_on(worker, backend, models, inputs):
    assert_refused(load(worker, backend, models.broken, inputs))
    assert load(worker, backend, models.good, inputs)["ok"]
    assert worker.ask("run", loops=1)["ok"]


@pytest.mark.parametrize(
    "change",
    (
        lambda i: {**i, "a": i["a"].astype(np.float64)},
        lambda i: {**i, "a": np.zeros((5, 4), np.float32)},
        lambda i: {"a": i["a"]},
        lambda i: {**i, "c": i["a"]},
    ),
    ids=("wrong dtype", "wrong shape", "missing input", "unknown input"),
)
def test_refuses_inputs_the_model_does_not_take(worker, backend, models, inputs, change):
    reply = load(worker, backend, models.good, change(inputs))
    if reply["ok"]:  # frameworks without declared types find out in the run
        reply = worker.ask("run", loops=1)
    assert_refused(reply)
    assert load(worker, backend, models.good, inputs)["ok"]
    assert worker.ask("run", loops=1)["ok"]


def test_refuses_an_unknown_option(worker, backend, models, inputs):
    reply = load(worker, backend, models.good, inputs, options={"speeed": "max"})
    assert_refused(reply, backend, "speeed")
    assert reply["code"] == "invalid argument"


def test_every_option_value_is_in_the_settings(worker, backend, models, inputs, probes):
    options = [o for o in probes[backend]["options"] if not o["name"].endswith("*")]
    reply = load(worker, backend, models.good, inputs)
    assert reply["ok"], reply
    for option in options:
        assert option["meaning"]
        assert option["name"] in reply["settings"]
    for option in (o for o in options if o["choices"]):
        assert option["default"] in option["choices"]
        assert_refused(load(worker, backend, models.good, inputs, options={option["name"]: "no such"}), option["name"])


@pytest.mark.parametrize(
    "line",
    (
        "{",
        "[]",
        "3",
        '{"op":"fly"}',
        '{"op":"run"}',
        '{"op":"run","loops":-1}',
        '{"op":"load","inputs":7}',
        '{"op":"load","threads":0}',
        '{"op":"outputs"}',
        '{"op":"load","form":"onnx","model":"x","inputs":[{"name":"a"}]}',
    ),
)
def test_answers_nonsense_with_an_error(worker, line):
    assert_refused(worker.send(line))
    assert worker.ask("status")["ok"]


def test_answers_before_a_load_and_quits(fresh_worker):
    assert_refused(fresh_worker.ask("run", loops=1))
    assert_refused(fresh_worker.ask("outputs", directory="."))
    assert fresh_worker.ask("quit") == {"ok": True}
    assert fresh_worker.process.wait(timeout=60) == 0


def test_ends_with_its_input(fresh_worker):
    fresh_worker.process.stdin.close()
    assert fresh_worker.process.wait(timeout=60) == 0


def list_backends(**environment):
    listed = subprocess.run(
        [str(CLI), "backends", "--json"], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert listed.returncode == 0, listed.stderr
    return {b["name"]: b for b in json.loads(listed.stdout)["backends"]}


def test_says_why_a_backend_is_not_available(tmp_path):
    without_python = list_backends(CYCLOID_PYTHON=str(tmp_path / "no-python"), CYCLOID_ONNXRUNTIME="")
    for name in ("pytorch", "torchscript", "torch-compile", "onnxruntime"):
        assert not without_python[name]["available"]
        assert "no-python" in without_python[name]["reason"]
    assert without_python["cycloid"]["available"]
    assert without_python["noise"]["available"]

    # A Python that has no packages: the command that would help is named.
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    without_packages = list_backends(CYCLOID_PYTHON=str(bare), CYCLOID_ONNXRUNTIME="")
    assert "onnxruntime" in without_packages["onnxruntime"]["reason"]
    assert "pip install onnxruntime" in without_packages["onnxruntime"]["remedy"]

    text_file = tmp_path / "libonnxruntime.so"
    text_file.write_text("no library")
    for path, word in ((tmp_path / "absent.so", "absent.so"), (text_file, "libonnxruntime.so")):
        broken = list_backends(CYCLOID_ONNXRUNTIME=str(path))
        assert not broken["onnxruntime"]["available"]
        assert word in broken["onnxruntime"]["reason"]


def test_refuses_a_provider_that_is_not_there(pool, probes, models, inputs):
    if not probes["onnxruntime"]["available"]:
        pytest.skip(probes["onnxruntime"]["reason"])
    worker = pool("onnxruntime")
    reply = load(worker, "onnxruntime", models.good, inputs, options={"providers": "Abacus,CPU"})
    assert_refused(reply, "Abacus", "CPUExecutionProvider")
    assert reply["code"] == "unavailable"
    options = {
        "providers": "CPUExecutionProvider",
        "session.intra_op.allow_spinning": "0",
        "execution_mode": "parallel",
    }
    reply = load(worker, "onnxruntime", models.good, inputs, options=options)
    assert reply["ok"], reply
    assert reply["settings"]["session.intra_op.allow_spinning"] == "0"


@pytest.mark.parametrize("backend", ("onnxruntime", "openvino", "cycloid"))
def test_output_names_are_no_paths(backend, probes, inputs, tmp_path):
    if not probes[backend]["available"]:
        pytest.skip(probes[backend]["reason"])
    tiny_onnx(tmp_path / "hostile.onnx", output_names=("../../x", ".._.._x"))
    worker = WorkerProcess(backend, tmp_path)
    assert worker.load(tmp_path / "hostile.onnx", "onnx", inputs)["ok"]
    assert worker.ask("run", loops=1)["ok"]
    assert_outputs_agree(worker.outputs(), inputs)
    worker.close()
