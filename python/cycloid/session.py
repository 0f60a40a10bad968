"""InferenceSession: the common part of onnxruntime's interface, on Cycloid's engine."""

import dataclasses
import enum
import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cycloid import _native
from cycloid.errors import INVALID_ARGUMENT, error_of
from cycloid.values import from_native, to_native

PROVIDER = "CPUExecutionProvider"
_PROFILED_RUNS = 100


class GraphOptimizationLevel(enum.IntEnum):
    """How much the model may be changed before it runs. Cycloid's engine always fuses what it runs as one kernel."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(enum.IntEnum):
    """Accepted for compatibility: the engine decides by itself what runs side by side."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


@dataclasses.dataclass
class SessionOptions:
    """What a session may do. The first group has onnxruntime's names, the second is Cycloid's own.

    intra_op_num_threads: threads that share one run, the caller's included; 0 for all allowed processors.
    enable_profiling: run() measures; end_profiling() writes a trace that Chrome and Perfetto open.
    graph_optimization_level: ORT_DISABLE_ALL runs every node by the slow reference evaluation, as it stands.
    """

    intra_op_num_threads: int = 0
    inter_op_num_threads: int = 0
    execution_mode: ExecutionMode = ExecutionMode.ORT_SEQUENTIAL
    graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL
    enable_profiling: bool = False
    profile_file_prefix: str = "cycloid_profile"
    enable_mem_pattern: bool = True
    enable_cpu_mem_arena: bool = True
    log_severity_level: int = 2

    strict: bool = False  # no Winograd: only sums in the plain order of a direct convolution
    denormals: bool = False  # keep subnormal floats
    isa: str = ""  # "scalar", "avx2", "avx512"; empty: the best there is
    max_memory: int = 0  # bytes for one run's tensors and scratch; 0: no bound
    max_plans: int = 16
    spin_microseconds: int = 20
    pin_threads: bool = False

    def __post_init__(self):
        self._config: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Kept, and only `session.set_denormal_as_zero` is acted on."""
        self._config[key] = value
        if key == "session.set_denormal_as_zero":
            self.denormals = value != "1"

    def get_session_config_entry(self, key: str) -> str:
        return self._config[key]


@dataclasses.dataclass
class RunOptions:
    """Accepted for compatibility."""

    log_severity_level: int = 2
    run_tag: str = ""


@dataclasses.dataclass(frozen=True)
class NodeArg:
    """An input or output: its name, shape (an int, a name, or None for each size) and type ("tensor(float)")."""

    name: str
    shape: list
    type: str


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    producer_name: str
    graph_name: str
    description: str
    custom_metadata_map: dict
    domain: str = ""
    version: int = 0
    graph_description: str = ""


def get_available_providers() -> list[str]:
    return [PROVIDER]


def get_device() -> str:
    return "CPU"


class InferenceSession:
    """A model made ready to run on this machine.

    `path_or_bytes`: an ONNX file, its bytes, or an onnx.ModelProto. `providers` is accepted; a warning says so where it
    asks for what the engine has not. run() may be called from many threads at once; it releases the GIL. Sessions
    pickle (by path, or by bytes where made from them).
    Raises the exceptions of cycloid.errors, with the words that the command line has.
    """

    def __init__(
        self,
        path_or_bytes: "str | os.PathLike | bytes | Any",
        sess_options: SessionOptions | None = None,
        providers: Sequence | None = None,
        provider_options: Sequence | None = None,
        **kwargs: Any,
    ):
        self._options = sess_options if sess_options is not None else SessionOptions()
        _check_providers(providers)
        if kwargs:
            _warn(f"InferenceSession does not use {', '.join(sorted(kwargs))}", 3)
        self._source = _source_of(path_or_bytes)
        self._open()

    def _open(self):
        kind, value = self._source
        model = _native.Model.load(value) if kind == "path" else _native.Model.from_bytes(value)
        self._model = model
        self._session = _native.Session.create(model, **_engine_options(self._options))
        self._input_names = [i.name for i in self._session.inputs]
        self._input_dtypes = [i.dtype if i.kind == "tensor" else None for i in self._session.inputs]
        self._output_names = [o.name for o in self._session.outputs]
        self._known = frozenset(self._input_names)
        self._profile = None
        if self._options.enable_profiling:
            self._profile = {"start": time.perf_counter(), "runs": [], "inputs": None}

    def __getstate__(self):
        return {"source": self._source, "options": self._options}

    def __setstate__(self, state):
        self._source, self._options = state["source"], state["options"]
        self._open()

    def __repr__(self):
        inputs = ", ".join(f"{i.name}: {i.type}" for i in self._session.inputs)
        outputs = ", ".join(f"{o.name}: {o.type}" for o in self._session.outputs)
        return f"<cycloid.InferenceSession ({inputs}) -> ({outputs})>"

    # --- what the model is ---

    def get_inputs(self) -> list[NodeArg]:
        return [_node_arg(i) for i in self._session.inputs]

    def get_outputs(self) -> list[NodeArg]:
        return [_node_arg(o) for o in self._session.outputs]

    def get_overridable_initializers(self) -> list[NodeArg]:
        return []

    def get_modelmeta(self) -> ModelMetadata:
        model = self._model
        return ModelMetadata(model.producer_name, model.graph_name, model.doc, dict(model.metadata))

    def get_providers(self) -> list[str]:
        return [PROVIDER]

    def get_provider_options(self) -> dict[str, dict]:
        return {PROVIDER: {"threads": str(self._session.threads), "isa": self._session.isa}}

    def get_session_options(self) -> SessionOptions:
        return self._options

    def set_providers(self, providers: Sequence | None = None, provider_options: Sequence | None = None) -> None:
        _check_providers(providers)

    def plan(self, input_shapes: Mapping[str, Sequence[int]] | None = None) -> str:
        """What is run, step by step, for these shapes (none: the model's own, where they are fixed)."""
        shapes = [] if input_shapes is None else [list(input_shapes[name]) for name in self._input_names]
        return self._session.plan_text(shapes)

    # --- running ---

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list:
        """The outputs named (None: all) as numpy arrays, lists (sequences), lists of dicts, or None (absent optionals).

        Inputs are numpy arrays, or anything with DLPack on the CPU (torch tensors); dense ones are not copied.
        """
        inputs = self._inputs_of(input_feed)
        if self._profile is None:
            outputs = self._session.run(inputs)
        else:
            start = time.perf_counter()
            outputs = self._session.run(inputs)
            self._profile["runs"].append((start, time.perf_counter()))
            self._profile["inputs"] = inputs
        if output_names is None:
            return [from_native(value) for value in outputs]
        return [from_native(outputs[i]) for i in self._output_indices(output_names)]

    def run_with_iobinding(self, iobinding: "IOBinding", run_options: RunOptions | None = None) -> None:
        """Runs on what is bound; outputs bound to memory are written in place."""
        iobinding._run()

    def io_binding(self) -> "IOBinding":
        return IOBinding(self)

    def end_profiling(self) -> str:
        """Writes the trace and returns its path: each run() so far, and the steps of one, measured over further runs."""
        if self._profile is None:
            raise error_of(INVALID_ARGUMENT, "profiling is off; set SessionOptions.enable_profiling")
        path = f"{self._options.profile_file_prefix}_{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
        events = _run_events(self._profile)
        if self._profile["inputs"] is not None:
            events += _step_events(self._session.profile(self._profile["inputs"], _PROFILED_RUNS))
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)
        self._profile = {"start": time.perf_counter(), "runs": [], "inputs": None}
        return path

    def _inputs_of(self, feed):
        try:
            inputs = [to_native(feed[n], d) for n, d in zip(self._input_names, self._input_dtypes, strict=True)]
        except KeyError as e:
            raise error_of(
                INVALID_ARGUMENT, f"input {e} is missing; the model takes {', '.join(self._input_names)}"
            ) from None
        if len(feed) != len(inputs):
            unknown = next(name for name in feed if name not in self._known)
            takes = ", ".join(self._input_names) or "none"
            raise error_of(INVALID_ARGUMENT, f"the model has no input '{unknown}'; it takes {takes}")
        return inputs

    def _output_indices(self, names):
        for name in names:
            if name not in self._output_names:
                raise error_of(
                    INVALID_ARGUMENT, f"the model has no output '{name}'; it gives {', '.join(self._output_names)}"
                )
        return [self._output_names.index(name) for name in names]


