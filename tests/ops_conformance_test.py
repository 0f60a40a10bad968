"""The operators' reference evaluation against the expected outputs of ONNX's own node tests.

Every node case whose operators this build has must pass: shape, dtype and values within the case's own tolerance.
Cases of operators that it has not are counted and named, not failed. Random outputs are compared in shape and dtype.
`python tests/ops_conformance_test.py [NAME...]` prints the result of the cases whose name contains a NAME.
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

BINARY_DIR = pathlib.Path(
    os.environ.get("CYCLOID_BINARY_DIR", pathlib.Path(__file__).resolve().parent.parent / "build")
)
TOOL = BINARY_DIR / "cycloid_evaluate"
RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
# Training-mode dropout draws a random mask, so its values cannot be compared.
RANDOM_CASES = ("test_training_dropout",)
# ml_dtypes' names, where they are not the library's.
ML_DTYPES = {"float4_e2m1fn": "float4_e2m1", "float8_e8m0fnu": "float8_e8m0"}
# The reasons for which a case is not compared at all.
EXCEPTIONS = {
    f"test_image_decoder_decode_{kind}": "ImageDecoder needs the codecs of eight image formats, which the library has not"
    for kind in (
        "jpeg_rgb",
        "jpeg_grayscale",
        "jpeg_bgr",
        "jpeg2k_rgb",
        "bmp_rgb",
        "png_rgb",
        "tiff_rgb",
        "webp_rgb",
        "pnm_rgb",
    )
}
# Cases whose expected values are less exact than their tolerance: the inverse transform was made in float32, whose error
# grows to eps * max|y| where the exact value is 0. max|y| is 49.5 there.
ATOL = {name: 2.0**-23 * 49.5 for name in ("test_dft_inverse", "test_dft_inverse_opset19")}
# Operators that later versions replaced: import writes them as those.
REPLACED = {("", "Scatter"), ("", "Upsample")}
# Two units in the last place (relative) of the 16-bit types: the generators and the expanded cases round to them step by
# step where an operator evaluated whole rounds once, and each of the two to four roundings on a path may fall half a unit
# to the other side.
ULPS = {"bfloat16": 2.0**-6, "float16": 2.0**-9}


def node_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return load_model_tests(kind="node")


def operators(graph, functions=()):
    """The (domain, name) of every node, subgraphs included."""
    found = set()
    local = {(f.domain, f.name) for f in functions}
    for node in graph.node:
        key = (node.domain if node.domain != "ai.onnx" else "", node.op_type)
        if key not in local:
            found.add(key)
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                found |= operators(body, functions)
    for function in functions:
        found |= operators(function)
    return found


def dtype_name(array):
    """numpy's name of the element type, as the library prints it."""
    if array.dtype.kind in "OSU":
        return "string"
    return ML_DTYPES.get(str(array.dtype), str(array.dtype))


def write_value(value, path):
    """Writes a case's input and returns its specification."""
    if value is None:
        return "n"
    if isinstance(value, list):
        return "s:" + ",".join(write_value(item, f"{path}.{i}")[2:] for i, item in enumerate(value))
    array = np.asarray(value)
    tensor = onnx.numpy_helper.from_array(array) if not isinstance(value, onnx.TensorProto) else value
    pathlib.Path(path).write_bytes(tensor.SerializeToString())
    return f"t:{path}"


def read_array(path, name):
    array = np.load(path, allow_pickle=False)
    if array.dtype.kind == "V":
        import ml_dtypes

        theirs = {ours: theirs for theirs, ours in ML_DTYPES.items()}
        array = array.view(np.dtype(getattr(ml_dtypes, theirs.get(name, name))))
    return array


