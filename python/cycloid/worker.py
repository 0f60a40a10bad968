"""A worker for the backends that live in Python: the protocol of src/backends/README.md.

python -m cycloid.worker BACKEND              serves requests on standard input
python -m cycloid.worker --describe BACKEND   says as JSON whether the backend is available, its version and options
"""

import contextlib
import gc
import json
import os
import resource
import sys
import time

from cycloid.errors import INVALID_ARGUMENT, UNAVAILABLE, CycloidError, reply_of

MAX_LOOPS = 10_000_000
# Longer than any framework's spin before its threads block, as in src/backends/worker.cpp.
REST_LIMIT_S = 0.4


def backend_modules():
    """name -> module of cycloid.backends; a new Python backend is a module there and a line here."""
    from cycloid.backends import pytorch, torch_compile, torchscript

    return {module.NAME: module for module in (pytorch, torchscript, torch_compile)}


def find_backend(name):
    modules = backend_modules()
    if name not in modules:
        raise CycloidError(INVALID_ARGUMENT, f"there is no Python backend '{name}'; there are: {', '.join(modules)}")
    return modules[name]


def describe(module):
    """What `cycloid backends` shows; imports no framework."""
    reason, remedy, version = module.availability()
    return {
        "available": reason is None,
        "version": version or "",
        "reason": reason or "",
        "remedy": remedy or "",
        "options": [
            {"name": o.name, "default": o.default, "meaning": o.meaning, "choices": list(o.choices)}
            for o in module.OPTIONS
        ],
    }


def timed(call, loops):
    """(spans in ns, last result): the clock is read around the call alone; the previous result is freed before it."""
    clock = time.perf_counter_ns
    samples = [0] * loops
    result = None
    gc.collect()
    gc.disable()
    try:
        for i in range(loops):
            result = None
            start = clock()
            result = call()
            samples[i] = clock() - start
    finally:
        gc.enable()
    return samples, result


def cpu_time():
    """Seconds of processor time of all threads, each by its own clock.

    The process's clock knows of a thread that is running on another processor only what it had at the last tick, up to 4 or
    10 ms ago: a spinning one seems at rest in between.
    """
    seconds = 0.0
    for name in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # it may have ended; else the kernel's number for its processor time
            seconds += time.clock_gettime((~int(name) << 3) | 6)
    return seconds


def wait_for_threads_to_rest(limit_s):
    """Waits until the process computes nothing, at most `limit_s`; whether it came to rest."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        wall, cpu = time.monotonic(), cpu_time()
        time.sleep(0.002)
        if cpu_time() - cpu < 0.05 * (time.monotonic() - wall):
            return True
    return False


class Worker:
    def __init__(self, module):
        self.module = module
        self.session = None
        self.result = None
        self.has_run = False

    def serve(self, request):
        if not isinstance(request, dict) or request.get("op") not in ("load", "run", "outputs", "status", "quit"):
            raise CycloidError(
                INVALID_ARGUMENT, "the request is not understood: op must be load, run, outputs, status or quit"
            )
        return getattr(self, request["op"])(request)

    def load(self, request):
        self.session = self.result = None
        self.has_run = False
        reason, remedy, version = self.module.availability()
        if reason is not None:
            raise CycloidError(UNAVAILABLE, reason + (f"; to make it available: {remedy}" if remedy else ""))
        threads = request.get("threads", 1)
        if not isinstance(threads, int) or not 1 <= threads <= 4096:
            raise CycloidError(INVALID_ARGUMENT, f"threads is {threads}; it must be 1 to 4096")
        start = time.perf_counter()
        self.session = self.module.load(request, threads)
        load_ms = (time.perf_counter() - start) * 1e3
        wait_for_threads_to_rest(REST_LIMIT_S)
        return {"version": version, "settings": self.session.settings, "load_ms": load_ms}

    def run(self, request):
        if self.session is None:
            raise CycloidError(INVALID_ARGUMENT, "no model is loaded")
        loops = request.get("loops")
        if not isinstance(loops, int) or not 1 <= loops <= MAX_LOOPS:
            raise CycloidError(INVALID_ARGUMENT, f"loops is {loops}; it must be 1 to {MAX_LOOPS}")
        self.result = None
        with self.session.context():
            samples, self.result = timed(self.session.call, loops)
        self.has_run = True
        return {"samples_ns": samples, "at_rest": wait_for_threads_to_rest(REST_LIMIT_S)}

    def outputs(self, request):
        if not self.has_run:
            raise CycloidError(INVALID_ARGUMENT, "nothing has been run yet")
        import numpy as np

        from cycloid.tensors import file_name, flatten_outputs, to_numpy

        outputs, taken = [], set()
        for name, tensor in flatten_outputs(self.result):
            array = to_numpy(tensor)
            taken.add(stem := file_name(name, taken))
            path = os.path.join(request["directory"], stem + ".npy")
            try:
                np.save(path, array)
            except OSError as e:
                raise CycloidError(INVALID_ARGUMENT, f"output '{name}': cannot write {path}: {e.strerror}") from None
            outputs.append({"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "path": path})
        return {"outputs": outputs}

    def status(self, _request):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "peak_rss_mb": usage.ru_maxrss / 1024,
            "minor_faults": usage.ru_minflt,
            "major_faults": usage.ru_majflt,
            "voluntary_switches": usage.ru_nvcsw,
            "involuntary_switches": usage.ru_nivcsw,
        }

    def quit(self, _request):
        return {}


def answer(worker, line):
    try:
        return {"ok": True, **worker.serve(json.loads(line))}
    except json.JSONDecodeError as e:
        return {"ok": False, "code": INVALID_ARGUMENT, "message": f"the request is not understood: {e}"}
    except KeyError as e:
        return {"ok": False, "code": INVALID_ARGUMENT, "message": f"the request has no {e}"}
    except Exception as e:  # whatever a framework raises is a reply, not the end of the worker
        return reply_of(e)


def take_standard_streams():
    """(requests, replies): private copies of standard input and output, which then are /dev/null and standard error."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return requests, replies


def serve(module):
    requests, replies = take_standard_streams()
    worker = Worker(module)
    for line in requests:
        if not line.strip():
            continue
        reply = answer(worker, line)
        try:
            print(json.dumps(reply), file=replies, flush=True)
        except BrokenPipeError:
            return 1
        if '"quit"' in line and reply == {"ok": True}:
            break
    close = getattr(module, "close", None)
    if close is not None:
        close()
    return 0


def main(arguments):
    try:
        if len(arguments) == 2 and arguments[0] == "--describe":
            print(json.dumps(describe(find_backend(arguments[1]))))
            return 0
        if len(arguments) == 1 and not arguments[0].startswith("-"):
            return serve(find_backend(arguments[0]))
    except CycloidError as e:
        print(f"cycloid.worker: {e}", file=sys.stderr)
        return 2
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Frameworks' threads and exit handlers have nothing left to do, and some take seconds or crash in them.
    os._exit(code)
