"""Every kernel on the shapes of known layers, as a share of what this machine can do, by instruction set.

./dev bench-kernels [--filter REGEX] [--seconds S] [--json FILE]

Kernels that compute are held against multiply-adds on registers alone ("% peak"; Winograd's kernels pass 100 %, as the direct
convolution's arithmetic is counted), those that move data against reading or copying as many bytes ("% stream"). One thread.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(os.environ.get("CYCLOID_KERNELS_BENCH", SOURCE / "build" / "kernels_bench"))
ISAS = ("scalar", "avx2", "avx512")


def measure(pattern, seconds):
    """The benchmarks of google-benchmark's report."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        command = [PROGRAM, f"--benchmark_filter={pattern}", f"--benchmark_min_time={seconds}"]
        command += [f"--benchmark_out={report}", "--benchmark_out_format=json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not report.exists() or not report.read_text().strip():
            sys.exit(
                f"bench-kernels: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'nothing matches'}"
            )
        return json.loads(report.read_text())["benchmarks"]


def split_name(name):
    """(family, shape, isa) of "conv.igemm.avx512/resnet.3x3" and the like; isa is "" where there is but one code."""
    kernel, _, shape = name.partition("/")
    parts = kernel.split(".")
    isa = next((part for part in parts if part in ISAS), "")
    return ".".join(part for part in parts if part != isa), shape, isa


def microseconds(run):
    # Of the processor, as the rates are: what the system gave to others meanwhile is not the kernel's.
    return run["cpu_time"] * {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}[run["time_unit"]]


def rate(run):
    """What is shown of a run's rate: text."""
    if "GFLOP/s" in run:
        return f"{run['GFLOP/s']:.1f} GFLOP/s"
    return f"{run['bytes_per_second'] * 1e-9:.1f} GB/s" if "bytes_per_second" in run else ""


def share(run):
    for counter, label in (("%peak", "peak"), ("%stream", "stream")):
        if counter in run:
            return f"{run[counter]:.0f} % {label}"
    return ""


def table(runs):
    """A line for each kernel and shape; for each instruction set time, rate and share. Kernels in the order of the program."""
    cells = {}
    for run in runs:
        family, shape, isa = split_name(run["name"])
        cells.setdefault((family, shape), {})[isa] = run
    isas = [isa for isa in (*ISAS, "") if any(isa in by_isa for by_isa in cells.values())]
    head = ["kernel", "shape"]
    for isa in isas:
        head += [f"{isa or 'any'} us", "rate", "share"]
    rows = [head]
    for (family, shape), by_isa in cells.items():
        row = [family, shape]
        for isa in isas:
            run = by_isa.get(isa)
            row += [f"{microseconds(run):.2f}", rate(run), share(run)] if run else ["", "", ""]
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in rows:
        line = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(line).rstrip())
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        prog="./dev bench-kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--filter", default=".", help="a regular expression of names, as conv.igemm.avx512/.*3x3 (default: all)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="for each kernel and shape, at least (default: %(default)s)"
    )
    parser.add_argument("--json", type=pathlib.Path, help="write the runs to this file too")
    arguments = parser.parse_args()
    try:
        re.compile(arguments.filter)
    except re.error as error:
        parser.error(f"--filter: {error}")
    runs = measure(arguments.filter, arguments.seconds)
    print(table(runs), end="")
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
