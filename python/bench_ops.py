"""The table of docs/ops.md: single operators on the native engine beside ONNX Runtime, 1 thread.

./dev bench-ops [--ops REGEX] [--loops N] [--seconds N] [--new] [--forget] [--prepare] [--output FILE]

Operators come from two places: those of the models in ../shared/models, cut out at the sizes and with the values that they
have there (of each operator and element type the largest), and a list of common sizes for what these models lack. Each is a
model of one node; `cycloid bench` runs both engines in turns, in processes of their own, and checks the outputs. What was
measured is kept in build/bench_ops.json, so that parts can be measured one by one.
"""

import argparse
import importlib.metadata as metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import helper, numpy_helper

import bench_ops_cases
import bench_ops_others
import bench_optimize
from bench_models import without_folders

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", SOURCE / "build" / "cycloid"))
FOLDER = SOURCE / "build" / "bench_ops"  # the models of one node, with their inputs
MEMORY = SOURCE / "build" / "bench_ops.json"
SKIPPED = {"Constant", "Identity", "If", "Loop", "Scan", "ZipMap"}  # data, nothing, or made of other operators
BOUND = 1.5


class Case:
    """One node with its inputs: constants are initialisers, the others are fed."""

    def __init__(self, name, node, constants, feeds, outputs, opsets, count=1):
        self.name, self.node, self.constants, self.feeds = name, node, constants, feeds
        self.outputs, self.opsets, self.count = outputs, opsets, count

    def shapes(self):
        text = []
        for name in self.node.input:
            value = self.feeds.get(name, self.constants.get(name))
            if value is not None:
                text.append(f"{value.dtype}[{','.join(map(str, value.shape))}]")
        return ", ".join(text)

    def model(self):
        def value(name, array):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

        graph = helper.make_graph(
            [self.node],
            "g",
            [value(name, array) for name, array in self.feeds.items()],
            [
                value(name, array) if array is not None else onnx.ValueInfoProto(name=name)
                for name, array in self.outputs
            ],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=self.opsets, ir_version=10)


def run_all(model, feeds):
    """All values of the main graph, by ONNX Runtime without optimisation."""
    import onnxruntime as ort

    model = onnx.ModelProto.FromString(model.SerializeToString())
    outputs = {value.name for value in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in outputs:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
                outputs.add(name)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {**feeds, **dict(zip(names, session.run(names, feeds), strict=True))}


def cut_out(label, node, values, constants, opsets):
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    fed = {}
    fixed = {}
    for name in node.input:
        if not name:
            continue
        if name in constants:
            fixed[name] = constants[name]
        elif isinstance(values.get(name), np.ndarray) and values[name].dtype.kind in "fiub":
            fed[name] = values[name]
        else:
            return None
    outputs = [(name, values.get(name)) for name in node.output if name]
    if not fed or not all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for _, array in outputs):
        return None
    return Case(label, plain, fixed, fed, outputs, opsets)


def from_models():
    """Of each operator and element type the node with the most elements, and how many nodes there are like it."""
    largest = {}
    for name, path, make_feeds in bench_optimize.models("."):
        if name.startswith("light_"):
            continue
        model = onnx.load(path)
        feeds = make_feeds()
        if feeds is None:
            continue
        try:
            values = run_all(model, feeds)
        except Exception as problem:  # noqa: BLE001 - a model that ONNX Runtime declines is not comparable
            print(f"{name}: {str(problem)[:120]}", file=sys.stderr)
            continue
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        for node in model.graph.node:
            if node.op_type in SKIPPED:
                continue
            case = cut_out(f"{node.op_type} of {name}", node, values, constants, model.opset_import)
            if case is None:
                continue
            arrays = [*case.feeds.values(), *(array for _, array in case.outputs)]
            size = sum(array.size for array in [*arrays, *case.constants.values()])
            key = (node.domain, node.op_type, str(arrays[0].dtype))
            known = largest.get(key)
            if known is None or size > known[0]:
                case.count = known[1].count if known else 0
                largest[key] = (size, case)
            largest[key][1].count += 1
    return [case for _, case in (largest[key] for key in sorted(largest))]


