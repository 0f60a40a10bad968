"""`./dev stress`: what it writes and prints, on few runs."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("onnx", reason="the onnx package is not installed")


def test_both_halves_are_measured_beside_the_noise(source_dir, cycloid, tmp_path):
    from cycloid.zoo import founding

    model = tmp_path / "model.onnx"
    founding.independent_loop(model, founding.SMALL)
    output = tmp_path / "stress.json"
    command = [sys.executable, source_dir / "python" / "stress.py", model, "--loops", "120", "--threads", "1"]
    done = subprocess.run([*command, "--load", "1", "--output", output], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    content = json.loads(output.read_text())
    assert content["schema"] == "cycloid.stress/1"
    assert [(row["load"], row["backend"]) for row in content["rows"]] == [
        (0, "cycloid"),
        (0, "noise"),
        (1, "cycloid"),
        (1, "noise"),
    ]
    for row in content["rows"]:
        assert row["runs"] == 120 and row["latency_us"]["p50"] > 0
        assert row["latency_us"]["p99"] is None  # too few runs to say
    assert done.stdout.count("\n") == 6  # a head and a line for each
