"""The table of docs/optimize.md: node counts beside other optimisers, and the gain on ONNX Runtime and the native engine.

./dev bench-optimize [--models REGEX] [--seconds N] [--output FILE] [--pictures]

Every model is optimised by each tool in a process of its own. Nodes are counted with those of subgraphs and functions'
calls, without Constant nodes (they are data, which some tools write as nodes and others as initialisers). Gains are `cycloid optimize
--measure`: original and optimised take turns in one run, with a 95 % interval.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx

from cycloid.zoo import founding
from real_models import SOURCE, feeds_of, light_models, real_models, run_shapes

CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", SOURCE / "build" / "cycloid"))
OPTIMIZERS = SOURCE / "build" / "optimizers"  # where ./dev installs requirements-optimizers.txt
LIMIT = 600

TOOLS = {
    "onnxsim": "import onnxsim; onnx.save(onnxsim.simplify(onnx.load(a))[0], b)",
    "onnxslim": "import onnxslim; onnx.save(onnxslim.slim(onnx.load(a)), b)",
    "onnxoptimizer": "import onnxoptimizer as o; onnx.save(o.optimize(onnx.load(a), o.get_fuse_and_elimination_passes()), b)",
}


def count_nodes(graph):
    total = 0
    for node in graph.node:
        total += node.op_type != "Constant"
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                total += count_nodes(body)
    return total


def nodes_of(path):
    return count_nodes(onnx.load(path, load_external_data=False).graph)


def runs(path, feeds):
    """Whether ONNX Runtime runs it, so that a count is one of a working model."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        if feeds is not None:
            session.run(None, feeds)
        return True
    except Exception:  # noqa: BLE001 - whatever it is
        return False


def by_tool(tool, source, target):
    code = f"import sys, onnx; a, b = sys.argv[1:]; {TOOLS[tool]}"
    environment = {**os.environ, "PYTHONPATH": str(OPTIMIZERS)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, source, target], capture_output=True, text=True, timeout=LIMIT, env=environment
        )
    except subprocess.TimeoutExpired:
        return "takes too long"
    return None if done.returncode == 0 and target.exists() else "fails"


def by_cycloid(source, target, samples, seconds):
    command = [str(CLI), "optimize", str(source), "-o", str(target), "--verify-seconds", "10"]
    if samples:
        command += ["--samples", str(samples)]
    if seconds:
        command += ["--measure", "onnxruntime,cycloid", "--measure-seconds", str(seconds)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "takes too long")


def gain(output, backend):
    found = re.search(rf"^{backend}: (.*?) \(\d+ thread", output, re.M)
    return found[1] if found else ""


def nodes_by_tool(tool, source, feeds, folder):
    """The count, or what went wrong; remembered by what is in the file, as these tools take minutes for some models."""
    key = f"{tool} {hashlib.sha256(source.read_bytes()).hexdigest()}"
    memory = OPTIMIZERS / "counts.json"
    known = json.loads(memory.read_text()) if memory.exists() else {}
    if key not in known:
        target = folder / f"{tool}.onnx"
        target.unlink(missing_ok=True)
        problem = by_tool(tool, source, target)
        if problem is None and not runs(target, feeds):
            problem = "broken"
        known[key] = problem or nodes_of(target)
        memory.write_text(json.dumps(known))
    return known[key]


def row(name, source, feeds, folder, arguments):
    samples = None
    if feeds is not None:
        samples = folder / "samples.npz"
        np.savez(samples, **feeds)
    cells = {"model": name, "original": nodes_of(source)}
    for tool in TOOLS:
        cells[tool] = nodes_by_tool(tool, source, feeds, folder)
    target = folder / "cycloid.onnx"
    target.unlink(missing_ok=True)
    # Nodes as optimised; speed as shipped, which may be less where a change does not pay.
    done = by_cycloid(source, target, samples, 0)
    if done.returncode != 0:
        print(f"{name}: {done.stderr.strip()}", file=sys.stderr)
        cells["cycloid"] = "fails"
    else:
        cells["cycloid"] = nodes_of(target) if runs(target, feeds) else "broken"
        if arguments.seconds:
            done = by_cycloid(source, target, samples, arguments.seconds)
            cells["onnxruntime"] = gain(done.stdout, "onnxruntime")
            cells["native"] = gain(done.stdout, "cycloid")
    counts = [cells[tool] for tool in TOOLS if isinstance(cells[tool], int)]
    best = min([cells["original"], *counts])
    cells["best"] = isinstance(cells["cycloid"], int) and cells["cycloid"] <= best
    return cells


