"""What the engine chooses, from the outside: `inspect --plan` and --roofline, --strict, --tune, the profile's roofline, bench-kernels."""

import json
import os
import re
import sys

import numpy as np
import pytest
from conftest import BINARY_DIR, SOURCE_DIR

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

sys.path.insert(0, str(SOURCE_DIR / "python"))
import bench_kernels  # noqa: E402


@pytest.fixture(scope="module")
def conv(tmp_path_factory):
    """y = gelu-ish(relu(x * w)), x of [batch, 32, 14, 14]: a layer that Winograd's kernels take, and an operator that none does."""
    random = np.random.default_rng(0)
    w = numpy_helper.from_array(random.standard_normal((48, 32, 3, 3), dtype=np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["t"], name="layer", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["t"], ["r"], name="act"),
        helper.make_node("Det", ["r"], ["y"], name="odd"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 32, 14, 14])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 48])],
        [w],
    )
    path = tmp_path_factory.mktemp("conv") / "conv.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


SIZES = ["--input", "x=2x32x14x14"]
FLOPS = 2 * 2 * 14 * 14 * 48 * 32 * 9


def steps_of(report, threads=1):
    (found,) = [entry for entry in report["roofline"] if entry["threads"] == threads]
    return found["plan"]["steps"]


def test_inspect_shows_the_roofline_of_every_node(cycloid, conv):
    done = cycloid("inspect", conv, *SIZES, "--roofline", "--json", "--threads", "1,2")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    one, two = report["roofline"]
    assert (one["threads"], two["threads"]) == (1, 2) and one["plan"] is None
    assert one["flops_per_second"] > 0 and [level["name"] for level in one["memory"]][:2] == ["L1", "L2"]
    layer, act, _ = one["nodes"]
    # The longer of computing and moving: from which level, its capacity says.
    moved = next(node for node in report["nodes"] if node["name"] == "layer")["bytes"]
    level = next((m for m in one["memory"] if moved <= m["bytes"]), one["memory"][-1])
    least = max(FLOPS / one["flops_per_second"], moved / level["bytes_per_second"]) * 1e6
    assert layer["us"] == pytest.approx(least)
    assert layer["bound"] in ("arithmetic", level["name"]) and act["us"] > 0
    assert one["nodes_us"] >= one["whole"]["us"] * 0.999
    text = cycloid("inspect", conv, *SIZES, "--roofline", "--threads", "1").stdout
    assert "on registers, L1 " in text and "node by node" in text and "bound by" in text


def test_inspect_shows_the_plan_with_reasons(cycloid, conv):
    done = cycloid("inspect", conv, *SIZES, "--plan", "--json", "--threads", "1")
    assert done.returncode == 0, done.stderr
    steps = steps_of(json.loads(done.stdout))
    (layer,) = [step for step in steps if step["node"].startswith("layer")]
    assert layer["operator"] == "Conv+Relu" and layer["flops"] >= FLOPS and layer["kernel"].startswith("conv.")
    assert layer["constant_bytes"] > 48 * 32 * 9 * 4 - 1 and layer["bytes"] > layer["constant_bytes"]
    assert layer["least"]["us"] <= layer["direct"]["us"]
    if "winograd" in layer["kernel"]:  # what the estimate says of this machine's caches decides
        assert layer["arithmetic"] < FLOPS / 2
    (odd,) = [step for step in steps if step["node"] == "odd"]
    assert odd["kernel"] == "reference" and "no native kernel" in odd["reason"]
    text = cycloid("inspect", conv, *SIZES, "--plan", "--threads", "1").stdout
    assert "no native kernel for this operator" in text and "with direct convolution" in text


def test_strict_plans_have_no_winograd(cycloid, conv):
    report = json.loads(cycloid("inspect", conv, *SIZES, "--plan", "--strict", "--json", "--threads", "1").stdout)
    for step in steps_of(report):
        assert "winograd" not in step["kernel"] and step["arithmetic"] == step["flops"]
    (layer,) = [step for step in steps_of(report) if step["node"].startswith("layer")]
    assert layer["reason"].startswith("strict: Winograd")


def test_a_roofline_needs_all_sizes(cycloid, conv):
    for option in ("--roofline", "--plan"):
        done = cycloid("inspect", conv, option)
        assert (
            done.returncode == 2
            and "input 'x' is float[batch, 32, 14, 14]" in done.stderr
            and "--input x=" in done.stderr
        )


@pytest.fixture
def x(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((2, 32, 14, 14), dtype=np.float32))
    return f"x={tmp_path / 'x.npy'}"


