"""Engines in processes of their own, with a time limit; started again after a crash."""

import os
import pathlib
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


class EngineError(Exception):
    """The process crashed or did not answer in time; the message says which."""


class Engine:
    def __init__(self, group, limit_s):
        self.group, self.limit_s, self.process = group, limit_s, None

    def ask(self, request):
        if self.process is None:
            self._start()
        data = pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self.process.stdin.write(struct.pack("<Q", len(data)) + data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        deadline = time.monotonic() + self.limit_s
        size = struct.unpack("<Q", self._read(8, deadline))[0]
        return pickle.loads(self._read(size, deadline))

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.errors.close()
            self.process = None

    def _start(self):
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "engines.py"), self.group],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def _read(self, count, deadline):
        data = b""
        while len(data) < count:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                self.close()
                raise EngineError(f"no answer within {self.limit_s} s")
            part = os.read(self.process.stdout.fileno(), min(count - len(data), 1 << 20))
            if not part:
                raise self._ended()
            data += part
        return data

    def _ended(self):
        code = self.process.wait()
        self.errors.seek(0)
        words = self.errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        self.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return EngineError(f"the process ended: {how}" + (f": {words[-1]}" if words else ""))
