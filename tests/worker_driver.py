"""Drives `cycloid worker BACKEND` for tests: one request, one reply."""

import json
import os
import pathlib
import select
import subprocess

import numpy as np
from conftest import CLI


class WorkerProcess:
    def __init__(self, backend, folder):
        self.folder = pathlib.Path(folder)
        self.stderr_path = self.folder / f"stderr-{backend}.txt"
        self.stderr = open(self.stderr_path, "w")  # noqa: SIM115 (open as long as the process)
        self.process = subprocess.Popen(
            [str(CLI), "worker", backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            cwd=self.folder,
        )
        self.count = 0

    def send(self, line, timeout=300):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        reply = b""
        while not reply.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], timeout)
            assert ready, "the worker does not answer"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            assert chunk, f"the worker is gone: {self.process.wait()}; it said: {self.stderr_path.read_text()[-500:]}"
            reply += chunk
        assert reply.count(b"\n") == 1, reply
        return json.loads(reply)

    def ask(self, op, **fields):
        return self.send(json.dumps({"op": op, **fields}))

    def load(self, model, form, inputs, threads=1, options=None):
        specs = []
        for name, array in inputs.items():
            self.count += 1
            path = self.folder / f"input{self.count}.npy"
            np.save(path, array)
            specs.append({"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "path": str(path)})
        return self.ask("load", model=str(model), form=form, inputs=specs, threads=threads, options=options or {})

    def outputs(self):
        self.count += 1
        folder = self.folder / f"outputs{self.count}"
        folder.mkdir()
        reply = self.ask("outputs", directory=str(folder))
        assert reply["ok"], reply
        arrays = {}
        for output in reply["outputs"]:
            path = pathlib.Path(output["path"])
            assert path.parent == folder, f"{path} is not in {folder}"
            arrays[output["name"]] = np.load(path)
            assert list(arrays[output["name"]].shape) == output["shape"]
            assert str(arrays[output["name"]].dtype) == output["dtype"]
        return arrays

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.stderr.close()
