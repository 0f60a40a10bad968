"""The four kinds of optimisation by one example each, as people write them in PyTorch, and as hand-written ONNX.

python -m cycloid.zoo.founding FOLDER [--small] writes NAME.onnx for each, and NAME_torch.onnx for those that
torch.onnx.export can write (torch need not be there).
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FULL = {"rows": 2000, "columns": 5000, "trace": 1000, "elements": 100_000, "segments": 3, "branches": 16, "width": 64}
SMALL = {"rows": 20, "columns": 50, "trace": 40, "elements": 1000, "segments": 3, "branches": 4, "width": 8}


def info(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(path, nodes, inputs, outputs, constants=()):
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def double_transpose(path, size):
    """(a.T + b).T: fewer nodes."""
    rows, columns = size["rows"], size["columns"]
    nodes = [
        helper.make_node("Transpose", ["a"], ["at"], perm=[1, 0]),
        helper.make_node("Add", ["at", "b"], ["sum"]),
        helper.make_node("Transpose", ["sum"], ["y"], perm=[1, 0]),
    ]
    save(path, nodes, [info("a", [rows, columns]), info("b", [columns, rows])], [info("y", [rows, columns])])


def body(nodes, carried=(), outputs=()):
    nodes = [helper.make_node("Identity", ["cond"], ["cond_out"]), *nodes]
    inputs = [info("i", [], TensorProto.INT64), info("cond", [], TensorProto.BOOL), *carried]
    return helper.make_graph(nodes, "body", inputs, [info("cond_out", [], TensorProto.BOOL), *outputs])


def trace(path, size):
    """The sum of a[i][i] by a loop: a cheaper node."""
    n = size["trace"]
    loop = body(
        [
            helper.make_node("Gather", ["a", "i"], ["row"], axis=0),
            helper.make_node("Gather", ["row", "i"], ["element"], axis=0),
            helper.make_node("Add", ["sum", "element"], ["sum_out"]),
        ],
        [info("sum", [])],
        [info("sum_out", [])],
    )
    nodes = [helper.make_node("Loop", ["n", "", "zero"], ["y"], body=loop)]
    save(path, nodes, [info("a", [n, n])], [info("y", [])], [("n", np.int64(n)), ("zero", np.float32(0))])


def segment_sum(path, size):
    """Sums of segments, a mask for each: a cheaper subgraph."""
    nodes, sums = [], []
    for k in range(size["segments"]):
        nodes += [
            helper.make_node("Equal", ["index", f"segment{k}"], [f"mask{k}"]),
            helper.make_node("Where", [f"mask{k}", "x", "zero"], [f"kept{k}"]),
            helper.make_node("ReduceSum", [f"kept{k}", "axis"], [f"sum{k}"], keepdims=1),
        ]
        sums.append(f"sum{k}")
    nodes.append(helper.make_node("Concat", sums, ["y"], axis=0))
    constants = [(f"segment{k}", np.int64(k)) for k in range(size["segments"])]
    constants += [("zero", np.float32(0)), ("axis", np.array([0]))]
    inputs = [info("x", [size["elements"]]), info("index", [size["elements"]], TensorProto.INT64)]
    save(path, nodes, inputs, [info("y", [size["segments"]])], constants)


def independent_loop(path, size):
    """A loop whose iterations do not depend on each other: parallel branches."""
    n, width = size["branches"], size["width"]
    rng = np.random.default_rng(1)
    loop = body(
        [
            helper.make_node("Gather", ["x", "i"], ["xi"], axis=0),
            helper.make_node("MatMul", ["xi", "w1"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["positive"]),
            helper.make_node("MatMul", ["positive", "w2"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["p"], axis=-1),
        ],
        outputs=[info("p", [width, width])],
    )
    nodes = [helper.make_node("Loop", ["n", ""], ["y"], body=loop)]
    weights = [(name, rng.standard_normal((width, width)).astype(np.float32) / width**0.5) for name in ("w1", "w2")]
    shape = [n, width, width]
    save(path, nodes, [info("x", shape)], [info("y", shape)], [("n", np.int64(n)), *weights])


MAKERS = {
    "double_transpose": double_transpose,
    "trace": trace,
    "segment_sum": segment_sum,
    "independent_loop": independent_loop,
}


def feeds(name, size):
    """Inputs that the example is measured with, by name."""
    rng = np.random.default_rng(2)

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    rows, columns = size["rows"], size["columns"]
    return {
        "double_transpose": lambda: {"a": floats(rows, columns), "b": floats(columns, rows)},
        "trace": lambda: {"a": floats(size["trace"], size["trace"])},
        "segment_sum": lambda: {
            "x": floats(size["elements"]),
            "index": rng.integers(0, size["segments"], size["elements"]),
        },
        "independent_loop": lambda: {"x": floats(size["branches"], size["width"], size["width"])},
    }[name]()


def torch_modules(size):
    """The same as torch.nn.Modules with their inputs."""
    import torch

    class DoubleTranspose(torch.nn.Module):
        def forward(self, a, b):
            return (a.T + b).T

    class Trace(torch.nn.Module):
        def forward(self, a):
            total = torch.zeros(())
            for i in range(a.shape[0]):
                total = total + a[i][i]
            return total

    class SegmentSum(torch.nn.Module):
        def forward(self, x, index):
            zero = torch.zeros(())
            return torch.stack([torch.where(index == k, x, zero).sum() for k in range(size["segments"])])

    class IndependentLoop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            width = size["width"]
            generator = torch.Generator().manual_seed(1)
            self.w1 = torch.nn.Parameter(torch.randn(width, width, generator=generator) / width**0.5)
            self.w2 = torch.nn.Parameter(torch.randn(width, width, generator=generator) / width**0.5)

        def forward(self, x):
            outputs = []
            for i in range(x.shape[0]):
                outputs.append(torch.softmax(torch.relu(x[i] @ self.w1) @ self.w2, -1))
            return torch.stack(outputs)

    modules = {
        "double_transpose": DoubleTranspose,
        "trace": Trace,
        "segment_sum": SegmentSum,
        "independent_loop": IndependentLoop,
    }
    for name, module in modules.items():
        yield name, module().eval(), [torch.from_numpy(array) for array in feeds(name, size).values()]


def export_torch(folder, size, dynamo):
    """Paths of what torch.onnx.export writes; why it does not is printed."""
    import torch

    written = {}
    # A loop in Python is unrolled: a trace of 1000 is 3000 nodes, which says nothing more than one of 40.
    for name, module, inputs in torch_modules({**size, "trace": min(size["trace"], 40)}):
        path = folder / f"{name}_{'dynamo' if dynamo else 'torchscript'}.onnx"
        names = list(feeds(name, SMALL))
        try:
            torch.onnx.export(
                module, tuple(inputs), str(path), input_names=names, output_names=["y"], dynamo=dynamo, verbose=False
            )
            written[name] = path
        except Exception as error:  # noqa: BLE001 - an exporter's failure is a fact to tell
            print(
                f"{name}: the {'new' if dynamo else 'old'} exporter fails: {str(error).splitlines()[0]}",
                file=sys.stderr,
            )
    return written


def make_all(folder, size):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, maker in MAKERS.items():
        written[name] = folder / f"{name}.onnx"
        maker(written[name], size)
    return written


if __name__ == "__main__":
    chosen = SMALL if "--small" in sys.argv else FULL
    target = pathlib.Path(sys.argv[1])
    make_all(target, chosen)
    try:
        for new in (False, True):
            export_torch(target, chosen, new)
    except ImportError:
        print("torch is not there: only the hand-written forms", file=sys.stderr)
