"""The table of docs/optimize.md: node counts beside other optimisers, and the gain on ONNX Runtime and the native engine.

./dev bench-optimize [--models REGEX] [--seconds N] [--resume] [--budget SECONDS] [--output FILE] [--pictures]

Every model is optimised by each tool in a process of its own. Nodes are counted with those of subgraphs and functions'
calls, without Constant nodes (they are data, which some tools write as nodes and others as initialisers). Gains are of what
`cycloid optimize` writes when nothing is measured: see optimize_gains.py. A long run can be made in pieces: counts first, then
--resume with --seconds and a --budget until nothing is left; what is there already is kept in build/optimizers/rows.json.
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
import time

import numpy as np
import onnx

from cycloid.zoo import founding
from real_models import SOURCE, feeds_of, light_models, real_models, run_shapes

CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", SOURCE / "build" / "cycloid"))
OPTIMIZERS = SOURCE / "build" / "optimizers"  # where ./dev installs requirements-optimizers.txt
OUTPUT = OPTIMIZERS / "models"  # what was written
GAINS = pathlib.Path(__file__).resolve().parent / "optimize_gains.py"
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


def by_cycloid(source, target, samples):
    """With as much room for folded constants as the other tools take, so that counts compare."""
    command = [str(CLI), "optimize", str(source), "-o", str(target), "--verify-seconds", "10", "--fold-limit", "1024"]
    if samples:
        command += ["--samples", str(samples)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "takes too long")


def gain(backend, source, target, samples, seconds):
    """What the table says of the speed; in a process of its own, as a runtime may end it."""
    command = [sys.executable, GAINS, backend, seconds, source, target, samples]
    try:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {"problem": "it ended the process"}
    except subprocess.TimeoutExpired:
        found = {"problem": "takes too long"}
    if "problem" in found:
        return "not run"
    low, high = found["low"], found["high"]
    if low <= 1 <= high:
        return "no difference"
    return f"{found['gain']:.2f}× ({low:.2f}–{high:.2f})"


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


def counted(label, source, feeds):
    """The row without gains. What was written stays, for measuring and for a look."""
    samples, target = OUTPUT / f"{label}.npz", OUTPUT / f"{label}.onnx"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for stale in (samples, target):
        stale.unlink(missing_ok=True)
    if feeds is not None:
        np.savez(samples, **feeds)
    cells = {"model": label, "original": nodes_of(source)}
    with tempfile.TemporaryDirectory() as name:
        for tool in TOOLS:
            cells[tool] = nodes_by_tool(tool, source, feeds, pathlib.Path(name))
    done = by_cycloid(source, target, samples if feeds is not None else None)
    if done.returncode != 0:
        print(f"{label}: {done.stderr.strip()}", file=sys.stderr)
        cells["cycloid"] = "fails"
    else:
        cells["cycloid"] = nodes_of(target) if runs(target, feeds) else "broken"
    counts = [cells[tool] for tool in TOOLS if isinstance(cells[tool], int)]
    best = min([cells["original"], *counts])
    cells["best"] = isinstance(cells["cycloid"], int) and cells["cycloid"] <= best
    return cells


def measure(cells, source, seconds):
    samples, target = OUTPUT / f"{cells['model']}.npz", OUTPUT / f"{cells['model']}.onnx"
    for backend in ("onnxruntime", "cycloid"):
        usable = isinstance(cells["cycloid"], int) and samples.exists()
        cells[f"on {backend}"] = gain(backend, source, target, samples, seconds) if usable else "not run"


class Rows:
    """Rows by label, kept in a file, so that a run that was stopped goes on where it was."""

    def __init__(self, path, keep):
        self.path = path
        self.rows = json.loads(path.read_text()) if keep and path.exists() else {}

    def put(self, group, cells):
        self.rows[cells["model"]] = {"group": group, **cells}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.rows, indent=1))
        print(json.dumps(cells), file=sys.stderr, flush=True)

    def of(self, group, labels):
        return [self.rows[label] for label in labels if label in self.rows and self.rows[label]["group"] == group]


def models(pattern):
    shapes = run_shapes()
    for path in [*real_models(), *light_models()]:
        if re.search(pattern, path.stem):
            yield path.stem, path, lambda path=path: feeds_of(path, shapes.get(path.stem, {}))


def table(rows):
    measured = any("on onnxruntime" in cells for cells in rows)
    head = ["model", "original", *TOOLS, "Cycloid"]
    if measured:
        head += ["on ONNX Runtime", "on the native engine"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for cells in rows:
        ours = f"**{cells['cycloid']}**" if cells["best"] else str(cells["cycloid"])
        line = [cells["model"], str(cells["original"]), *[str(cells[tool]) for tool in TOOLS], ours]
        if measured:
            line += [cells.get("on onnxruntime", ""), cells.get("on cycloid", "")]
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines) + "\n"


def founding_models(keep):
    """Exported once for a run made in pieces: PyTorch's exporters take a while."""
    folder, manifest = OUTPUT / "examples", OUTPUT / "examples.json"
    if not (keep and manifest.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        made = founding.make_all(folder, founding.FULL)
        paths = {name: (str(path), founding.FULL, name) for name, path in made.items()}
        try:
            for dynamo in (False, True):
                kind = "new" if dynamo else "old"
                for name, path in founding.export_torch(folder, founding.FULL, dynamo).items():
                    size = {**founding.FULL, "trace": 40}
                    paths[f"{name}, PyTorch's {kind} exporter"] = (str(path), size, name)
        except ImportError:
            print("torch is not there: only the hand-written forms", file=sys.stderr)
        manifest.write_text(json.dumps(paths))
    for label, (path, size, name) in json.loads(manifest.read_text()).items():
        yield label, pathlib.Path(path), lambda name=name, size=size: dict(founding.feeds(name, size))


def pictures(folder):
    """docs/optimizer/NAME.svg: the founding examples before and after."""
    target = SOURCE / "docs" / "optimizer"
    target.mkdir(parents=True, exist_ok=True)
    for name, path in founding.make_all(folder, founding.SMALL).items():
        command = [CLI, "optimize", path, "-o", folder / "out.onnx", "--picture", target / f"{name}.svg"]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)


