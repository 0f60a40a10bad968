"""The table of docs/models.md: every model on every backend at 1 thread and all processors.

./dev bench-models [MODEL...] [--backends NAMES] [--threads COUNTS] [--seconds S] [--stop-after S] [--fresh]

Each model is one `cycloid bench`, in which all backends take turns. What is measured goes into build/bench-models.json at
once; a model that is there already, measured by the same program with the same settings, is not measured again. So a run that
was stopped (or stops by itself, --stop-after) goes on where it was, and the page is made of all that is there.
"""

import argparse
import fnmatch
import hashlib
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from real_models import SOURCE, feeds_of, light_models, real_models, run_shapes

CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", SOURCE / "build" / "cycloid"))
STORE = SOURCE / "build" / "bench-models.json"
OURS = "cycloid"
LIMIT = 900  # seconds for one model before it counts as hanging
MORE_TO_DO = 3  # exit code
SQUEEZENETS = {
    "squeezenet1_0": "cycloid.zoo.squeezenet:squeezenet1_0",
    "squeezenet1_1": "cycloid.zoo.squeezenet:squeezenet1_1",
}
QUANTIZED = ("QLinear", "Quantize", "Dequantize", "Integer", "DynamicQuantize")


# --- measuring ------------------------------------------------------------------------------------------------------


def all_models(light):
    """By name, in the order of the page: what `cycloid bench` takes."""
    models = dict(SQUEEZENETS)
    models.update({path.stem: str(path) for path in [*real_models(), *(light_models() if light else [])]})
    return models


def program_id():
    """Changes whenever the engine does."""
    return hashlib.sha256(CLI.read_bytes()).hexdigest()[:16]


def input_arguments(name, model, folder):
    if name in SQUEEZENETS:
        return ["--input", "x=5x3x64x64"]
    feeds = feeds_of(model, run_shapes().get(name, {}))
    if feeds is None:
        return []
    arguments = []
    for i, (key, values) in enumerate(feeds.items()):
        np.save(folder / f"{i}.npy", values)
        arguments += ["--input-data", f"{key}={folder / f'{i}.npy'}"]
    return arguments


def shapes_as_arguments(arguments, folder):
    """The same for `cycloid inspect`, which takes shapes only."""
    shapes = []
    for text in arguments[1::2]:
        key, file = text.rsplit("=", 1)
        dims = np.load(folder / file, mmap_mode="r").shape
        shapes += ["--input", f"{key}={'x'.join(map(str, dims))}"] if dims else []
    return shapes


