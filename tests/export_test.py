"""Models brought to older operator sets compute the same: ONNX's own node tests, written at other opsets, in ONNX Runtime.

For each case and opset the exporter either writes a model that passes onnx.checker and gives the case's outputs in ONNX
Runtime, or says why the opset cannot express it. `python tests/export_test.py [NAME...]` prints what it says of the
cases whose name contains a NAME.
"""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

BINARY_DIR = pathlib.Path(
    os.environ.get("CYCLOID_BINARY_DIR", pathlib.Path(__file__).resolve().parent.parent / "build")
)
TOOL = BINARY_DIR / "cycloid_export"
OPSETS = (9, 11, 13, 17, 20, 23)
RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
RANDOM_CASES = ("test_training_dropout",)
# Why a case's failure is not the exporter's.
CEILING = "before opset 22 onnx infers another size of a last window in the padding; ONNX Runtime computes the same"
EXCEPTIONS = {
    "test_affine_grid_3d_expanded": "the branch of an If for another rank is written with the types of this one",
    "test_affine_grid_3d_align_corners_expanded": "as above",
    "test_averagepool_2d_ceil_last_window_starts_on_pad": CEILING,
    "test_maxpool_2d_ceil_output_size_reduce_by_one": CEILING,
}


def node_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return load_model_tests(kind="node")


def usable(case):
    """Cases of plain tensors that random operators do not touch."""
    if case.name.startswith(RANDOM_CASES) or any(node.op_type in RANDOM for node in case.model.graph.node):
        return False
    inputs, outputs = case.data_sets[0]
    return all(isinstance(value, np.ndarray) for value in [*inputs, *outputs])


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Written as it is: what is tested is the file, not what is made of it.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def run(path, case):
    names = [info.name for info in case.model.graph.input]
    return session(path).run(None, dict(zip(names, case.data_sets[0][0], strict=False)))


def compare(case, got, expected):
    for value, wanted in zip(got, expected, strict=True):
        value, wanted = np.asarray(value), np.asarray(wanted)
        assert value.dtype == wanted.dtype and value.shape == wanted.shape, (value.dtype, value.shape, wanted.shape)
        if wanted.dtype.kind in "OSUb":
            assert (value == wanted).all()
        elif value.dtype.kind == "V" or wanted.dtype.itemsize < 4 and wanted.dtype.kind == "f":
            np.testing.assert_allclose(value.astype(np.float32), wanted.astype(np.float32), rtol=2.0**-8, atol=2.0**-8)
        else:
            np.testing.assert_allclose(value, wanted, rtol=case.rtol, atol=case.atol)


class Exporter:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, opset, source, target):
        self.process.stdin.write(f"{opset} {source} {target}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def check_case(case, folder, exporter):
    """(opset, outcome, detail) for each opset."""
    source, target = folder / "source.onnx", folder / "target.onnx"
    source.write_bytes(case.model.SerializeToString())
    runs, checks = True, True
    try:
        expected = run(source, case)
    except Exception:  # noqa: BLE001 - ONNX Runtime cannot run it as it came: the case's own outputs are the oracle
        expected, runs = case.data_sets[0][1], False
    try:
        onnx.checker.check_model(str(source), full_check=True)
    except Exception:  # noqa: BLE001 - nor can the result pass, then
        checks = False
    for opset in OPSETS:
        answer = exporter(opset, source, target)
        if answer != "ok":
            yield opset, "declined", answer
            continue
        try:
            onnx.checker.check_model(str(target), full_check=checks)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure to report
            yield opset, "failed", f"{type(error).__name__}: {str(error)[:300]}"
            continue
        try:
            got = run(target, case)
        except Exception as error:  # noqa: BLE001
            text = str(error)
            absent = not runs or "NOT_IMPLEMENTED" in text or "Could not find an implementation" in text
            yield opset, "no kernel" if absent else "failed", f"{type(error).__name__}: {text[:300]}"
            continue
        try:
            compare(case, got, expected)
            yield opset, "passed", ""
        except AssertionError as error:
            yield opset, "failed", f"differs: {' '.join(str(error).split())[:300]}"


def check_all(names=()):
    counts, failures, details = collections.Counter(), [], []
    exporter = Exporter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in node_cases():
            if not usable(case) or (names and not any(name in case.name for name in names)):
                continue
            for opset, outcome, detail in check_case(case, pathlib.Path(folder), exporter):
                counts[outcome] += 1
                details.append(f"{case.name} at {opset}: {outcome} {detail}")
                if outcome == "failed" and case.name not in EXCEPTIONS:
                    failures.append(details[-1])
    exporter.close()
    return counts, failures, details


@pytest.mark.skipif(not TOOL.exists(), reason="cycloid_export is not built")
def test_node_cases_at_other_opsets():
    counts, failures, _ = check_all()
    print(dict(counts))
    assert not failures, "\n".join(failures[:40])
    assert counts["passed"] > 1000, counts  # what is declined or has no kernel proves nothing


if __name__ == "__main__":
    all_counts, all_failures, all_details = check_all(sys.argv[1:])
    print("\n".join(all_details if sys.argv[1:] else all_failures))
    print(dict(all_counts))
    sys.exit(1 if all_failures else 0)
