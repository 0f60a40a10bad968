"""Models made to take the machine end in an error, or run, within the memory and time that the session allows."""

import os
import pathlib
import subprocess
import sys

import pytest
from built_package import BUILT, use_built_package

pytest.importorskip("onnx", reason="the onnx package is not installed")
HERE = pathlib.Path(__file__).resolve().parent
use_built_package()

# What the interpreter, numpy and onnx take, and several times the sessions' own bound for what is beside tensors.
MOST_RESIDENT_KB = 1_000_000
# The sessions' bound is a second; the rest is for a machine that is busy with other things.
MOST_SECONDS = 60


def test_hostile_models():
    done = subprocess.run(
        [sys.executable, str(HERE / "hostile_models.py")],
        capture_output=True,
        text=True,
        timeout=1500,
        env={**os.environ, "PYTHONPATH": str(BUILT)},
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended with {done.returncode} at {lines[-1:]}: {done.stderr[-2000:]}"
    assert len(lines) > 700
    for name, level, seconds, resident, result in lines:
        assert float(seconds) < MOST_SECONDS, f"{name} ({level}) took {seconds} s: {result}"
        assert int(resident) < MOST_RESIDENT_KB, f"{resident} kB after {name} ({level}): {result}"
    results = {(name, level): result for name, level, _, _, result in lines}
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        assert "timeout" in results["endless_loop", level]
        for name in ("endless_scan_outputs", "growing_value", "growing_string", "expanded_strings"):
            assert results[name, level].startswith("ResourceExhaustedError"), (name, results[name, level])