@pytest.fixture
def plain(tmp_path):
    """The convolution alone: the whole model is native."""
    w = numpy_helper.from_array(np.random.default_rng(2).standard_normal((48, 32, 3, 3), dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="layer", pads=[1, 1, 1, 1])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 32, 14, 14])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 48, 14, 14])],
        [w],
    )
    path = tmp_path / "plain.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_tuning_is_kept_and_gives_the_same_bits(cycloid, plain, x, tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(folder, *more):
        done = cycloid("run", plain, "--input-data", x, "--output-dir", tmp_path / folder, *more, env=environment)
        assert done.returncode == 0, done.stderr
        return np.load(tmp_path / folder / "y.npy")

    untuned, strict = run("untuned"), run("strict", "--strict")
    first, second = run("first", "--tune"), run("second", "--tune")
    (kept,) = (tmp_path / "cache" / "cycloid" / "tune").glob("*.tsv")
    lines = kept.read_text().splitlines()
    assert lines[0].startswith("cycloid.tune/1\t") and len(lines) == 2 and lines[1].startswith("conv ")
    assert np.array_equal(first, second)
    largest = np.abs(strict).max()
    assert np.abs(first - strict).max() <= 1e-5 * largest and np.abs(untuned - strict).max() <= 1e-5 * largest
    done = cycloid("inspect", plain, "--plan", "--tune", "--threads", "1", env=environment)
    assert "tuning: 1 shapes from the cache, 0 measured" in done.stdout


def test_bench_takes_tune_and_strict(cycloid, plain, tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    common = ["--backends", "cycloid", "--threads", "1", "--loops", "8", "--rounds", "2", "--warmup", "2"]
    report = tmp_path / "b.json"
    done = cycloid("bench", plain, *common, "--tune", "--strict", "--json", report, env=environment)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(report.read_text())["comparisons"][0]["runs"]
    assert run["options"]["tune"] == "true" and run["options"]["strict"] == "true"
    twice = cycloid("bench", plain, *common, "--strict", "--option", "cycloid.strict=false")
    assert twice.returncode == 2 and "--strict" in twice.stderr


def test_strict_and_tune_are_the_engines_own(cycloid, plain, x, tmp_path):
    for option in ("--strict", "--tune"):
        done = cycloid("run", plain, "--input-data", x, "--output-dir", tmp_path, "--backend", "onnxruntime", option)
        assert done.returncode == 2 and "cycloid's, not onnxruntime's" in done.stderr


def test_the_profile_says_how_far_it_is_from_the_roofline(cycloid, plain, tmp_path):
    common = ["--backends", "cycloid", "--threads", "1", "--loops", "20", "--rounds", "2", "--warmup", "2"]
    done = cycloid("bench", plain, *common, "--profile", tmp_path / "trace.json", "--json", tmp_path / "b.json")
    assert done.returncode == 0, done.stderr
    profile = json.loads((tmp_path / "b.json").read_text())["comparisons"][0]["groups"][0]["profile"]
    assert 0 < profile["roofline_us"] <= profile["roofline_direct_us"] and profile["runs"] == 20
    assert any(kernel["kernel"].startswith("conv.") and kernel["us"] > 0 for kernel in profile["kernels"])
    assert re.search(r"roofline: [\d.]+ us with direct convolution \(\d+ % of the run\)", done.stdout)
    assert re.search(r"us +[\d.-]+ %  conv\.\S+ \(1 step, ", done.stdout) and "between steps" in done.stdout
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert any(event.get("args", {}).get("least us of the step", 0) > 0 for event in events)


def test_bench_kernels_shows_a_line_for_each_kernel_and_shape():
    runs = [
        {"name": "conv.igemm.scalar/a", "cpu_time": 2000, "time_unit": "ns", "GFLOP/s": 5.04, "%peak": 50.4},
        {"name": "conv.igemm.avx2/a", "cpu_time": 1, "time_unit": "us", "GFLOP/s": 40, "%peak": 90.2},
        {
            "name": "elementwise.activation.kClip.avx2",
            "cpu_time": 1,
            "time_unit": "ms",
            "bytes_per_second": 5e10,
            "%stream": 70,
        },
    ]
    head, first, second = bench_kernels.table(runs).splitlines()
    assert head.split() == ["kernel", "shape", "scalar", "us", "rate", "share", "avx2", "us", "rate", "share"]
    assert first.split() == [
        "conv.igemm",
        "a",
        "2.00",
        "5.0",
        "GFLOP/s",
        "50",
        "%",
        "peak",
        "1.00",
        "40.0",
        "GFLOP/s",
        "90",
        "%",
        "peak",
    ]
    assert second.split() == ["elementwise.activation.kClip", "1000.00", "50.0", "GB/s", "70", "%", "stream"]


def test_bench_kernels_measures(monkeypatch, capsys):
    if not (BINARY_DIR / "kernels_bench").exists():
        pytest.skip("kernels_bench is not built")
    monkeypatch.setattr(bench_kernels, "PROGRAM", BINARY_DIR / "kernels_bench")
    monkeypatch.setattr(sys, "argv", ["bench-kernels", "--filter", "softmax|small64", "--seconds", "0.001"])
    bench_kernels.main()
    text = capsys.readouterr().out
    assert re.search(r"^gemm\.igemm +small64\.runtime .* % peak", text, re.M)
    assert re.search(r"^rowwise\.softmax .* % stream", text, re.M)
    monkeypatch.setattr(sys, "argv", ["bench-kernels", "--filter", "no such kernel"])
    with pytest.raises(SystemExit, match="bench-kernels: "):
        bench_kernels.main()
