"""How much faster an optimised model is in one runtime than the original: python optimize_gains.py BACKEND SECONDS ORIGINAL OPTIMISED FEEDS.npz

Each model is loaded by two processes of their own, which take turns in random order at one thread, one at a time. Two of each,
as where a process's memory comes to lie makes some percent of difference: the interval of the gain is widened by what
the two of a model differ. Prints {"gain", "low", "high"}, or {"problem"}.
"""

import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

import numpy as np

ROUNDS = 20  # at least; a round is one block of runs of each process
RESAMPLES = 500


def onnxruntime_session(path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def cycloid_session(path):
    # The built package, with the engine: beside this file lie its sources.
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "build" / "python"))
    import cycloid

    return cycloid.InferenceSession(path, cycloid.SessionOptions(intra_op_num_threads=1))


LOAD = {"onnxruntime": onnxruntime_session, "cycloid": cycloid_session}


def work(backend, path, feeds_path):
    """Reads how often to run, and answers with the mean time, line by line."""
    with np.load(feeds_path) as arrays:
        feeds = dict(arrays)
    session = LOAD[backend](path)
    session.run(None, feeds)
    for line in sys.stdin:
        runs = int(line)
        start = time.perf_counter()
        for _ in range(runs):
            session.run(None, feeds)
        print((time.perf_counter() - start) / runs, flush=True)


class Worker:
    def __init__(self, backend, path, feeds_path):
        command = [sys.executable, __file__, "work", backend, path, feeds_path]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, runs):
        try:
            self.process.stdin.write(f"{runs}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(said[-1] if said else "the process ended")
        return float(line)


def blocks(workers, seconds):
    """The mean time of a run in each block, by worker."""
    for worker in workers:
        worker.run(1)
    once = max(worker.run(1) for worker in workers)
    # A block is long enough for the clock and short beside what disturbs a machine.
    runs = max(1, min(2000, int(seconds / len(workers) / ROUNDS / max(once, 1e-7))))
    times = [[] for _ in workers]
    end = time.perf_counter() + seconds
    while len(times[0]) < ROUNDS or time.perf_counter() < end:
        order = list(range(len(workers)))
        random.shuffle(order)
        for i in order:
            times[i].append(workers[i].run(runs))
        if len(times[0]) >= 3 and time.perf_counter() > end + seconds:
            break  # a model of seconds a run
    return times


def apart(first, second):
    """How far the medians of two that should be equal are apart, as a factor of at least 1."""
    factor = statistics.median(first) / statistics.median(second)
    return max(factor, 1 / factor)


def gain_of(times):
    rows = list(zip(*times, strict=True))

    def ratio(drawn):
        before = statistics.median(time for row in drawn for time in row[:2])
        return before / statistics.median(time for row in drawn for time in row[2:])

    drawn = sorted(ratio(random.choices(rows, k=len(rows))) for _ in range(RESAMPLES))
    tail = RESAMPLES // 40  # 2.5 %
    placing = max(apart(times[0], times[1]), apart(times[2], times[3]))
    return {"gain": ratio(rows), "low": drawn[tail] / placing, "high": drawn[-tail - 1] * placing}


def main():
    if sys.argv[1] == "work":
        work(*sys.argv[2:])
        return
    backend, seconds, original, optimised, feeds_path = sys.argv[1:]
    random.seed(0)
    workers = []
    try:
        for path in (original, original, optimised, optimised):
            workers.append(Worker(backend, path, feeds_path))
        print(json.dumps(gain_of(blocks(workers, float(seconds)))))
    except RuntimeError as error:  # a model that this runtime does not run has no gain
        print(json.dumps({"problem": str(error)[:300]}))
    finally:
        for worker in workers:
            worker.process.stdin.close()
            worker.process.wait()


if __name__ == "__main__":
    main()
