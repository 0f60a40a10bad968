"""`./dev bench-models`: what it says of a measurement, and that a run that stopped goes on where it was."""

import json
import sys

import numpy as np
import pytest
from conftest import CLI, SOURCE_DIR

sys.path.insert(0, str(SOURCE_DIR / "python"))
bench_models = pytest.importorskip("bench_models")


@pytest.fixture
def store(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_models, "CLI", CLI)
    monkeypatch.setattr(bench_models, "STORE", tmp_path / "build" / "store.json")
    return tmp_path / "build" / "store.json"


def rounds(seed, centre, n=16):
    rng = np.random.default_rng(seed)
    return [centre * rng.normal(1, 0.02) + rng.exponential(0.1, 32) for _ in range(n)]


def test_student_quantiles_are_those_of_the_tables():
    for freedom, value in ((4, 2.7764), (7, 2.3646), (15, 2.1314), (31, 2.0395)):
        assert bench_models.student_quantile(0.975, freedom) == pytest.approx(value, rel=5e-3)


def test_the_interval_covers_the_ratio_and_shrinks_with_rounds():
    few, many = rounds(1, 10, 8), rounds(2, 10, 64)
    ratio, low, high = bench_models.ratio_of_medians(few, [r / 2 for r in few])
    assert ratio == pytest.approx(2) and low == pytest.approx(2) and high == pytest.approx(2)  # the same rounds in both
    _, low, high = bench_models.ratio_of_medians(few, rounds(3, 10, 8))
    _, closer_low, closer_high = bench_models.ratio_of_medians(many, rounds(4, 10, 64))
    assert low < 1 < high and closer_high - closer_low < high - low
    assert bench_models.ratio_of_medians(few[:3], few[:3])[1:] == [None, None]


def row(p50, p99=None, status="ok"):
    return {
        "status": status,
        "reason": "no such operator",
        "version": "1",
        "min": 1,
        "p50": p50,
        "p90": p50 and 1.1 * p50,
        "p99": p99,
        "machine": {"min": 1, "p50": 100, "p90": 105, "p99": 130},
    }


KERNELS = [
    {"kernel": "conv.igemm", "steps": 2, "us": 60, "least_us": 40},
    {"kernel": "pool", "steps": 1, "us": 35, "least_us": 5},
]
PROFILE = {"runs": 9, "run_us": 100, "waiting_us": 5, "roofline_direct_us": 90, "roofline_us": 45, "kernels": KERNELS}


def entry(ours, ort, vino, ratios):
    group = {
        "loops": 1000,
        "backends": {"onnxruntime": ort, "openvino": vino, "cycloid": ours},
        "profile": PROFILE,
        "ratios": ratios,
    }
    environment = {"cpu": "A CPU", "usable_cpus": 2, "steal_share": 0}
    return {
        "program": "p", "settings": {"loops": 1024, "seconds": 3}, "date": "2026-01-01T00:00:00Z",
        "environment": environment, "groups": {"1": group}, "fp32_convolutional": True,
    }  # fmt: skip


def test_the_page_shows_losses_as_losses():
    entries = {
        "won": entry(
            row(100, 150), row(200, 220), row(300, 900), {"onnxruntime": [2, 1.9, 2.1], "openvino": [3, 2, 4]}
        ),
        "lost": entry(
            row(100, 150), row(200, 220), row(50, 60), {"onnxruntime": [2, 1.9, 2.1], "openvino": [0.5, 0.4, 0.6]}
        ),
        "even": entry(row(100), row(101), row(None, status="failed"), {"onnxruntime": [1.01, 0.9, 1.1]}),
    }
    page = bench_models.page(entries, {"gone": "no such file"})
    assert "| won | 100 | 200 onnxruntime | 2.00× (1.90–2.10) | 1.50 | 1.10 onnxruntime | 1.30 |" in page
    assert "| lost | 100 | 50.0 openvino | 0.50× (0.40–0.60), **loss** | 1.50 | 1.10 onnxruntime | 1.30 |" in page
    assert (
        "| even | 100 | 101 onnxruntime | 1.01× (0.90–1.10), no difference | 1.10 (p90) | 1.10 onnxruntime | 1.05 |"
        in page
    )
    assert "| won | 1 | 100 | 90.0 | 45.0 (45 %) | pool 30 %, conv.igemm 20 %, between steps 5 % |" in page
    assert "| 1.00× of 3, 1 below 1 |" in page  # the cube root of 2 * 0.5 * 1.01
    assert "- even, openvino: failed, no such operator" in page and "- gone: no such file" in page


def test_a_stopped_run_goes_on_where_it_was(store, models_dir, monkeypatch, tmp_path):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench-models", "mnist_8", "quant_rl_agent", "--backends", "cycloid", "--threads", "1",
                                          "--seconds", "0.05", "--output", str(tmp_path / "page.md"), *arguments])  # fmt: skip
        return bench_models.main()

    assert run("--stop-after", "1e-3") == bench_models.MORE_TO_DO  # the first is always measured
    first = json.loads(store.read_text())
    assert first["mnist_8"]["groups"]["1"]["profile"]["kernels"]
    assert list(first) == ["mnist_8"] and first["mnist_8"]["fp32_convolutional"]
    assert run() == 0
    both = json.loads(store.read_text())
    assert both["mnist_8"] == first["mnist_8"] and not both["quant_rl_agent"]["fp32_convolutional"]
    assert "| quant_rl_agent | " in (tmp_path / "page.md").read_text()
    monkeypatch.setattr(bench_models, "program_id", lambda: "another build")
    assert run() == 0
    assert json.loads(store.read_text())["mnist_8"]["program"] == "another build"
