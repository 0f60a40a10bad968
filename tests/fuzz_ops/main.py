"""Differential fuzzing of the engine: random valid models, compared with the onnx reference evaluator and ONNX Runtime.

Usage: main.py [--seconds N] [--seed N] [--models N] [--keep FOLDER] [--verbose]

Model i has the seed SEED + i and depends on nothing else, so `--seed S --models 1` makes one again. A model is a finding
where Cycloid (the engine at 1 and 2 threads, its reference evaluation, and for every fourth model the engine after
`cycloid optimize`) fails, or agrees with neither of the two within the tolerance that builder.py derives. It is then kept
in FOLDER/SEED with inputs and expected outputs, and the exit code is 1.

Where the two references differ from each other, or fail, that is counted by operator. references.txt says what is known
of these; what it does not know is printed at the end.
"""

import argparse
import collections
import dataclasses
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from compare import difference, loosened  # noqa: E402
from process import Engine, EngineError  # noqa: E402

SKIPPED = 77
LIMIT_S = 60
MOST_FINDINGS = 20


def known_of_references():
    """(engine, operator) -> reason, of references.txt."""
    known = {}
    for line in (HERE / "references.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            engine, operator, reason = line.split(None, 2)
            known[engine, operator] = reason
    return known


@dataclasses.dataclass
class Verdict:
    wrong: dict  # what is wrong in Cycloid, by variant
    status: str  # of ONNX Runtime
    reference: str  # how the references differ; "" where they agree, or ONNX Runtime declines
    with_runtime: bool  # Cycloid agrees with ONNX Runtime against the evaluator


class Fuzzer:
    def __init__(self, keep, verbose):
        self.keep, self.verbose = keep, verbose
        self.generator = Engine("generator", LIMIT_S)
        self.cycloid = Engine("cycloid", 2 * LIMIT_S)
        self.runtime = Engine("onnxruntime", LIMIT_S)
        self.models, self.invalid, self.findings = 0, 0, []
        self.operators = collections.Counter()
        self.references = collections.defaultdict(list)  # (engine, operator) -> [what]
        self.disputed = 0
        self.known = known_of_references()

    def close(self):
        for engine in (self.generator, self.cycloid, self.runtime):
            engine.close()

    def run_model(self, seed):
        try:
            case = self.generator.ask(seed)
        except EngineError as error:
            self.references["onnx", "?"].append(f"seed {seed}: {error}")
            return
        if case is None:
            self.invalid += 1
            return
        self.models += 1
        self.operators.update(case.operators)
        verdict = self.judge(case)
        if verdict.reference:
            self.disputed += 1
        if verdict.reference or verdict.wrong:
            self.explain(case, verdict)

    def judge(self, case):
        """Runs the case in all engines and compares."""
        try:
            status, runtime = self.runtime.ask(case)["onnxruntime"]
        except EngineError as error:
            status, runtime = "crashed", str(error)
        reference = ""
        if status in ("failed", "crashed"):
            reference = f"it {status}: {runtime}"
        elif status == "ok":
            reference = difference(runtime, case.expected, case.tolerance)
        try:
            results = self.cycloid.ask(case)
        except EngineError as error:
            return Verdict({"process": str(error)}, status, reference, False)
        # Where the evaluator is wrong, what its disturbances did says little.
        beside = loosened(case.tolerance, runtime) if status == "ok" and reference else case.tolerance
        wrong, with_runtime = {}, False
        for variant, (outcome, outputs) in results.items():
            if outcome != "ok":
                if status != "failed":  # what ONNX Runtime refuses too may well be wrong
                    wrong[variant] = f"fails: {outputs}"
                continue
            from_expected = difference(outputs, case.expected, case.tolerance)
            if from_expected and (status != "ok" or difference(outputs, runtime, beside)):
                wrong[variant] = from_expected
            with_runtime |= bool(from_expected) and variant not in wrong
        return Verdict(wrong, status, reference, with_runtime)

    def explain(self, case, verdict):
        """Finds the node that it comes from: a finding of ours, or one of a reference."""
        try:
            nodes = self.generator.ask(case)
        except EngineError:
            nodes = []
        where, blamed = "no node alone differs: see how they are run together", False
        for operator, one in nodes:
            node = self.judge(one)
            # Where ONNX Runtime does not take the node, an evaluator that is known to be wrong there proves nothing.
            doubtful = node.status != "ok" and ("onnx", operator) in self.known
            if node.wrong and not doubtful:
                where = f"the node alone, {operator}: {next(iter(node.wrong.values()))}"
                break
            if node.reference or doubtful:
                engine = "onnx" if node.with_runtime or doubtful else "onnxruntime"
                self.references[engine, operator].append(f"seed {case.seed}: {node.reference or verdict.wrong}")
                blamed = True
                break
        if verdict.wrong and not blamed:
            self.report(case, verdict.wrong, where)
        elif verdict.reference and not blamed:
            what = f"seed {case.seed} ({', '.join(case.operators)}): {verdict.reference}"
            self.references["together", "several"].append(what)

    def report(self, case, wrong, where):
        folder = self.keep / str(case.seed)
        save(case, folder)
        lines = [f"{variant}: {what}" for variant, what in wrong.items()] + [where]
        (folder / "report.txt").write_text("\n".join(lines) + "\n")
        print(f"FINDING: seed {case.seed} ({', '.join(case.operators)})")
        for line in lines:
            print(f"  {line}")
        print(f"  kept in {folder}; again: ./dev fuzz-ops --seed {case.seed} --models 1", flush=True)
        self.findings.append(case.seed)

    def summary(self):
        print(
            f"{self.models} models ({self.invalid} grown in vain), {len(self.operators)} operators, {len(self.findings)} findings"
        )
        if self.verbose:
            print("  " + ", ".join(f"{op} {n}" for op, n in self.operators.most_common()))
        print(f"the references differ or fail in {self.disputed} models; per engine and operator:")
        for (engine, operator), found in sorted(self.references.items()):
            reason = self.known.get((engine, operator))
            print(
                f"  {engine} {operator}: {len(found)}, "
                + (f"known: {reason}" if reason else f"NOT KNOWN: {found[0][:300]}")
            )


def save(case, folder):
    import numpy as np
    from onnx import numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model)
    for i, (name, array) in enumerate(case.feeds.items()):
        (folder / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
    for i, (name, array) in enumerate(zip(case.outputs, case.expected, strict=True)):
        if isinstance(array, np.ndarray):
            (folder / f"expected_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz-ops", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--models", type=int, default=None)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("build/fuzz-ops"))
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    try:
        import cycloid._native  # noqa: F401
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        print(f"SKIPPED: {error}")
        return SKIPPED
    seed = arguments.seed if arguments.seed is not None else int(time.time()) % 1_000_000 * 1000
    print(f"fuzz-ops: --seed {seed}", flush=True)
    fuzzer = Fuzzer(arguments.keep, arguments.verbose)
    end = time.monotonic() + arguments.seconds
    count = 0
    try:
        while time.monotonic() < end and (arguments.models is None or count < arguments.models):
            fuzzer.run_model(seed + count)
            count += 1
            if len(fuzzer.findings) == MOST_FINDINGS:
                print(f"stopped after {MOST_FINDINGS} findings")
                break
    except KeyboardInterrupt:
        print("stopped")
    finally:
        fuzzer.close()
    fuzzer.summary()
    return 1 if fuzzer.findings else 0


if __name__ == "__main__":
    sys.exit(main())