def models(pattern):
    shapes = run_shapes()
    for path in [*real_models(), *light_models()]:
        if re.search(pattern, path.stem):
            yield path.stem, path, shapes.get(path.stem, {})


def table(rows):
    measured = any("onnxruntime" in cells for cells in rows)
    head = ["model", "original", *TOOLS, "Cycloid"]
    if measured:
        head += ["on ONNX Runtime", "on the native engine"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for cells in rows:
        ours = f"**{cells['cycloid']}**" if cells["best"] else str(cells["cycloid"])
        line = [cells["model"], str(cells["original"]), *[str(cells[tool]) for tool in TOOLS], ours]
        if measured:
            line += [cells.get("onnxruntime", ""), cells.get("native", "")]
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines) + "\n"


def founding_rows(folder, arguments):
    rows = []
    paths = {**{name: (path, founding.FULL, name) for name, path in founding.make_all(folder, founding.FULL).items()}}
    try:
        for dynamo in (False, True):
            kind = "new" if dynamo else "old"
            for name, path in founding.export_torch(folder, founding.FULL, dynamo).items():
                size = {**founding.FULL, "trace": 40}
                paths[f"{name}, PyTorch's {kind} exporter"] = (path, size, name)
    except ImportError:
        print("torch is not there: only the hand-written forms", file=sys.stderr)
    for label, (path, size, name) in paths.items():
        feeds = {key: value for key, value in founding.feeds(name, size).items()}
        rows.append(row(label, path, feeds, folder, arguments))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def pictures(folder):
    """docs/optimizer/NAME.svg: the founding examples before and after."""
    target = SOURCE / "docs" / "optimizer"
    target.mkdir(parents=True, exist_ok=True)
    for name, path in founding.make_all(folder, founding.SMALL).items():
        command = [CLI, "optimize", path, "-o", folder / "out.onnx", "--picture", target / f"{name}.svg"]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)


def write_page(rows, founding_table, path):
    ahead = sum(cells["best"] for cells in rows)
    text = f"""# Node counts and gains, beside other optimisers

Written by `./dev bench-optimize`; not edited by hand. Versions: {versions()}.

Nodes are counted with those of subgraphs and without Constant nodes; a bold count is at or below that of every other tool. "broken": ONNX
Runtime does not run what the tool wrote. A gain is the median time of the original over that of the optimised model (so
more than 1 is faster), 1 thread, both in the same run in turns, with its 95 % interval; "no difference" where the interval holds 1.
Tables without gains were made with --seconds 0, for the counts alone.

## The four examples

{table(founding_table)}
## Models

At or below every other tool on {ahead} of {len(rows)} models.

{table(rows)}"""
    path.write_text(text)


def versions():
    import importlib.metadata as metadata

    sys.path.insert(0, str(OPTIMIZERS))
    names = ["onnx", "onnxruntime", *TOOLS]
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=".", help="a regular expression of models' names")
    parser.add_argument("--seconds", type=float, default=5, help="about how long to time each model; 0: do not")
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "docs" / "optimize.md")
    parser.add_argument("--pictures", action="store_true", help="only draw the pictures of docs/optimizer.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pictures(folder)
        if arguments.pictures:
            return
        founding_table = founding_rows(folder, arguments)
        rows = []
        for model, path, shapes in models(arguments.models):
            rows.append(row(model, path, feeds_of(path, shapes), folder, arguments))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            write_page(rows, founding_table, arguments.output)
    print(f"{arguments.output}: {len(rows)} models")


if __name__ == "__main__":
    main()