def listed():
    """Sizes of fraud detection, recommendation and trading, for what the models lack."""
    rng = np.random.default_rng(0)

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    def ints(high, *shape):
        return rng.integers(0, high, shape)

    def bools(*shape):
        return rng.random(shape) < 0.5

    def case(name, op, inputs, *, constant=(), domain="", outputs=1, opset=21, attributes=None, **more):
        names = [f"i{k}" if array is not None else "" for k, array in enumerate(inputs)]
        node = helper.make_node(
            op, names, [f"o{k}" for k in range(outputs)], domain=domain, **(attributes or {}), **more
        )
        given = {key: array for key, array in zip(names, inputs, strict=True) if key}
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
        opsets.append(helper.make_opsetid("com.microsoft", 1))
        fixed = {f"i{k}": given.pop(f"i{k}") for k in constant}
        return Case(name, node, fixed, given, [(output, None) for output in node.output], opsets)

    def recurrent(name, op, gates, steps, batch, size, hidden, directions=1, **more):
        weights = [floats(directions, gates * hidden, n) / np.float32(np.sqrt(hidden)) for n in (size, hidden)]
        bias = floats(directions, 2 * gates * hidden) * np.float32(0.1)
        more |= {"direction": "bidirectional"} if directions == 2 else {}
        inputs = [floats(steps, batch, size), *weights, bias]
        return case(name, op, inputs, constant=(1, 2, 3), outputs=2, hidden_size=hidden, **more)

    yield recurrent("LSTM, 50 steps, 1 row, 64 units", "LSTM", 4, 50, 1, 32, 64)
    yield recurrent("LSTM, 30 steps, 32 rows, 128 units", "LSTM", 4, 30, 32, 32, 128)
    yield recurrent("LSTM, both directions, 64 steps, 1 row, 128 units", "LSTM", 4, 64, 1, 64, 128, 2)
    yield recurrent("GRU, 50 steps, 1 row, 64 units", "GRU", 3, 50, 1, 32, 64)
    yield recurrent(
        "GRU, linear before reset, 30 steps, 16 rows, 128 units", "GRU", 3, 30, 16, 32, 128, linear_before_reset=1
    )
    yield recurrent("RNN, 50 steps, 8 rows, 64 units", "RNN", 1, 50, 8, 32, 64)
    for rows, columns, trees, depth in [(1, 30, 200, 6), (1000, 30, 200, 6), (64, 100, 500, 8), (1, 30, 20, 4)]:
        yield case(
            f"TreeEnsembleRegressor, {trees} trees of depth {depth}, {rows} rows",
            "TreeEnsembleRegressor",
            [floats(rows, columns)],
            domain="ai.onnx.ml",
            **random_trees(rng, trees, depth, columns),
        )
    yield case(
        "LinearClassifier, 64 rows of 30, 3 classes",
        "LinearClassifier",
        [floats(64, 30)],
        domain="ai.onnx.ml",
        outputs=2,
        coefficients=floats(90).tolist(),
        intercepts=floats(3).tolist(),
        classlabels_ints=[0, 1, 2],
        post_transform="SOFTMAX",
    )
    yield case(
        "LinearRegressor, 64 rows of 30",
        "LinearRegressor",
        [floats(64, 30)],
        domain="ai.onnx.ml",
        coefficients=floats(30).tolist(),
        intercepts=[0.5],
    )
    yield case(
        "Scaler, 256 rows of 30",
        "Scaler",
        [floats(256, 30)],
        domain="ai.onnx.ml",
        offset=floats(30).tolist(),
        scale=floats(30).tolist(),
    )
    yield case("Normalizer, 256 rows of 30", "Normalizer", [floats(256, 30)], domain="ai.onnx.ml", norm="L2")
    yield case("Gather, 128 x 26 embeddings of 16", "Gather", [floats(10000, 16), ints(10000, 128, 26)], constant=(0,))
    yield case("Gather, 64 embeddings of 64", "Gather", [floats(100000, 64), ints(100000, 64)], constant=(0,))
    yield case("Gather, columns", "Gather", [floats(256, 64), ints(64, 16)], axis=1)
    yield case("GatherElements, 256 x 64", "GatherElements", [floats(256, 64), ints(64, 256, 64)], axis=1)
    yield case("GatherND, 4096 rows of 16", "GatherND", [floats(64, 64, 16), ints(64, 4096, 2)])
    yield case(
        "ScatterElements, 256 x 64", "ScatterElements", [floats(256, 64), ints(64, 256, 16), floats(256, 16)], axis=1
    )
    yield case(
        "ScatterND, 512 rows of 64",
        "ScatterND",
        [floats(4096, 64), rng.permutation(4096)[:512].reshape(-1, 1), floats(512, 64)],
    )
    yield case("Where, 128 x 1024", "Where", [bools(128, 1024), floats(128, 1024), floats(128, 1024)])
    yield case("Where, mask and scalar", "Where", [bools(1, 1, 64, 64), floats(4, 8, 64, 64), np.float32(-1e9)])
    yield case("Expand, 64 x 1 x 128", "Expand", [floats(64, 1, 128), np.array([64, 32, 128])], constant=(1,))
    yield case("Tile, 64 x 128", "Tile", [floats(64, 128), np.array([4, 4])], constant=(1,))
    for kind in (np.float32, np.int64, np.int32):
        values = (rng.standard_normal((256, 256)) * 10).astype(kind)
        other = (rng.standard_normal((256, 256)) * 10).astype(kind)
        other[other == 0] = 1
        name = np.dtype(kind).name
        for op in ("Add", "Mul", "Div", "Less", "Equal", "Max"):
            yield case(f"{op}, {name}, 256 x 256", op, [values, other])
        for to in (np.float32, np.int64, np.int32, np.bool_):
            if to is not kind:
                yield case(
                    f"Cast, {name} to {np.dtype(to).name}, 256 x 256",
                    "Cast",
                    [values],
                    to=helper.np_dtype_to_tensor_dtype(np.dtype(to)),
                )
        yield case(f"ArgMax, {name}, 256 x 256", "ArgMax", [values], axis=1)
    for op in ("Add", "Mul", "Div", "Sub"):
        yield case(f"{op}, float64, 256 x 256", op, [rng.random((256, 256)), rng.random((256, 256)) + 1])
    yield case("And, 256 x 256", "And", [bools(256, 256), bools(256, 256)])
    yield case("Not, 256 x 256", "Not", [bools(256, 256)])
    yield case("Pow, square, 256 x 256", "Pow", [floats(256, 256), np.float32(2)], constant=(1,))
    yield case("Pow, 1.7, 256 x 256", "Pow", [np.abs(floats(256, 256)), np.float32(1.7)], constant=(1,))
    yield case("CumSum, 64 x 512", "CumSum", [floats(64, 512), np.array(1)], constant=(1,))
    yield case("TopK, 10 of 1000, 16 rows", "TopK", [floats(16, 1000), np.array([10])], constant=(1,), outputs=2)
    yield case(
        "OneHot, 1024 of 32", "OneHot", [ints(32, 1024), np.array(32), np.array([0, 1], np.float32)], constant=(1, 2)
    )
    yield case("ReduceSum, int64, 256 x 256", "ReduceSum", [ints(10, 256, 256), np.array([1])], constant=(1,))
    yield case("ReduceMean, axes 0 and 2", "ReduceMean", [floats(32, 64, 64), np.array([0, 2])], constant=(1,))
    yield case("Range, 4096", "Range", [np.array(0), np.array(4096), np.array(1)], constant=(0, 2))
    yield case("IsNaN, 256 x 256", "IsNaN", [floats(256, 256)])
    yield case("Sqrt, float64, 256 x 256", "Sqrt", [rng.random((256, 256))])
    yield from bench_ops_cases.composed(case, rng)
    yield from bench_ops_cases.quantized(case, rng)
    yield from bench_ops_cases.vision(case, rng)
    others = bench_ops_others
    for cases in (others.late, others.typed, others.functions, others.vision, others.tables):
        yield from cases(case, rng)


