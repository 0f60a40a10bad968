"""optimize(), bench() and inspect(): the commands of those names, with their results as Python values."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from cycloid.errors import FAILED, INVALID_ARGUMENT, NOT_FOUND, error_of


def program() -> str:
    """The command line that belongs to this package: in the wheel, or in a build of the source tree."""
    here = os.path.dirname(os.path.abspath(__file__))
    candidates = [os.environ.get("CYCLOID_CLI", ""), os.path.join(here, "bin", "cycloid")]
    # build/python/cycloid (links) and python/cycloid of a source tree
    links = os.path.dirname(os.path.abspath(sys.modules["cycloid"].__file__))
    candidates += [os.path.join(links, "..", "..", "cycloid"), os.path.join(here, "..", "..", "build", "cycloid")]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.realpath(candidate)
    raise error_of(NOT_FOUND, "the cycloid program is not part of this installation; build it with ./dev build")


def environment():
    """For the program: its Python workers are to run in this very interpreter."""
    return {**os.environ, "CYCLOID_PYTHON": os.environ.get("CYCLOID_PYTHON") or sys.executable}


def bench(model: Any, *arguments: str, **options: Any) -> dict:
    """Compares the backends on a model and returns the report (what `cycloid bench --json` writes).

    cycloid.bench("m.onnx", threads=[1, 2], loops=256, backends=["cycloid", "onnxruntime"], input={"x": "5x3x64x64"})
    Keywords are the command's options with _ for -; lists become comma lists, dicts become repeated NAME=VALUE.
    """
    with tempfile.TemporaryDirectory(prefix="cycloid-") as folder:
        report = os.path.join(folder, "report.json")
        _run("bench", _path_of(model, folder), [*arguments, *_words(options), "--json", report])
        return _read(report)


def inspect(model: Any, *arguments: str, **options: Any) -> dict:
    """Inputs, outputs, operators, FLOPs and bytes of a model: what `cycloid inspect --json` prints."""
    with tempfile.TemporaryDirectory(prefix="cycloid-") as folder:
        done = _run("inspect", _path_of(model, folder), [*arguments, *_words(options), "--json"])
        return json.loads(done.stdout)


def optimize(model: Any, output: "str | os.PathLike", *arguments: str, **options: Any) -> dict:
    """Writes the optimised model to `output` and returns the ledger: what `cycloid optimize --ledger` writes.

    cycloid.optimize("m.onnx", "faster.onnx", shape={"x": (1, 3, 224, 224)}, disable=["batch-loop"], measure="cycloid")
    Keywords are the command's options with _ for -; of a list each is given, a dict gives NAME=VALUE.
    """
    options = {name: _each(value) for name, value in options.items()}
    with tempfile.TemporaryDirectory(prefix="cycloid-") as folder:
        ledger = os.path.join(folder, "ledger.json")
        words = [*arguments, *_words(options), "-o", os.fspath(output), "--ledger", ledger]
        _run("optimize", _path_of(model, folder), words)
        return _read(ledger)


class _Each(tuple):
    """Values of an option that is repeated, as some may hold a comma."""


def _each(value):
    return _Each(value) if isinstance(value, (list, tuple)) else value


def _read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _path_of(model, folder):
    if isinstance(model, (str, os.PathLike)):
        return os.fspath(model)
    if not isinstance(model, (bytes, bytearray)) and not hasattr(model, "SerializeToString"):
        what = f"a model is a path, bytes or an onnx.ModelProto, not a {type(model).__name__}"
        raise error_of(INVALID_ARGUMENT, f"{what}; 'package.module:callable' names what makes a PyTorch module")
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as file:
        file.write(model if isinstance(model, (bytes, bytearray)) else model.SerializeToString())
    return path


def _words(options):
    words = []
    for name, value in options.items():
        option = f"--{name.rstrip('_').replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, dict):
            for key, item in value.items():
                text = "x".join(map(str, item)) or "scalar" if isinstance(item, (list, tuple)) else item
                words += [option, f"{key}={text}"]
        elif isinstance(value, _Each):
            for item in value:
                words += [option, str(item)]
        elif isinstance(value, (list, tuple)):
            words += [option, ",".join(str(item) for item in value)]
        elif value is not False and value is not None:
            words += [option, str(value)]
    return words


def _run(command, model, words):
    done = subprocess.run(
        [program(), command, model, *words], capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        message = lines[-1] if lines else f"it ended with code {done.returncode}"
        raise error_of(FAILED, message.removeprefix("cycloid: error: "))
    return done