class IOBinding:
    """Inputs and outputs bound to memory. For one thread at a time."""

    def __init__(self, session: InferenceSession):
        self._session = session
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._results: dict[str, Any] = {}

    def bind_cpu_input(self, name: str, arr_on_cpu: Any) -> None:
        """Binds an array (numpy or DLPack); each run reads its elements anew."""
        if name not in self._session._known:
            raise error_of(INVALID_ARGUMENT, f"the model has no input '{name}'")
        self._inputs[name] = arr_on_cpu

    bind_input = bind_cpu_input

    def bind_output(self, name: str, array: Any = None) -> None:
        """Binds writable memory of the output's dtype and shape; None: the run makes it."""
        self._session._output_indices([name])
        self._outputs[name] = array if not isinstance(array, str) else None

    def clear_binding_inputs(self) -> None:
        self._inputs.clear()

    def clear_binding_outputs(self) -> None:
        self._outputs.clear()

    def synchronize_inputs(self) -> None:
        """Nothing to do on a CPU."""

    def synchronize_outputs(self) -> None:
        """Nothing to do on a CPU."""

    def copy_outputs_to_cpu(self) -> list:
        return self.get_outputs()

    def get_outputs(self) -> list:
        """Of the last run, in the order of binding."""
        return [self._results[name] for name in self._outputs]

    def _run(self):
        session = self._session
        if not self._outputs:
            raise error_of(INVALID_ARGUMENT, "no output is bound; bind_output() names those wanted")
        if all(array is not None for array in self._outputs.values()):
            session._session.run_into(
                session._inputs_of(self._inputs), [self._outputs.get(name) for name in session._output_names]
            )
            self._results = dict(self._outputs)
            return
        values = session.run(list(self._outputs), self._inputs)
        for (name, array), value in zip(self._outputs.items(), values, strict=True):
            if array is not None:
                np.copyto(np.asarray(array), value, casting="no")
                value = array
            self._results[name] = value


