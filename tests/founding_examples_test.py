"""The founding document's four examples, from PyTorch code through both of its exporters: the optimiser rewrites each, and
ONNX Runtime gives the same for the optimised file, in shapes and with values that the rewriting could go wrong on."""

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def transposed_sum(a, b):
    return (a.T + b).T


@torch.jit.script
def trace_by_loop(a):
    s = torch.zeros([], dtype=a.dtype)
    for i in range(a.size(0)):
        s = s + a[i][i]
    return s


def trace_unrolled(a):
    s = 0
    for i in range(6):
        s = s + a[i][i]
    return s


def trace_by_einsum(a):
    return torch.einsum("ii->", a)


def trace_by_mask(a):
    return torch.where(torch.eye(6, dtype=torch.bool), a, 0.0).sum()


@torch.jit.script
def segments_by_loop(x, ids):
    sums = []
    for i in range(int(ids.max().item()) + 1):
        sums.append(x[ids == i].sum())
    return torch.stack(sums)


@torch.jit.script
def segments_written_by_loop(x, ids):
    n = int(ids.max().item()) + 1
    sums = torch.zeros([n], dtype=x.dtype)
    for i in range(n):
        sums[i] = x[ids == i].sum()
    return sums


def segments_by_index(x, ids):
    return torch.stack([x[ids == i].sum() for i in range(3)])


def segments_by_where(x, ids):
    return torch.stack([torch.where(ids == i, x, 0.0).sum() for i in range(3)])


@torch.jit.script
def branches_by_loop(x, w, v):
    results = []
    for i in range(16):
        results.append(torch.softmax(torch.relu(x[i] @ w) @ v, dim=-1))
    return torch.stack(results)


def branches_unrolled(x, w, v):
    return torch.stack([torch.softmax(torch.relu(x[i] @ w) @ v, dim=-1) for i in range(16)])


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


SQUARE = (random(6, 6),)
SEGMENTS = (random(24), torch.arange(24) % 3)
BRANCHES = (random(16, 8, 8), random(8, 8), random(8, 8))
# Name, function, example arguments, operators that must be gone, operators that must be there, exporters that can.
BOTH = (False, True)
CASES = [
    (transposed_sum, (random(4, 5), random(5, 4)), [], {"Transpose": 1}, BOTH),
    (trace_by_loop, SQUARE, ["Loop", "Gather"], {"ReduceSum": 1, "Slice": 1}, BOTH),
    (trace_unrolled, SQUARE, ["Add", "Gather"], {"ReduceSum": 1, "Slice": 1}, BOTH),
    (trace_by_einsum, SQUARE, ["Einsum"], {"ReduceSum": 1, "Slice": 1}, BOTH),
    (trace_by_mask, SQUARE, ["Where"], {"ReduceSum": 1, "Slice": 1}, BOTH),
    (segments_by_loop, SEGMENTS, ["Loop", "NonZero"], {"ScatterElements": 1}, (False,)),
    (segments_written_by_loop, SEGMENTS, ["Loop", "NonZero"], {"ScatterElements": 1}, (False,)),
    (segments_by_index, SEGMENTS, ["NonZero", "Equal"], {"ScatterElements": 1}, BOTH),
    (segments_by_where, SEGMENTS, ["Where", "Equal"], {"ScatterElements": 1}, BOTH),
    (branches_by_loop, BRANCHES, ["Loop", "Gather"], {"MatMul": 2, "Softmax": 1}, BOTH),
    (branches_unrolled, BRANCHES, ["Gather"], {"MatMul": 2, "Softmax": 1}, BOTH),
]


class Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *arguments):
        return self.function(*arguments)


def export(function, arguments, path, dynamo):
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        settings = {"dynamo": True} if dynamo else {"dynamo": False, "opset_version": 18}
        torch.onnx.export(Module(function).eval(), arguments, str(path), **settings)


def run(path, arguments):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([i.name for i in session.get_inputs()], arguments, strict=True)))[0]


def parameters():
    for function, arguments, gone, there, exporters in CASES:
        name = getattr(function, "name", None) or function.__name__
        for dynamo in exporters:
            yield pytest.param(
                function, arguments, gone, there, dynamo, id=f"{name}-{'dynamo' if dynamo else 'torchscript'}"
            )


@pytest.mark.parametrize(("function", "arguments", "gone", "there", "dynamo"), list(parameters()))
def test_is_rewritten(cycloid, tmp_path, function, arguments, gone, there, dynamo):
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    export(function, arguments, before, dynamo)
    finished = cycloid("optimize", before, "-o", after)
    assert finished.returncode == 0, finished.stderr
    model = onnx.load(after)
    onnx.checker.check_model(model, full_check=True)
    operators = [node.op_type for node in model.graph.node]
    assert not set(gone) & set(operators), operators
    assert {name: operators.count(name) for name in there} == there, operators
    arrays = [argument.numpy() for argument in arguments]
    expected, actual = run(before, arrays), run(after, arrays)
    # Sums of some dozen terms in another order: n * eps * sum|x|.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=24 * 1.2e-7 * 24 * np.abs(expected).max())


@pytest.mark.parametrize("function", [segments_by_loop, segments_written_by_loop, segments_by_index, segments_by_where])
def test_ids_outside_the_segments_and_special_values(cycloid, tmp_path, function):
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    export(function, SEGMENTS, before, dynamo=False)
    assert cycloid("optimize", before, "-o", after).returncode == 0
    x = np.arange(24, dtype=np.float32)
    x[[3, 7]] = np.nan, np.inf
    for highest in (0, 2, 5):
        ids = np.where(np.arange(24) % 5 == 0, -1, np.arange(24) % (highest + 1)).astype(np.int64)
        ids[23] = highest
        np.testing.assert_array_equal(run(after, [x, ids]), run(before, [x, ids]))
