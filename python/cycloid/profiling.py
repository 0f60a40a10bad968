"""What InferenceSession records while profiling is on, as a trace that Chrome and Perfetto open.

The file is a list of events as onnxruntime writes it: "Session" events for the model and its runs, "Node" events for
what a run computed, each with the thread it was on, and op_name, provider and more in its args.
"""

import json
import os
import threading
import time

_MOST_EVENTS = 1_000_000  # as in onnxruntime: what comes later is left out


class Profiler:
    """Runs a session's models with each step measured. One run at a time; others wait."""

    def __init__(self, session, load_seconds):
        self._session = session
        self._lock = threading.Lock()
        self._start = time.perf_counter()
        self.start_ns = time.time_ns()
        self._events = [_event("model_loading", "Session", 0, load_seconds * 1e6, 0)]
        self._left_out = 0

    def run(self, inputs, run_options=None):
        with self._lock:
            start = time.perf_counter()
            outputs, steps, spans = self._session.run_profiled(inputs, run_options)
            end = time.perf_counter()
            begin = (start - self._start) * 1e6
            self._add(_event("model_run", "Session", begin, (end - start) * 1e6, 0))
            # A step's moments count from the run's own begin, which is a little after `start`.
            last = max((span[3] for span in spans), default=0) / 1e3
            offset = begin + max(0.0, (end - start) * 1e6 - last)
            for step, thread, first, then in spans:
                self._add(_step_event(steps[step], step, thread, offset + first / 1e3, (then - first) / 1e3))
            return outputs

    def write(self, path):
        with self._lock:
            events, self._events = self._events, []
            if self._left_out:
                events.append(_event(f"{self._left_out} events left out", "Session", 0, 0, 0))
        with open(path, "w", encoding="utf-8") as file:
            json.dump(events, file)

    def _add(self, event):
        if len(self._events) < _MOST_EVENTS:
            self._events.append(event)
        else:
            self._left_out += 1


def _event(name, category, begin, duration, thread):
    place = {"pid": os.getpid(), "tid": thread, "ts": round(begin, 3), "dur": round(duration, 3)}
    return {"cat": category, "name": name, "ph": "X", **place, "args": {}}


def _step_event(step, index, thread, begin, duration):
    event = _event(f"{step['node'] or step['op']}_kernel_time", "Node", begin, duration, thread)
    details = ("kernel", "reason", "shape", "layout", "stage", "flops", "bytes")
    event["args"] = {
        "op_name": step["op"],
        "provider": "CPUExecutionProvider",
        "node_index": str(index),
        **{key: step[key] for key in details},
    }
    return event