def random_trees(rng, trees, depth, columns):
    """Full trees with random tests, as a boosting library exports them."""
    inner, all_nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    tree = np.repeat(np.arange(trees), all_nodes)
    node = np.tile(np.arange(all_nodes), trees)
    is_inner = node < inner
    leaves = all_nodes - inner
    return {
        "n_targets": 1,
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": node.tolist(),
        "nodes_featureids": np.where(is_inner, rng.integers(0, columns, tree.size), 0).tolist(),
        "nodes_values": np.where(is_inner, rng.standard_normal(tree.size), 0).astype(np.float32).tolist(),
        "nodes_modes": np.where(is_inner, "BRANCH_LEQ", "LEAF").tolist(),
        "nodes_truenodeids": np.where(is_inner, 2 * node + 1, 0).tolist(),
        "nodes_falsenodeids": np.where(is_inner, 2 * node + 2, 0).tolist(),
        "target_treeids": np.repeat(np.arange(trees), leaves).tolist(),
        "target_nodeids": np.tile(np.arange(inner, all_nodes), trees).tolist(),
        "target_ids": [0] * (trees * leaves),
        "target_weights": rng.standard_normal(trees * leaves).astype(np.float32).tolist(),
    }


def bench(path, data, loops, backends="onnxruntime,cycloid"):
    """Medians in microseconds, by backend, and what was wrong."""
    target = path.with_suffix(".json")
    command = [str(CLI), "bench", str(path), "--backends", backends, "--threads", "1", "--json", str(target)]
    command += ["--loops", str(loops), "--rounds", "16", "--warmup", "20"]
    for item in data:
        command += ["--input-data", item]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not target.exists():
        return {"problem": done.stderr.strip()[-300:]}
    report = json.loads(target.read_text())
    row = {}
    for run in report["comparisons"][0]["runs"]:
        if run["status"] == "ok":
            row[run["backend"]] = run["latency_us"]["p50"]
        else:
            row["problem"] = f"{run['backend']}: {run['status']}: {run.get('reason')}"
    return row


