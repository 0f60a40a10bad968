"""A worker that speaks the protocol of src/backends/README.md and can be told to fail in every way a real one might.

usage: bench_fake_worker.py [NAME=VALUE]...
  latency_ns=N       each span (1000000); slower_by=R multiplies it by 1 + R * (request number)
  value=X            every element of the one output, float32 [2, 2] (1.0)
  lie_after=N        from the Nth run request on, the output is off by 1
  at=OP[:N]          where to misbehave: at the Nth request OP (the first)
  do=segv|exit|hang|nonsense|half|error|unavailable|short|silent|spawn   how
Only the standard library, so that it starts in milliseconds.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import time


def npy(shape, values):
    dims = ", ".join(map(str, shape))
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims}), }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    return head + struct.pack(f"<{len(values)}f", *values)


def misbehave(how):
    if how == "segv":
        print("about to fall over", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        print("Traceback\nMemoryError: no memory left", file=sys.stderr, flush=True)
        os._exit(3)
    elif how == "hang":
        time.sleep(1000)
    elif how == "nonsense":
        return "this is not JSON"
    elif how == "half":
        os.write(1, b'{"ok": tr')
        os._exit(0)
    elif how == "error":
        return {"ok": False, "code": "unsupported", "message": "operator 'Frob' is not supported"}
    elif how == "unavailable":
        return {"ok": False, "code": "unavailable", "message": "fakelib is not installed"}
    elif how == "silent":
        os.close(1)
        time.sleep(1000)
    elif how == "spawn":  # a child that outlives us unless the whole group is killed
        child = subprocess.Popen(["sleep", "1000"])
        print("child", child.pid, file=sys.stderr, flush=True)
        time.sleep(1000)
    return None


def main():
    settings = dict(arg.split("=", 1) for arg in sys.argv[1:])
    latency = int(settings.get("latency_ns", 1000000))
    at, _, nth = settings.get("at", "").partition(":")
    counts = {}
    for line in sys.stdin:
        request = json.loads(line)
        op = request["op"]
        counts[op] = counts.get(op, 0) + 1
        reply = {"ok": True}
        if op == "load":
            reply.update(
                version="1.2.3", settings={"threads": str(request["threads"]), **request["options"]}, load_ms=12.5
            )
        elif op == "run":
            n = counts[op]
            span = int(latency * (1 + float(settings.get("slower_by", 0)) * n))
            reply["samples_ns"] = [span + i % 3 for i in range(request["loops"])]
        elif op == "outputs":
            value = float(settings.get("value", 1.0))
            if counts.get("run", 0) >= int(settings.get("lie_after", 1 << 62)):
                value += 1
            path = os.path.join(request["directory"], "y.npy")
            with open(path, "wb") as file:
                file.write(npy((2, 2), [value] * 4))
            reply["outputs"] = [{"name": "y", "dtype": "float32", "shape": [2, 2], "path": path}]
        elif op == "status":
            reply.update(peak_rss_mb=64.5, minor_faults=5, major_faults=0, voluntary_switches=7, involuntary_switches=1)
        if op == at and counts[op] == int(nth or 1):
            if settings["do"] == "short":
                reply["samples_ns"].pop()
            else:
                reply = misbehave(settings["do"]) or reply
        if op == "quit":
            return
        print(reply if isinstance(reply, str) else json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