def is_fp32_convolutional(name, model, arguments, folder):
    """At least half of the arithmetic is that of float32 convolutions, and nothing is quantised."""
    if name in SQUEEZENETS:
        return True
    command = [CLI, "inspect", model, "--json", *shapes_as_arguments(arguments, folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    if not done.stdout:
        return False
    report = json.loads(done.stdout)
    if any(mark in operator for operator in report["operators"] for mark in QUANTIZED):
        return False
    convolutions = [
        node for node in report["nodes"] if node["operator"] in ("Conv", "ConvTranspose") and node["depth"] == 0
    ]
    if not all(node["output"].startswith("float[") for node in convolutions):
        return False
    flops = sum(node["flops"] for node in convolutions if isinstance(node["flops"], int))
    total = report["total"]["flops"]
    return isinstance(total, int) and total > 0 and flops >= total / 2


def bench(name, model, settings):
    """What the page needs of one `cycloid bench`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        inputs = input_arguments(name, model, folder)
        command = [CLI, "bench", model, *inputs, "--json", folder / "bench.json"]
        for key in ("backends", "threads", "loops", "seconds"):
            command += [f"--{key}", str(settings[key])]
        for option in settings["options"]:
            command += ["--option", option]
        # A model that the engine does not run has no profile; the others are measured all the same.
        for profile in (["--profile", folder / "trace.json"], []):
            environment = {**os.environ, "PYTHONPATH": str(SOURCE / "python")}
            try:
                done = subprocess.run(
                    [*command, *profile], capture_output=True, text=True, timeout=LIMIT, env=environment
                )
            except subprocess.TimeoutExpired:
                return {"problem": f"takes more than {LIMIT} s"}
            if (folder / "bench.json").exists():
                break
        else:
            problem = [line for line in done.stderr.splitlines() if "error" in line] or [f"exit code {done.returncode}"]
            return {"problem": problem[-1]}
        report = json.loads((folder / "bench.json").read_text())
        result = results_of(report)
        result["fp32_convolutional"] = is_fp32_convolutional(name, model, inputs, folder)
        return result


def results_of(report):
    (comparison,) = report["comparisons"]
    groups = {}
    for group in comparison["groups"]:
        threads = group["threads"]
        runs = [run for run in comparison["runs"] if run["threads"] == threads]
        groups[str(threads)] = {
            "loops": group["loops"],
            "backends": {run["backend"]: row_of(run) for run in runs},
            "ratios": ratios_of(runs),
            "profile": group.get("profile"),
        }
    environment = {key: report["environment"][key] for key in ("cpu", "usable_cpus", "steal_share")}
    return {"date": report["date"], "environment": environment, "groups": groups}


def row_of(run):
    latency = run["latency_us"] or {}
    keys = ("min", "p50", "p90", "p99")
    return {
        "status": run["status"],
        "reason": run["reason"],
        "version": run["version"],
        **{key: latency.get(key) for key in keys},
        "machine": {key: (run.get("machine_us") or {}).get(key) for key in keys},
    }


def ratios_of(runs):
    """By peer: its p50 over ours, with a 95 % interval."""
    ours = [run for run in runs if run["backend"] == OURS and run["status"] == "ok"]
    if not ours:
        return {}
    return {
        run["backend"]: ratio_of_medians(rounds_of(run), rounds_of(ours[0]))
        for run in runs
        if run["backend"] != OURS and run["status"] == "ok"
    }


def rounds_of(run):
    samples, rounds, at = run["samples_us"], [], 0
    for part in run["rounds"]:
        rounds.append(np.asarray(samples[at : at + part["samples"]]))
        at += part["samples"]
    return rounds


def ratio_of_medians(numerator, denominator, resamples=1000):
    """Median over median, and the expanded percentile interval of a bootstrap over rounds: `cycloid bench`'s own way
    (bench/statistics.h), for pairs that its report does not have."""
    ratio = float(np.median(np.concatenate(numerator)) / np.median(np.concatenate(denominator)))
    pairs = [(a, b) for a, b in zip(numerator, denominator, strict=True) if len(a) and len(b)]
    n = len(pairs)
    if n < 5:
        return [ratio, None, None]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(resamples):
        drawn = rng.integers(0, n, n)
        above, below = (np.median(np.concatenate([pairs[i][side] for i in drawn])) for side in (0, 1))
        values.append(above / below)
    tail = statistics.NormalDist().cdf(-math.sqrt(n / (n - 1)) * student_quantile(0.975, n - 1))
    low, high = np.quantile(values, [tail, 1 - tail])
    return [ratio, float(low), float(high)]


def student_quantile(p, freedom):
    """By its expansion around the normal quantile (Abramowitz and Stegun 26.7.5): within 0.5 % from 4 degrees on."""
    x = statistics.NormalDist().inv_cdf(p)
    terms = [
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
    ]
    return x + sum(term / freedom ** (i + 1) for i, term in enumerate(terms))


def load_store():
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def save_store(store):
    STORE.parent.mkdir(exist_ok=True)
    new = STORE.with_suffix(".new")
    new.write_text(json.dumps(store, indent=1))
    new.replace(STORE)


def is_done(entry, settings, program):
    return entry is not None and entry["program"] == program and entry["settings"] == settings


def measure(chosen, settings, arguments):
    """Whether all of `chosen` are measured."""
    store, program = load_store(), program_id()
    began, longest = time.monotonic(), 0.0
    todo = [n for n in chosen if arguments.fresh or not is_done(store.get(n), settings, program)]
    for i, name in enumerate(todo):
        elapsed = time.monotonic() - began
        if arguments.stop_after and i > 0 and elapsed + longest > arguments.stop_after:
            print(f"{len(todo) - i} models are left; the same command goes on with them", file=sys.stderr)
            return False
        start = time.monotonic()
        result = bench(name, chosen[name], settings)
        longest = max(longest, time.monotonic() - start)
        store = load_store()
        store[name] = {"program": program, "settings": settings, **result}
        save_store(store)
        print(f"{i + 1}/{len(todo)} {name}: {in_a_line(store[name])}", file=sys.stderr, flush=True)
    return True


def in_a_line(entry):
    if "problem" in entry:
        return entry["problem"]
    parts = []
    for threads, group in entry["groups"].items():
        best = best_peer(group)
        ours = group["backends"].get(OURS, {})
        if ours.get("status") != "ok":
            parts.append(f"{threads_text(threads)}: {OURS} {ours.get('status', 'did not take part')}")
        elif best:
            parts.append(f"{threads_text(threads)}: {group['ratios'][best][0]:.2f}x of {best}")
        else:
            parts.append(f"{threads_text(threads)}: no peer")
    return ", ".join(parts)


# --- the page -------------------------------------------------------------------------------------------------------


def best_peer(group):
    rows = group["backends"]
    peers = [name for name, row in rows.items() if name != OURS and row["status"] == "ok"]
    return min(peers, key=lambda name: rows[name]["p50"], default=None)


def ratio_to_best(group):
    best = best_peer(group)
    return group["ratios"].get(best) if best else None


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def microseconds(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def threads_text(count):
    return f"{count} thread{'' if count == '1' else 's'}"


def ratio_text(ratio):
    value, low, high = ratio
    text = f"{value:.2f}×"
    if low is not None:
        text += f" ({low:.2f}–{high:.2f})"
        if low <= 1 <= high:
            return text + ", no difference"
    return f"{text}, **loss**" if value < 1 else text


def steadiness(row, percentile):
    return row[percentile] / row["p50"] if row and row.get(percentile) else None


def steadiness_cells(group):
    """Ours, the steadiest peer's and the machine's own, at the highest percentile for which there are samples."""
    rows = group["backends"]
    percentile = "p99" if (rows.get(OURS) or {}).get("p99") else "p90"
    peers = {name: steadiness(row, percentile) for name, row in rows.items() if name != OURS}
    peers = {name: value for name, value in peers.items() if value}
    steadiest = min(peers, key=peers.get, default=None)
    mark = "" if percentile == "p99" else " (p90)"
    ours, machine = rows.get(OURS), (rows.get(OURS) or {}).get("machine")
    ours, machine = steadiness(ours, percentile), steadiness(machine, percentile)
    return [
        f"{ours:.2f}{mark}" if ours else "–",
        f"{peers[steadiest]:.2f} {steadiest}" if steadiest else "–",
        f"{machine:.2f}" if machine else "–",
    ]


def markdown(head, rows, left=1):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * left + ["---:"] * (len(head) - left)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def comparison_table(entries, threads):
    rows = []
    for name, entry in entries.items():
        group = entry["groups"].get(threads)
        if group is None:
            continue
        ours, best = group["backends"].get(OURS, {"status": "left out"}), best_peer(group)
        ratio = ratio_to_best(group)
        rows.append(
            [
                name,
                microseconds(ours["p50"]) if ours["status"] == "ok" else ours["status"],
                f"{microseconds(group['backends'][best]['p50'])} {best}" if best else "no peer runs it",
                ratio_text(ratio) if ratio else "–",
                *steadiness_cells(group),
            ]
        )
    head = ["model", "Cycloid µs", "best peer µs", "ratio (95 %)", "p99/p50", "steadiest peer", "machine"]
    return markdown(head, rows)


def all_backends_table(entries, backends, threads):
    rows = []
    for name, entry in entries.items():
        for count in threads:
            group = entry["groups"].get(count)
            if group is None:
                continue
            cells = []
            for backend in backends:
                row = group["backends"].get(backend)
                cells.append(
                    "" if row is None else microseconds(row["p50"]) if row["status"] == "ok" else row["status"]
                )
            rows.append([name, count, *cells])
    return markdown(["model", "threads", *backends], rows)


def where_the_rest_goes(profile, most=3):
    """The kernels that take the most beyond their roofline, and what is between steps, as shares of the run."""
    run = profile["run_us"]
    kernels = profile["kernels"]
    rest = [(kernel["us"] - kernel["least_us"], kernel["kernel"]) for kernel in kernels]
    rest.append((run - sum(kernel["us"] for kernel in kernels), "between steps"))
    rest.sort(reverse=True)
    return ", ".join(f"{name} {100 * us / run:.0f} %" for us, name in rest[:most] if us > 0.01 * run)


def roofline_table(entries, threads):
    rows = []
    for name, entry in entries.items():
        for count in threads:
            profile = entry["groups"].get(count, {}).get("profile")
            if not profile:
                continue
            run, direct, least = profile["run_us"], profile["roofline_direct_us"], profile["roofline_us"]
            rows.append(
                [
                    name,
                    count,
                    microseconds(run),
                    microseconds(direct),
                    f"{microseconds(least)} ({100 * least / run:.0f} %)",
                    where_the_rest_goes(profile),
                ]
            )
    head = ["model", "threads", "run µs", "direct µs", "roofline µs (of the run)", "where the rest goes, of the run"]
    return markdown(head, rows)


def means_table(kinds, threads):
    rows = []
    for label, entries in kinds.items():
        cells = []
        for count in threads:
            ratios = [ratio_to_best(e["groups"][count]) for e in entries.values() if count in e["groups"]]
            values = [ratio[0] for ratio in ratios if ratio]
            losses = sum(value < 1 for value in values)
            mean = geometric_mean(values)
            cells.append(f"{mean:.2f}× of {len(values)}, {losses} below 1" if mean else "–")
        rows.append([label, *cells])
    return markdown(["geometric mean of the ratio", *[threads_text(count) for count in threads]], rows)


def without_folders(text):
    """The text with files named without their folders, which are this machine's."""
    return re.sub(r"(?<![\w.])/(?:[\w.+-]+/)+(?=[\w.+-])", "", text)


def reasons(entries):
    lines = []
    for name, entry in entries.items():
        said = set()
        for group in entry["groups"].values():
            for backend, row in group["backends"].items():
                if row["status"] != "ok" and (backend, row["reason"]) not in said:
                    said.add((backend, row["reason"]))
                    lines.append(f"- {name}, {backend}: {row['status']}, {without_folders(row['reason'] or '')[:240]}")
    return "\n".join(lines) + "\n" if lines else ""


def page(entries, problems):
    threads = sorted({count for entry in entries.values() for count in entry["groups"]}, key=int)
    backends = list(dict.fromkeys(b for e in entries.values() for g in e["groups"].values() for b in g["backends"]))
    convolutional = {name: entry for name, entry in entries.items() if entry["fp32_convolutional"]}
    others = {name: entry for name, entry in entries.items() if name not in convolutional}
    versions = {
        b: r["version"] for e in entries.values() for g in e["groups"].values() for b, r in g["backends"].items()
    }
    machine = next(iter(entries.values()))["environment"]
    dates = sorted(entry["date"][:10] for entry in entries.values())
    programs = {entry["program"] for entry in entries.values()}
    settings = next(iter(entries.values()))["settings"]
    parts = [
        f"""# Every model on every backend

Written by `./dev bench-models`; not edited by hand. {dates[0] if dates[0] == dates[-1] else dates[0] + " to " + dates[-1]}, {machine["cpu"]}, {machine["usable_cpus"]} processors;
{", ".join(f"{name} {version}" for name, version in versions.items() if version)}. Up to {settings["loops"]} runs of each backend, about {settings["seconds"]} s for all of a model's at a
thread count, taking turns in one `cycloid bench`. {"" if len(programs) == 1 else "**The rows were measured with different builds of Cycloid.**"}

A ratio is the best peer's median over Cycloid's in the same run: above 1, Cycloid is faster; below 1 is a loss. Its 95 % interval is a bootstrap over
rounds. p99 takes 1000 runs; where a model is too slow for so many, p90/p50 is shown and marked (p90). "machine" is the same of arithmetic on
registers alone that took turns too, over spans as long as Cycloid's run: about what this machine allows. Convolutional models are those with at least half of their arithmetic in float32 convolutions, and nothing quantised.
""",
        means_table({"float32 convolutional models": convolutional, "all models": entries}, threads),
    ]
    for label, some in (("Float32 convolutional models", convolutional), ("Other models", others)):
        for count in threads:
            parts.append(f"## {label}, {threads_text(count)}\n\n{comparison_table(some, count)}")
    parts.append(f"## Medians of all backends, µs\n\n{all_backends_table(entries, backends, threads)}")
    parts.append(
        f"""## How far from the roofline, and where the rest goes

The run is the median of a profile, with the clock read at each step. The roofline is what this machine could do at best for the plan's steps, one after the other:
max(FLOPs / peak of multiply-adds on registers, bytes / bandwidth of the nearest memory that holds them). "direct" counts a convolution's own arithmetic,
"roofline" that of the kernels that are used: with Winograd's the products of its points alone. `cycloid bench MODEL --profile trace.json` shows it step by step.

{roofline_table(entries, threads)}"""
    )
    declined = reasons(entries) + "".join(f"- {name}: {problem}\n" for name, problem in problems.items())
    if declined:
        parts.append(f"## What did not run, and why\n\n{declined}")
    return "\n".join(parts)


def write_page(models, path):
    store = load_store()
    known = {name: store[name] for name in models if name in store}
    entries = {name: entry for name, entry in known.items() if "problem" not in entry}
    problems = {name: entry["problem"] for name, entry in known.items() if "problem" in entry}
    if not entries:
        print("nothing was measured", file=sys.stderr)
        return
    path.write_text(page(entries, problems))
    print(f"{path}: {len(known)} of {len(models)} models", file=sys.stderr)


def choose(models, patterns):
    if not patterns:
        return models
    chosen = {name: model for name, model in models.items() if any(fnmatch.fnmatch(name, p) for p in patterns)}
    for pattern in patterns:
        if not any(fnmatch.fnmatch(name, pattern) for name in models):
            sys.exit(f"bench-models: no model '{pattern}'; there are: {', '.join(models)}")
    return chosen


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench-models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Exit codes: 0 all measured, {MORE_TO_DO} stopped by --stop-after, and more is to be done.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names, * for any text (default: all)")
    parser.add_argument(
        "--backends", default="onnxruntime,openvino,cycloid", help="as `cycloid bench`'s (default: %(default)s)"
    )
    parser.add_argument("--threads", default="1,all", help="as `cycloid bench`'s (default: %(default)s)")
    parser.add_argument("--loops", type=int, default=1024, help="runs of each backend, at most (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=4, help="for a model at a thread count, about (default: %(default)s)"
    )
    parser.add_argument(
        "--option", action="append", default=[], dest="options", help="BACKEND.NAME=VALUE, as `cycloid bench`'s"
    )
    parser.add_argument(
        "--stop-after", type=float, help="seconds after which no other model is begun if it might exceed them"
    )
    parser.add_argument("--fresh", action="store_true", help="measure what has been measured, too")
    parser.add_argument("--light", action="store_true", help="the onnx package's light models too")
    parser.add_argument(
        "--output", type=pathlib.Path, default=SOURCE / "docs" / "models.md", help="default: docs/models.md"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    models = all_models(arguments.light)
    if len(models) == len(SQUEEZENETS):
        print(f"{real_models.__module__}: no models beside the tree; SqueezeNet only", file=sys.stderr)
    chosen = choose(models, arguments.models)
    settings = {key: getattr(arguments, key) for key in ("backends", "threads", "loops", "seconds", "options")}
    complete = measure(chosen, settings, arguments)
    write_page(all_models(light=True), arguments.output)
    return 0 if complete else MORE_TO_DO


if __name__ == "__main__":
    sys.exit(main())
