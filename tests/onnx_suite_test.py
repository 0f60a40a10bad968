"""ONNX's official backend suite, run by its own runner through the Python package.

Node, simple, pytorch-converted and pytorch-operator cases of the pinned onnx package, compared in shape, dtype and each
case's own tolerance. Every case passes but those that tests/onnx_suite_exceptions.txt names with a reason; a case that
is named there and passes is an error too, so that the list stays true. The light models have a C++ test of their own.

python tests/onnx_suite_test.py [REGEX]   runs the cases that match and prints what fails
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILT = pathlib.Path(os.environ.get("CYCLOID_BINARY_DIR", HERE.parent / "build")) / "python"
EXCEPTIONS = HERE / "onnx_suite_exceptions.txt"
# The engine, and the reference evaluation of the nodes as they stand.
WAYS = {
    "engine, 1 thread": {"intra_op_num_threads": 1},
    "engine, 2 threads": {"intra_op_num_threads": 2},
    "reference": {"intra_op_num_threads": 1, "graph_optimization_level": 0},
}


def known_exceptions():
    """{case: reason}."""
    known = {}
    for line in EXCEPTIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            case, reason = line.split(maxsplit=1)
            known[case] = reason
    return known


def run_suite(options, pattern=""):
    """(cases run, {case: last line of its error}); in this process."""
    import unittest
    import warnings

    warnings.simplefilter("ignore")
    sys.path.insert(0, str(BUILT))
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
        if "RealModel" not in name:
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(cases))
    result = unittest.TestResult()
    suite.run(result)
    failed = {
        case.id().rsplit(".", 1)[-1].removesuffix("_cpu"): trace.strip().splitlines()[-1].strip()
        for case, trace in result.errors + result.failures
    }
    return result.testsRun - len(result.skipped), failed


@pytest.mark.parametrize("way", WAYS)
def test_official_suite(way):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    if not list(BUILT.glob("cycloid/_native*.so")):
        pytest.skip(f"the Python module is not built in {BUILT}")
    # A process of its own: a crash would be this case's, not the whole file's.
    done = subprocess.run(
        [sys.executable, __file__, "--json", json.dumps(WAYS[way])], capture_output=True, text=True, timeout=800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    known = known_exceptions()
    passed = report["run"] - len(report["failed"])
    print(f"{way}: {passed} of {report['run']} cases pass")
    unknown = {case: error for case, error in report["failed"].items() if case not in known}
    assert not unknown, "\n".join(f"{case}: {error}" for case, error in sorted(unknown.items()))
    assert not set(known) - set(report["failed"]), "these pass now: take them out of the list of exceptions"


def main():
    if sys.argv[1:2] == ["--json"]:
        count, failed = run_suite(json.loads(sys.argv[2]))
        print(json.dumps({"run": count, "failed": failed}))
        return
    count, failed = run_suite(WAYS["engine, 1 thread"], *sys.argv[1:2])
    for case, error in sorted(failed.items()):
        print(f"{case} {error}")
    print(f"{count - len(failed)} of {count} cases pass")


if __name__ == "__main__":
    main()