def compare(expected, got, name, rtol, atol, values=True):
    """None where `got` is as expected, else what differs."""
    if isinstance(expected, onnx.TensorProto):
        expected = onnx.numpy_helper.to_array(expected)
    expected = np.asarray(expected)
    if dtype_name(expected) != name:
        return f"dtype {name}, expected {dtype_name(expected)}"
    if expected.shape != got.shape:
        return f"shape {list(got.shape)}, expected {list(expected.shape)}"
    if not values:
        return None
    if name == "string":
        same = np.array_equal(expected.astype(str), got.astype(str))
        return None if same else f"{got.tolist()}, expected {expected.tolist()}"
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    if expected.dtype.kind in "iub":
        wide = expected.dtype
        rtol = 1 if expected.dtype.kind == "b" else rtol
        if expected.dtype.kind == "b":
            return None if np.array_equal(expected, got) else "booleans differ"
    expected, got = expected.astype(wide), got.astype(wide)
    # Rounded integers (quantisation) may differ by the tolerance of the case, as in ONNX's own runner.
    close = np.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~close)[0])
    return f"{(~close).sum()} of {close.size} differ, first at {list(at)}: {got[at]}, expected {expected[at]}"


class Runner:
    """Runs cases through one process of the tool; starts another where it dies."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.process = None

    def run(self, line):
        if self.process is None:
            self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            status = self.process.wait()
            self.process = None
            return f"error\tcrash\texit status {status}"
        return answer.rstrip("\n")

    def case(self, case):
        """None where the case passes, else why not."""
        folder = self.folder / case.name
        folder.mkdir(exist_ok=True)
        model = folder / "model.onnx"
        model.write_bytes(case.model.SerializeToString())
        ops = {name for _, name in operators(case.model.graph, case.model.functions)}
        random = bool(ops & RANDOM) or case.name.startswith(RANDOM_CASES)
        for inputs, outputs in case.data_sets:
            specifications = [write_value(value, f"{folder}/in{i}.pb") for i, value in enumerate(inputs)]
            answer = self.run("\t".join([str(model), str(folder), *specifications])).split("\t")
            if answer[0] != "ok":
                return ": ".join(answer)
            for i, (expected, kind) in enumerate(zip(outputs, answer[1:], strict=True)):
                rtol = max(case.rtol, ULPS.get(kind[2:], 0))
                atol = max(case.atol, ATOL.get(case.name, 0))
                wrong = self.output(expected, kind, f"{folder}/{i}", rtol, atol, not random)
                if wrong:
                    return f"output {i}: {wrong}"
        return None

    def output(self, expected, kind, path, rtol, atol, values):
        if expected is None or kind == "n":
            return None if expected is None and kind == "n" else f"{kind}, expected {expected}"
        if not isinstance(expected, list):
            if kind[0] != "t":
                return f"{kind}, expected a tensor"
            return compare(expected, read_array(f"{path}.npy", kind[2:]), kind[2:], rtol, atol, values)
        names = [name for name in kind[2:].split(",") if name]
        if len(names) != len(expected):
            return f"{len(names)} items, expected {len(expected)}"
        for i, (item, name) in enumerate(zip(expected, names, strict=True)):
            wrong = compare(item, read_array(f"{path}.{i}.npy", name), name, rtol, atol, values)
            if wrong:
                return f"item {i}: {wrong}"
        return None

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def known_operators():
    lines = subprocess.run([TOOL, "--ops"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {tuple(line.split("\t")[:2]) for line in lines}


def run_all(wanted=lambda name: True):
    """(passed names, {name: why} failed, {operator: cases} not implemented)."""
    known = known_operators() | REPLACED
    passed, failed, missing = [], {}, collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(folder)
        for case in node_cases():
            if not wanted(case.name) or case.name in EXCEPTIONS:
                continue
            lacking = operators(case.model.graph, case.model.functions) - known
            if lacking:
                missing.update(f"{domain}.{name}".lstrip(".") for domain, name in lacking)
                continue
            why = runner.case(case)
            if why is None:
                passed.append(case.name)
            else:
                failed[case.name] = why
        runner.close()
    return passed, failed, missing


def report(passed, failed, missing):
    for name, why in failed.items():
        print(f"FAILED {name}: {why}")
    print(f"{len(passed)} cases passed, {len(failed)} failed; {len(missing)} operators are not implemented:")
    print(" ".join(f"{name}({count})" for name, count in sorted(missing.items())))


@pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")
def test_node_cases():
    passed, failed, missing = run_all()
    report(passed, failed, missing)
    assert passed
    assert not failed


if __name__ == "__main__":
    names = sys.argv[1:]
    report(*run_all(lambda name: not names or any(part in name for part in names)))