def prepare():
    """Writes every case into build/bench_ops, so that measuring does nothing else."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    entries = []
    for index, case in enumerate([*from_models(), *listed()]):
        folder = FOLDER / str(index)
        folder.mkdir(parents=True)
        (folder / "op.onnx").write_bytes(case.model().SerializeToString())
        data = []
        for k, (name, array) in enumerate(case.feeds.items()):
            np.save(folder / f"{k}.npy", array)
            data.append(f"{name}={folder / f'{k}.npy'}")
        entries.append(
            {
                "name": case.name,
                "path": str(folder / "op.onnx"),
                "data": data,
                "shapes": case.shapes(),
                "count": case.count,
            }
        )
    (FOLDER / "cases.json").write_text(json.dumps(entries))


def ratio_of(row):
    return row["cycloid"] / row["onnxruntime"] if "cycloid" in row and "onnxruntime" in row else None


def table(rows):
    lines = [
        "| operator | inputs | ONNX Runtime, us | Cycloid, us | time beside ONNX Runtime's |",
        "| --- | --- | ---: | ---: | ---: |",
    ]

    def order(item):
        return -(ratio_of(item[1]) or 1e9)

    for name, row in sorted(rows.items(), key=order):
        ratio = ratio_of(row)
        if ratio is None:
            lines.append(
                f"| {name} | {row['shapes'][:90]} | | | {without_folders(row.get('problem', 'not measured'))[:120]} |"
            )
            continue
        text = f"**{ratio:.2f}**" if ratio > BOUND else f"{ratio:.2f}"
        lines.append(f"| {name} | {row['shapes'][:90]} | {row['onnxruntime']:.1f} | {row['cycloid']:.1f} | {text} |")
    return "\n".join(lines) + "\n"


def write_page(rows, path):
    measured = [ratio_of(row) for row in rows.values() if ratio_of(row) is not None]
    slow = sum(ratio > BOUND for ratio in measured)
    text = f"""# Single operators beside ONNX Runtime

Written by `./dev bench-ops`; not edited by hand. ONNX Runtime {metadata.version("onnxruntime")}, 1 thread, median of {len(measured)} models of one node each, both engines in
turns in one run. The last column is Cycloid's time over ONNX Runtime's: below 1 Cycloid is faster, bold is slower by more than {BOUND} times. A time of one or
two microseconds is the call, not the operator. Every model has an input that is fed, so that no engine computes the node beforehand; inputs are bound
once, outside of the time, and each engine keeps the memory of its outputs.

{slow} of {len(measured)} are slower than {BOUND} times; {sum(ratio <= 1 for ratio in measured)} are at least as fast.

{table(rows)}"""
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser(
        prog="./dev bench-ops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ops", default=".", help="a regular expression of operators' lines")
    parser.add_argument("--loops", type=int, default=200, help="timed runs of each engine")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after about so long; what is known is written")
    parser.add_argument("--new", action="store_true", help="only what build/bench_ops.json lacks")
    parser.add_argument("--prepare", action="store_true", help="only write the models of one node into build/bench_ops")
    parser.add_argument("--forget", action="store_true", help="first forget what was measured")
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "docs" / "ops.md")
    arguments = parser.parse_args()
    if arguments.prepare or not (FOLDER / "cases.json").exists():
        prepare()
    if arguments.prepare:
        return
    end = time.monotonic() + arguments.seconds
    known = json.loads(MEMORY.read_text()) if MEMORY.exists() and not arguments.forget else {}
    for case in json.loads((FOLDER / "cases.json").read_text()):
        name = case["name"]
        if not re.search(arguments.ops, name) or (arguments.new and name in known):
            continue
        if time.monotonic() > end:
            print("out of time: run again with --new", file=sys.stderr)
            break
        row = bench(pathlib.Path(case["path"]), case["data"], arguments.loops)
        known[name] = {"shapes": case["shapes"], "count": case["count"], **row}
        print(f"{ratio_of(known[name]) or 0:6.2f} {name} {json.dumps(row)}", file=sys.stderr, flush=True)
        MEMORY.write_text(json.dumps(known, indent=1))
    write_page(known, arguments.output)
    print(f"{arguments.output}: {len(known)} operators")


if __name__ == "__main__":
    main()