def write_page(rows, labels, path):
    examples, others = rows.of("examples", labels), rows.of("models", labels)
    ahead = sum(cells["best"] for cells in others)
    text = f"""# Node counts and gains, beside other optimisers

Written by `./dev bench-optimize`; not edited by hand. Versions: {versions()}.

Nodes are counted with those of subgraphs and without Constant nodes; a bold count is at or below that of every other tool. "broken": ONNX
Runtime does not run what the tool wrote. All counts are with `--fold-limit 1024`, as the other tools fold constants of any size; with the
default of 16 MiB, models that make their weights by ConstantOfShape (light_bvlc_alexnet, light_vgg19, light_zfnet512) keep these nodes and stay small.
A gain is the median time of the original over that of the optimised model (so more than 1 is faster), 1 thread, called from Python (some 10 µs
of each run), in processes of their own, in turns. Its interval is that of 95 % of resamples, widened by the difference between two loads of
a model; "no difference" where it holds 1.
Tables without gains were made with --seconds 0, for the counts alone; "not run" where the runtime does not take the original or no inputs were made.

## The four examples

{table(examples)}
## Models

At or below every other tool on {ahead} of {len(others)} models.

{table(others)}"""
    path.write_text(text)


def versions():
    import importlib.metadata as metadata

    sys.path.insert(0, str(OPTIMIZERS))
    names = ["onnx", "onnxruntime", *TOOLS]
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def main():
    parser = argparse.ArgumentParser(
        prog="./dev bench-optimize", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default=".", help="a regular expression of models' names")
    parser.add_argument("--seconds", type=float, default=5, help="about how long to time each model; 0: do not")
    parser.add_argument(
        "--resume", action="store_true", help="keep the counts and gains of an earlier run, and add what is missing"
    )
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no model is begun")
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "docs" / "optimize.md")
    parser.add_argument("--pictures", action="store_true", help="only draw the pictures of docs/optimizer.md")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.budget
    left = 0
    if arguments.pictures or not arguments.resume:
        with tempfile.TemporaryDirectory() as name:
            pictures(pathlib.Path(name))
    if arguments.pictures:
        return
    rows = Rows(OPTIMIZERS / "rows.json", arguments.resume)
    everything = [("examples", *one) for one in founding_models(arguments.resume)]
    everything += [("models", *one) for one in models(".")]
    labels = [label for _, label, _, _ in everything]
    for group, label, source, make_feeds in everything:
        cells = rows.rows.get(label)
        missing = cells is None or (arguments.seconds > 0 and "on cycloid" not in cells)
        if not missing or not re.search(arguments.models, label):
            continue
        if time.monotonic() > end:
            left += 1
            continue
        if cells is None:
            cells = counted(label, source, make_feeds())
        if arguments.seconds > 0:
            measure(cells, source, arguments.seconds)
        rows.put(group, cells)
    write_page(rows, labels, arguments.output)
    print(f"{arguments.output}: {len(rows.rows)} models" + (f", {left} to go: --resume" if left else ""))


if __name__ == "__main__":
    main()
