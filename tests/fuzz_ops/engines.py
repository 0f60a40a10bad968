"""Runs cases in one engine, as a process of its own: a crash there is a finding and not the end.

Usage: engines.py GROUP. Reads pickled cases from standard input and answers each by a pickled dict: for each variant of
the group ("ok", outputs), ("declined", message) or ("failed", message).
"""

import os
import pickle
import struct
import sys
import tempfile


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        part = stream.read(count - len(data))
        if not part:
            return None
        data += part
    return data


def read_frame(stream):
    head = read_exactly(stream, 8)
    if head is None:
        return None
    data = read_exactly(stream, struct.unpack("<Q", head)[0])
    return None if data is None else pickle.loads(data)


def write_frame(stream, value):
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def attempt(run):
    try:
        return "ok", run()
    except Exception as error:
        words = str(error).strip().splitlines() or [""]
        return "failed", f"{type(error).__name__}: {words[0][:400]}"


class Cycloid:
    """The engine at 1 and 2 threads, its reference evaluation, and the engine after `cycloid optimize`."""

    def __init__(self):
        import cycloid

        self.cycloid = cycloid
        # What does not come to an end is an error with its place.
        self.bounds = {}

    def session(self, model, **options):
        return self.cycloid.InferenceSession(model, self.cycloid.SessionOptions(**self.bounds, **options))

    def run(self, case):
        plain = self.cycloid.GraphOptimizationLevel.ORT_DISABLE_ALL

        def reference():
            return self.session(case.model, graph_optimization_level=plain, intra_op_num_threads=1).run(
                None, case.feeds
            )

        results = {
            "1 thread": attempt(lambda: self.twice(case, 1)),
            "2 threads": attempt(lambda: self.twice(case, 2)),
            "reference": attempt(reference),
        }
        if case.seed % 4 == 0:
            results["optimized"] = attempt(lambda: self.optimized(case))
        return results

    def twice(self, case, threads):
        session = self.session(case.model, intra_op_num_threads=threads)
        first = session.run(None, case.feeds)
        again = session.run(None, case.feeds)
        for a, b in zip(first, again, strict=True):
            if hasattr(a, "tobytes") and a.dtype.kind != "O" and a.tobytes() != b.tobytes():
                raise AssertionError("a second run gives other bits")
        return first

    def optimized(self, case):
        with tempfile.TemporaryDirectory(prefix="cycloid-fuzz-") as folder:
            path = os.path.join(folder, "optimized.onnx")
            self.cycloid.optimize(case.model, path)
            return self.session(path, intra_op_num_threads=1).run(None, case.feeds)


class OnnxRuntime:
    def __init__(self):
        import onnxruntime

        self.runtime = onnxruntime
        self.runtime.set_default_logger_severity(4)

    def run(self, case):
        def plain():
            options = self.runtime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 4
            session = self.runtime.InferenceSession(case.model, options, providers=["CPUExecutionProvider"])
            return session.run(None, case.feeds)

        status, result = attempt(plain)
        if status != "ok" and ("NOT_IMPLEMENTED" in result or "NotImplemented" in result):
            status = "declined"
        return {"onnxruntime": (status, result)}


class Generator:
    """Makes cases from seeds, and cuts cases into their nodes; the onnx reference evaluator runs here."""

    def run(self, request):
        from generate import make_case
        from localize import single_nodes

        return make_case(request) if isinstance(request, int) else single_nodes(request)


GROUPS = {"cycloid": Cycloid, "onnxruntime": OnnxRuntime, "generator": Generator}


def main():
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the replies
    group = GROUPS[sys.argv[1]]()
    while (request := read_frame(requests)) is not None:
        write_frame(replies, group.run(request))


if __name__ == "__main__":
    main()