def _source_of(model):
    if isinstance(model, (bytes, bytearray, memoryview)):
        return "bytes", bytes(model)
    if isinstance(model, (str, os.PathLike)):
        return "path", os.fspath(model)
    if hasattr(model, "SerializeToString"):
        return "bytes", model.SerializeToString()
    raise error_of(INVALID_ARGUMENT, f"a model is a path, bytes or an onnx.ModelProto, not a {type(model).__name__}")


def _engine_options(options):
    if not isinstance(options, SessionOptions):
        raise error_of(INVALID_ARGUMENT, f"sess_options is a {type(options).__name__}, not a cycloid.SessionOptions")
    return {
        "threads": options.intra_op_num_threads,
        "isa": options.isa,
        "denormals": options.denormals,
        "strict": options.strict,
        "reference": options.graph_optimization_level == GraphOptimizationLevel.ORT_DISABLE_ALL,
        "max_memory": options.max_memory,
        "max_plans": options.max_plans,
        "spin_microseconds": options.spin_microseconds,
        "pin_threads": options.pin_threads,
    }


def _warn(message, level):
    warnings.warn(message, stacklevel=level + 1)


def _check_providers(providers):
    if not providers:
        return
    names = [p if isinstance(p, str) else p[0] for p in providers]
    others = [name for name in names if name != PROVIDER]
    if others:
        _warn(f"Cycloid runs on the CPU by its own engine; it has not {', '.join(others)}", 4)


def _node_arg(info):
    name = _ORT_NAMES.get(info.dtype, info.dtype)
    if info.kind == "tensor":
        return NodeArg(info.name, list(info.shape) if info.has_rank else None, f"tensor({name})")
    return NodeArg(info.name, [], info.type)


# As onnxruntime writes element types.
_ORT_NAMES = {"float32": "float", "float64": "double"}


def _run_events(profile):
    def micros(moment):
        return (moment - profile["start"]) * 1e6

    return [
        {"name": "run", "cat": "run", "ph": "X", "pid": 0, "tid": 0, "ts": micros(a), "dur": (b - a) * 1e6}
        for a, b in profile["runs"]
    ]


def _step_events(steps):
    """One run laid out step after step, each as long as its mean."""
    events, moment = [], 0.0
    for step in steps:
        duration = step["total_ns"] / max(step["runs"], 1) / 1000
        details = {k: step[k] for k in ("node", "kernel", "reason", "shape", "layout", "stage", "flops", "bytes")}
        events.append(
            {"name": step["op"], "cat": "step", "ph": "X", "pid": 1, "tid": 0, "ts": moment, "dur": duration}
            | {"args": details}
        )
        moment += duration
    return events


__all__ = [
    "PROVIDER",
    "ExecutionMode",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "RunOptions",
    "SessionOptions",
    "get_available_providers",
    "get_device",
]
