"""`cycloid bench` from the outside: what it writes, its gates and exit codes, and one clear line for every wrong command line."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from conftest import CLI, SOURCE_DIR

QUICK = ["--loops", "40", "--rounds", "8", "--warmup", "2", "--threads", "1"]


@pytest.fixture(scope="module")
def mnist(models_dir):
    return models_dir / "mnist_8.onnx"


@pytest.fixture(scope="module")
def backends(cycloid):
    listed = json.loads(cycloid("backends", "--json").stdout)
    listed = listed["backends"] if isinstance(listed, dict) else listed
    return {entry["name"]: entry for entry in listed}


@pytest.fixture(scope="module")
def runner(backends):
    """A backend that takes .onnx and is there."""
    for name in ("onnxruntime", "openvino", "cycloid"):
        if backends.get(name, {}).get("available"):
            return name
    pytest.skip("no backend that reads .onnx is available")


def one_line_error(process, code=2):
    assert process.returncode == code, process.stderr
    lines = process.stderr.strip().splitlines()
    assert len(lines) == 1, process.stderr
    assert lines[0].startswith("cycloid: error: ")
    return lines[0]


def test_writes_the_table_and_both_reports(cycloid, mnist, runner, tmp_path):
    process = cycloid(
        "bench",
        mnist,
        "--backends",
        runner,
        *QUICK,
        "--json",
        tmp_path / "b.json",
        "--html",
        tmp_path / "b.html",
        "--seed",
        "5",
    )
    assert process.returncode == 0, process.stderr
    assert runner in process.stdout and "p99/p50" in process.stdout and "(machine's noise)" in process.stdout
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["schema"] == "cycloid.bench/1"
    assert report["seed"] == 5 and report["command"][:2] == ["cycloid", "bench"]
    environment = report["environment"]
    for key in (
        "cpu",
        "isa",
        "governor",
        "allowed_cpus",
        "cgroup_quota_cpus",
        "load_average_before",
        "load_average_after",
        "kernel",
        "pinned",
    ):
        assert key in environment
    (comparison,) = report["comparisons"]
    assert comparison["model"]["name"] == "mnist_8.onnx" and len(comparison["model"]["sha256"]) == 64
    assert comparison["reference"] == runner and comparison["loops"] == 40
    (run,) = comparison["runs"]
    assert run["status"] == "ok" and run["version"] and run["options"]
    assert len(run["samples_us"]) == 40 and min(run["samples_us"]) == run["latency_us"]["min"] > 0
    assert run["latency_us"]["p99"] is None and run["steadiness"] is None  # 40 samples do not tell
    assert run["warmup_runs"] == 2 and run["load_ms"] > 0 and run["peak_rss_mb"] > 1
    assert [part["samples"] for part in run["rounds"]] == [5] * 8
    assert comparison["groups"][0]["loops"] == 40
    assert comparison["noise"]["runs"][0]["latency_us"]["p50"] > 0
    page = (tmp_path / "b.html").read_text()
    assert page.startswith("<!doctype html>") and "mnist_8.onnx" in page
    assert sorted(os.listdir(tmp_path)) == ["b.html", "b.json"]


def test_memory_is_that_of_the_backend_alone(cycloid, mnist, tmp_path):
    held = bytearray(b"x") * (400 << 20)  # of the program that starts the comparison
    process = cycloid("bench", mnist, "--backends", "cycloid", *QUICK, "--json", tmp_path / "b.json")
    assert process.returncode == 0, process.stderr
    (comparison,) = json.loads((tmp_path / "b.json").read_text())["comparisons"]
    assert 1 < comparison["noise"]["runs"][0]["peak_rss_mb"] < 200 < len(held) >> 20


def test_backends_agree_with_each_other(cycloid, mnist, backends, tmp_path):
    there = [name for name in ("onnxruntime", "openvino", "cycloid") if backends.get(name, {}).get("available")]
    if len(there) < 2:
        pytest.skip("needs two backends that read .onnx")
    process = cycloid("bench", mnist, "--backends", ",".join(there), *QUICK, "--json", tmp_path / "b.json")
    assert process.returncode == 0, process.stderr
    for run in json.loads((tmp_path / "b.json").read_text())["comparisons"][0]["runs"]:
        assert run["status"] == "ok", run["reason"]
        assert run["max_rel_error"] < 1e-4
        assert run["speedup"]["ratio"] > 0


def test_a_backend_that_cannot_take_the_model_is_a_row(cycloid, mnist, runner, tmp_path):
    process = cycloid("bench", mnist, "--backends", f"pytorch,{runner}", *QUICK, "--json", tmp_path / "b.json")
    assert process.returncode == 0, process.stderr
    first, second = json.loads((tmp_path / "b.json").read_text())["comparisons"][0]["runs"]
    assert first["status"] == "unavailable" and first["reason"] and first["latency_us"] is None
    assert second["status"] == "ok"


def test_gates(cycloid, mnist, runner):
    common = ["bench", mnist, "--backends", runner, *QUICK]
    passed = cycloid(*common, "--fail-if", f"{runner}.p50 > 1e9", "--fail-if", f"not {runner}.min > 0")
    assert passed.returncode == 0, passed.stderr
    assert "2 of 2 gates passed" in passed.stderr
    tripped = cycloid(*common, "--fail-if", f"{runner}.p50 > 1e9", "--fail-if", f"{runner}.max >= {runner}.min")
    assert tripped.returncode == 3
    assert f"'{runner}.max >= {runner}.min' holds for mnist_8.onnx, 1 thread: {runner}.max = " in tripped.stderr


def test_a_gate_on_a_backend_that_failed_does_not_pass(cycloid, mnist, runner):
    process = cycloid("bench", mnist, "--backends", f"pytorch,{runner}", *QUICK, "--fail-if", "pytorch.p50 > 1e9")
    assert process.returncode == 3
    assert "cannot be checked" in process.stderr and "unavailable" in process.stderr


def test_given_inputs_and_random_ones(cycloid, models_dir, runner, tmp_path):
    numpy = pytest.importorskip("numpy")
    numpy.save(tmp_path / "x.npy", numpy.zeros((1, 1, 28, 28), "float32"))
    process = cycloid(
        "bench",
        models_dir / "mnist_8.onnx",
        "--backends",
        runner,
        *QUICK,
        "--input-data",
        f"Input3={tmp_path / 'x.npy'}",
    )
    assert process.returncode == 0, process.stderr


# Each is refused before anything is measured.
def test_an_initializer_that_is_an_input_may_be_given(cycloid, backends, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    np = pytest.importorskip("numpy", reason="numpy is not installed")
    make, real = onnx.helper, onnx.TensorProto.FLOAT
    info = [make.make_tensor_value_info(name, real, [2]) for name in ("x", "w")]
    weights = onnx.numpy_helper.from_array(np.array([3, 4], np.float32), "w")
    node = make.make_node("Mul", ["x", "w"], ["y"])
    graph = make.make_graph([node], "g", info, [make.make_tensor_value_info("y", real, [2])], [weights])
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    np.save(tmp_path / "w.npy", np.array([5, 6], np.float32))
    there = [name for name in ("onnxruntime", "cycloid") if backends.get(name, {}).get("available")]
    for given, names in (
        ([], ["x"]),
        (["--input-data", f"w={tmp_path}/w.npy"], ["x", "w"]),
        (["--input", "w=2"], ["x", "w"]),
    ):
        report = tmp_path / "b.json"
        profile = ["--profile", tmp_path / "p.json"]
        process = cycloid(
            "bench", tmp_path / "m.onnx", *given, "--backends", ",".join(there), *QUICK, *profile, "--json", report
        )
        assert process.returncode == 0, process.stderr
        (comparison,) = json.loads(report.read_text())["comparisons"]
        assert [given_input["name"] for given_input in comparison["model"]["inputs"]] == names
        assert [run["status"] for run in comparison["runs"]] == ["ok"] * len(there), comparison["runs"]
    process = cycloid("bench", tmp_path / "m.onnx", "--input", "v=2", "--backends", "cycloid", *QUICK)
    assert process.returncode == 2 and "no input 'v' (did you mean 'w'?)" in process.stderr
    np.save(tmp_path / "x.npy", np.array([1, 10], np.float32))
    given = [word for name in "xw" for word in ("--input-data", f"{name}={tmp_path}/{name}.npy")]
    process = cycloid("run", tmp_path / "m.onnx", *given, "--output-dir", tmp_path)
    assert process.returncode == 0, process.stderr
    assert np.load(tmp_path / "y.npy").tolist() == [5, 60]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--loops", "0"], "--loops 0"),
        (["--loops", "-5"], "--loops"),
        (["--loops", "many"], "--loops"),
        (["--loops", "10", "--rounds", "11"], "--rounds 11"),
        (["--warmup", "-1"], "--warmup -1"),
        (["--seconds", "0"], "--seconds 0"),
        (["--threads", "0"], "--threads 0"),
        (["--threads", "1,two"], "'two' is no count"),
        (["--rtol", "nan"], "--rtol nan"),
        (["--atol", "-1"], "--atol -1"),
        (["--time-limit", "nan"], "--time-limit nan"),
        (["--seed", "-1"], "--seed"),
        (["--backends", "tensorflow"], "no backend 'tensorflow'"),
        (["--backends", "onnxruntime,onnxruntime"], "named twice"),
        (["--backends", "onnxruntime", "--reference", "openvino"], "does not take part"),
        (["--input", "x"], "expected NAME=SHAPE"),
        (["--input", "x=1xtwo"], "'two' is no size"),
        (["--input", "x=1", "--input", "x=2"], "given twice"),
        (["--input", "x=1", "--input-data", "x=y.npy"], "given twice"),
        (["--input-data", "x"], "NAME=FILE.npy"),
        (["--option", "onnxruntime"], "BACKEND.NAME=VALUE"),
        (["--option", "onnxruntime.a=1", "--option", "onnxruntime.a=2"], "given twice"),
        (["--fail-if", "cycloyd.p50 > 1"], "'cycloyd' at position 1"),
        (["--fail-if", "onnxruntime.p95 > 1"], "no metric 'p95'"),
        (["--fail-if", "onnxruntime.p50"], "not a condition"),
        (["--loops", "64", "--fail-if", "onnxruntime.p99 > 1"], "p99 needs 1000 samples"),
        (["--fail-if", "noise.speedup > 1"], "noise has no speedup"),
        (["--json", "/no/such/folder/b.json"], "there is no folder"),
        (["--html", "/"], "folder"),
        (["--frobnicate"], "unknown option '--frobnicate'"),
    ],
)
def test_wrong_command_lines_are_one_clear_line(cycloid, tmp_path, arguments, said):
    process = cycloid("bench", tmp_path / "unused.onnx", *arguments)
    assert said in one_line_error(process)
    assert process.stdout == ""


def test_models_that_cannot_be_used_are_one_clear_line(cycloid, tmp_path, runner):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x07not a model")
    for model, said in [(tmp_path / "missing.onnx", "missing.onnx"), (broken, "broken.onnx"), ("nonsense", "nonsense")]:
        process = cycloid("bench", model, "--backends", runner, *QUICK, "--json", tmp_path / "b.json")
        errors = [line for line in process.stderr.splitlines() if line.startswith("cycloid: error: ")]
        assert process.returncode in (1, 2) and len(errors) == 1 and said in errors[0], process.stderr
        assert "Traceback" not in process.stderr
    assert not (tmp_path / "b.json").exists()


def test_options_before_the_model_do_not_swallow_it(cycloid, mnist, runner):
    process = cycloid("bench", "--backends", runner, *QUICK, "--input", "Input3=1x1x28x28", mnist)
    assert process.returncode == 0, process.stderr


def test_an_interrupt_ends_it_and_its_workers(mnist, runner, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    command = [
        str(CLI),
        "bench",
        str(mnist),
        "--backends",
        runner,
        "--loops",
        "100000000",
        "--rounds",
        "1000",
        "--threads",
        "1",
        "--json",
        str(tmp_path / "b.json"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    deadline = time.time() + 60
    while time.time() < deadline and not any((tmp_path / "tmp").glob("cycloid-*")):
        time.sleep(0.05)
    for line in process.stderr:
        if "warming up" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert list((tmp_path / "tmp").glob("cycloid-*")) == []
    assert not (tmp_path / "b.json").exists()
    listed = subprocess.run(["pgrep", "-f", f"{CLI} worker"], capture_output=True, text=True).stdout.split()
    mine = []
    for pid in listed:
        try:
            environ = pathlib.Path(f"/proc/{pid}/environ").read_text(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(tmp_path) in environ:
            mine.append(pid)
    assert mine == []


def test_a_callable_is_compared_across_its_forms(cycloid, backends, tmp_path):
    if not backends.get("pytorch", {}).get("available"):
        pytest.skip("PyTorch is not available")
    (tmp_path / "tiny.py").write_text(
        "import torch\n"
        "def model():\n"
        "    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))\n"
    )
    there = [name for name in ("pytorch", "torchscript", "onnxruntime") if backends[name]["available"]]
    process = cycloid(
        "bench",
        f"{tmp_path / 'tiny.py'}:model",
        "--input",
        "x=3x8",
        "--backends",
        ",".join(there),
        *QUICK,
        "--json",
        tmp_path / "b.json",
        timeout=600,
    )
    assert process.returncode == 0, process.stderr
    comparison = json.loads((tmp_path / "b.json").read_text())["comparisons"][0]
    assert comparison["reference"] == "pytorch"
    assert [run["status"] for run in comparison["runs"]] == ["ok"] * len(there), [
        run["reason"] for run in comparison["runs"]
    ]
    assert {run["form"] for run in comparison["runs"]} <= {"python", "torchscript", "onnx"}


def test_a_callable_that_returns_an_onnx_model_needs_no_pytorch(cycloid, backends, runner, tmp_path):
    (tmp_path / "tiny.py").write_text(
        "from onnx import TensorProto, helper\n"
        "def model():\n"
        "    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [3, 8]) for n in 'xy')\n"
        "    graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'tiny', [x], [y])\n"
        "    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)\n"
    )
    names = ["pytorch", runner]
    arguments = ["--input", "x=3x8", "--backends", ",".join(names), *QUICK, "--json", tmp_path / "b.json"]
    process = cycloid("bench", f"{tmp_path / 'tiny.py'}:model", *arguments, timeout=600)
    assert process.returncode == 0, process.stderr
    runs = {run["backend"]: run for run in json.loads((tmp_path / "b.json").read_text())["comparisons"][0]["runs"]}
    assert runs[runner]["status"] == "ok" and runs[runner]["form"] == "onnx"
    assert runs["pytorch"]["status"] == "unavailable"
    if backends["pytorch"]["available"]:
        assert "returned an ONNX model" in runs["pytorch"]["reason"]


def test_a_callable_that_raises_is_one_clear_line(cycloid, backends, tmp_path):
    if not backends.get("pytorch", {}).get("available"):
        pytest.skip("PyTorch is not available")
    (tmp_path / "bad.py").write_text("def model():\n    raise RuntimeError('weights are not here\\nsecond line')\n")
    process = cycloid("bench", f"{tmp_path / 'bad.py'}:model", "--input", "x=3x8", *QUICK, timeout=600)
    assert process.returncode == 1 or process.returncode == 2
    errors = [line for line in process.stderr.splitlines() if line.startswith("cycloid: error: ")]
    assert len(errors) == 1 and "weights are not here" in errors[0]
    assert "Traceback" not in process.stderr


def test_help_tells_of_metrics_and_exit_codes(cycloid):
    process = cycloid("bench", "--help")
    assert process.returncode == 0
    for text in ("--fail-if", "steadiness", "Exit codes", "max_rel_error"):
        assert text in process.stdout


def test_readme_names_the_fake_worker_protocol():
    # The fake worker of the C++ tests and the protocol page must name the same requests.
    page = (SOURCE_DIR / "src/backends/README.md").read_text()
    fake = (SOURCE_DIR / "tests/bench_fake_worker.py").read_text()
    for op in ("load", "run", "outputs", "status", "quit"):
        assert f'"op":"{op}"' in page and f'"{op}"' in fake
