"""The package's types, as a user's type checker sees them: mypy over tests/typed_program.py, and over a program with slips."""

import os
import pathlib
import subprocess
import sys

import pytest
from built_package import BUILT, use_built_package

pytest.importorskip("mypy", reason="mypy is not installed")
HERE = pathlib.Path(__file__).resolve().parent
use_built_package("_native.pyi")

SLIPS = {
    "cycloid.InferenceSession('m.onnx').rum(None, {})": "attr-defined",
    "cycloid.SessionOptions(intra_op_num_threads='two')": "arg-type",
    "cycloid.SessionOptions(threads=2)": "call-arg",
    "cycloid.InferenceSession('m.onnx').get_inputs()[0].name + 1": "operator",
    "cycloid.nothing": "attr-defined",
    "cycloid.optimize('m.onnx')": "call-arg",
}


def mypy(program, folder):
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        folder / "cache",
        program,
    ]
    environment = os.environ | {"MYPYPATH": str(BUILT)}
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, cwd=folder)


def test_a_typed_program_is_accepted(tmp_path):
    done = mypy(HERE / "typed_program.py", tmp_path)
    assert done.stdout.splitlines()[-1].startswith(("Success", "Found")), done.stdout + done.stderr
    # An installed package's own files are not looked at.
    assert not [line for line in done.stdout.splitlines() if "typed_program.py" in line], done.stdout


def test_slips_are_found(tmp_path):
    program = tmp_path / "slips.py"
    program.write_text("import cycloid\n\n" + "".join(f"{slip}\n" for slip in SLIPS))
    lines = mypy(program, tmp_path).stdout.splitlines()
    for i, (slip, code) in enumerate(SLIPS.items()):
        found = [line for line in lines if line.startswith(f"slips.py:{i + 3}:")]
        assert found and f"[{code}]" in found[0], f"{slip}: {found}"
