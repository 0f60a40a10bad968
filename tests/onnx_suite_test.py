"""ONNX's official backend suite, run by its own runner through the Python package.

Node, simple, pytorch-converted and pytorch-operator cases of the pinned onnx package, compared in shape, dtype and each
case's own tolerance, and the light models that the package ships. Every case passes but those that
tests/onnx_suite_exceptions.txt names with a reason; a case that is named there and passes is an error too, so that the
list stays true.

Each case runs in the engine as it stands, optimised, and by reference evaluation, on 1 and 2 threads.

python tests/onnx_suite_test.py [REGEX]   runs the cases that match and prints what fails
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from built_package import use_built_package

HERE = pathlib.Path(__file__).resolve().parent
EXCEPTIONS = HERE / "onnx_suite_exceptions.txt"
# The engine, the engine on the model that cycloid.optimize() makes, and the reference evaluation of the nodes.
PATHS = {"engine": {}, "optimised": {"optimize": True}, "reference": {"graph_optimization_level": 0}}
WAYS = {
    f"{path}, {n} threads": {**options, "intra_op_num_threads": n} for path, options in PATHS.items() for n in (1, 2)
}


def known_exceptions():
    """{case: reason}."""
    known = {}
    for line in EXCEPTIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            case, reason = line.split(maxsplit=1)
            known[case] = reason
    return known


def run_suite(options, pattern="", light=False):
    """(cases run, {case: last line of its error}); in this process. `light`: of the light models, else all others."""
    import unittest
    import warnings

    warnings.simplefilter("ignore")
    use_built_package()
    import onnx.backend.test

    from cycloid.backend import CycloidBackend

    class Backend(CycloidBackend):
        @classmethod
        def prepare(cls, model, device="CPU", **_):
            return super().prepare(model, device, **options)

    runner = onnx.backend.test.BackendTest(Backend, __name__)
    runner.exclude("_cuda$")
    runner.include(pattern or ".*")
    suite = unittest.TestSuite()
    for name, cases in runner.test_cases.items():
        if ("RealModel" in name) == light:
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(cases))
    result = unittest.TestResult()
    suite.run(result)
    failed = {
        case.id().rsplit(".", 1)[-1].removesuffix("_cpu"): trace.strip().splitlines()[-1].strip()
        for case, trace in result.errors + result.failures
    }
    return result.testsRun - len(result.skipped), failed


def run_apart(arguments, folder):
    """The report of this file as a program: a crash would be this case's, not the whole file's."""
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    use_built_package()
    environment = {**os.environ, "ONNX_HOME": str(folder)}  # where the runner writes inputs of the light models
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, timeout=900, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", WAYS)
def test_official_suite(way, tmp_path):
    report = run_apart(["--json", json.dumps(WAYS[way])], tmp_path)
    known = known_exceptions()
    passed = report["run"] - len(report["failed"])
    print(f"{way}: {passed} of {report['run']} cases pass")
    unknown = {case: error for case, error in report["failed"].items() if case not in known}
    assert not unknown, "\n".join(f"{case}: {error}" for case, error in sorted(unknown.items()))
    if "optimize" in WAYS[way]:
        return  # it may mend a case: the steps of an expanded Attention become one operator, which rounds once
    assert not set(known) - set(report["failed"]), "these pass now: take them out of the list of exceptions"


@pytest.mark.parametrize("way", WAYS)
def test_light_models(way, tmp_path):
    report = run_apart(["--light", json.dumps(WAYS[way])], tmp_path)
    assert report == {"run": 9, "failed": {}}


def main():
    if sys.argv[1:2] in (["--json"], ["--light"]):
        count, failed = run_suite(json.loads(sys.argv[2]), light=sys.argv[1] == "--light")
        print(json.dumps({"run": count, "failed": failed}))
        return
    count, failed = run_suite(WAYS["engine, 1 threads"], *sys.argv[1:2])
    for case, error in sorted(failed.items()):
        print(f"{case} {error}")
    print(f"{count - len(failed)} of {count} cases pass")


if __name__ == "__main__":
    main()
