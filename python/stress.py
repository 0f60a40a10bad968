"""How steady the engine stays: many runs, without and with other programs that want the same processors.

./dev stress [MODEL...] [--loops N] [--threads LIST] [--load N] [--output FILE] [-- ARGS]

Runs `cycloid bench` for the engine alone and its noise participant (arithmetic alone, as long as the engine's run, which shows what the
machine itself adds), first as the machine is, then beside N programs that compute without end (as many as there are processors unless said).
Prints percentiles of both and writes them to report/stress.json. ARGS go to `cycloid bench`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", SOURCE / "build" / "cycloid"))
KEYS = ["min", "p50", "p90", "p99", "p999", "max"]


@contextlib.contextmanager
def competing(programs):
    """Programs that compute without end, at the same priority, for as long as the block takes."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def measure(arguments, programs, folder):
    target = pathlib.Path(folder) / f"load{programs}.json"
    command = [CLI, "bench", *arguments.model, "--backends", arguments.backends, "--loops", str(arguments.loops)]
    command += ["--threads", arguments.threads, "--json", target]
    with competing(programs):
        subprocess.run([*command, *arguments.rest], check=True, stdout=subprocess.DEVNULL)
    return json.loads(target.read_text())


def rows_of(result, programs):
    for comparison in result["comparisons"]:
        for run in [*comparison["runs"], *comparison["noise"]["runs"]]:
            if run["latency_us"] is None:
                print(f"{run['backend']}: {run['status']}: {run['reason']}", file=sys.stderr)
                continue
            yield {
                "model": comparison["model"]["name"],
                "load": programs,
                "threads": run["threads"],
                "backend": run["backend"],
                "runs": run.get("samples") if isinstance(run.get("samples"), int) else len(run.get("samples_us", [])),
                "latency_us": run["latency_us"],
                "steadiness": run["steadiness"],
                "system": run["system"],
            }


def number(value):
    return "–" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def table(rows):
    lines = [
        "| model | threads | other programs | who | runs | min | p50 | p90 | p99 | p99.9 | max | p99/p50 |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        cells = [row["model"], row["threads"], row["load"], row["backend"], row["runs"]]
        cells += [number(row["latency_us"][key]) for key in KEYS]
        cells.append("–" if row["steadiness"] is None else f"{row['steadiness']:.2f}")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        prog="./dev stress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="*", help="as `cycloid bench` takes it (default: SqueezeNet 1.0 and 1.1)")
    parser.add_argument("--loops", type=int, default=100_000, help="runs of each (default: %(default)s)")
    parser.add_argument("--threads", default="1,all", help="as `cycloid bench` takes it (default: %(default)s)")
    parser.add_argument("--backends", default="cycloid", help="others beside it (default: %(default)s)")
    parser.add_argument(
        "--load", type=int, default=len(os.sched_getaffinity(0)), help="competing programs (default: one a processor)"
    )
    parser.add_argument(
        "--only", choices=["quiet", "loaded"], help="one of the two halves, for machines lent by the minute"
    )
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "report" / "stress.json")
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)
    arguments.rest = rest
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for programs in (0, arguments.load):
            if arguments.only == ("loaded" if programs == 0 else "quiet"):
                continue
            rows += rows_of(measure(arguments, programs, folder), programs)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps({"schema": "cycloid.stress/1", "rows": rows}, indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
