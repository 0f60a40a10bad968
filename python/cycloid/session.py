"""InferenceSession: the common part of onnxruntime's interface, on Cycloid's engine."""

import copy
import dataclasses
import enum
import itertools
import os
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cycloid import _native
from cycloid.errors import FAILED, INVALID_ARGUMENT, UNSUPPORTED, error_of
from cycloid.iobinding import IOBinding, OrtValue
from cycloid.profiling import Profiler
from cycloid.values import from_native, onnxruntime_name, onnxruntime_type, to_native

PROVIDER = "CPUExecutionProvider"
_profile_numbers = itertools.count()  # two sessions' traces of one second are two files


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


class ExecutionOrder(enum.IntEnum):
    """Accepted for compatibility."""

    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


@dataclasses.dataclass(slots=True)
class SessionOptions:
    """What a session may do. The first group has onnxruntime's names, the second is Cycloid's own.

    intra_op_num_threads: threads that share one run, the caller's included; 0 for all allowed processors.
    enable_profiling: run() measures; end_profiling() writes a trace that Chrome and Perfetto open.
    graph_optimization_level: ORT_DISABLE_ALL runs every node by the slow reference evaluation, as it stands.
    Those below the dashes are accepted and change nothing: the engine has one arena, reuses memory, and gives the same
    bits for the same input always.
    """

    intra_op_num_threads: int = 0
    inter_op_num_threads: int = 0
    execution_mode: ExecutionMode = ExecutionMode.ORT_SEQUENTIAL
    graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL
    enable_profiling: bool = False
    profile_file_prefix: str = "cycloid_profile"
    # ---
    enable_mem_pattern: bool = True
    enable_mem_reuse: bool = True
    enable_cpu_mem_arena: bool = True
    execution_order: ExecutionOrder = ExecutionOrder.DEFAULT
    log_severity_level: int = 2
    log_verbosity_level: int = 0
    logid: str = ""
    use_deterministic_compute: bool = False
    use_per_session_threads: bool = True
    # ---
    optimized_model_filepath: str = ""  # the model, optimised as by cycloid.optimize(), is written here

    optimize: bool = False  # first optimise the model as cycloid.optimize() does, its checks included: takes seconds
    strict: bool = False  # no Winograd: only sums with the error of a direct convolution
    tune: bool = False  # choose kernels by measuring them when a plan is made; kept for the next time, see tune_cache
    tune_cache: str = ""  # the file of measurements; empty: one for the processor in $XDG_CACHE_HOME/cycloid/tune
    tune_milliseconds: int = 20000  # bound of the measuring for one plan
    denormals: bool = False  # keep subnormal floats
    isa: str = ""  # "scalar", "avx2", "avx512"; empty: the best there is
    max_memory: int = 0  # bytes for one run's tensors and scratch, and what planning folds; 0: no bound
    timeout: float = 0  # seconds that one run, or making the session, may take; 0: no bound
    max_plans: int = 16
    spin_microseconds: int = 60
    pin_threads: bool = False

    _config: dict = dataclasses.field(default_factory=dict, init=False, repr=False)
    _sizes: dict = dataclasses.field(default_factory=dict, init=False, repr=False)

    def has_providers(self) -> bool:
        return False

    def add_free_dimension_override_by_denotation(self, denotation: str, size: int) -> None:
        raise error_of(UNSUPPORTED, f"sizes of the denotation '{denotation}' cannot be fixed; fix them by their names")

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        """Inputs must then have this size where the model has the name."""
        self._sizes[name] = int(size)

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Kept, and only `session.set_denormal_as_zero` is acted on."""
        self._config[key] = value
        if key == "session.set_denormal_as_zero":
            self.denormals = value != "1"

    def add_initializer(self, name: str, ort_value: Any) -> None:
        raise error_of(UNSUPPORTED, f"initializer '{name}' cannot be given apart: it must be in the model")

    def add_external_initializers(self, names: Sequence[str], ort_values: Sequence[Any]) -> None:
        for name, value in zip(names, ort_values, strict=True):
            self.add_initializer(name, value)

    def register_custom_ops_library(self, path: str) -> None:
        raise error_of(UNSUPPORTED, f"{path} cannot be loaded: Cycloid runs no operators of others")

    def get_session_config_entry(self, key: str) -> str:
        if key not in self._config:
            raise error_of(INVALID_ARGUMENT, f"no session configuration has the key '{key}'")
        return self._config[key]


@dataclasses.dataclass(slots=True)
class RunOptions:
    """terminate: set to True by another thread (or before), it ends the runs that were given these options with an error,
    within about 50 ms; they can run again after it was set to False. The others are accepted and change nothing.
    """

    terminate: bool = False
    # ---
    log_severity_level: int = 2
    log_verbosity_level: int = 0
    logid: str = ""
    only_execute_path_to_fetches: bool = False
    training_mode: bool = False
    _config: dict = dataclasses.field(default_factory=dict, init=False, repr=False)

    def add_run_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_run_config_entry(self, key: str) -> str:
        return self._config[key]


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


def get_all_providers() -> list[str]:
    return [PROVIDER]


def get_version_string() -> str:
    return _native.version


def set_default_logger_severity(severity: int) -> None:
    """Accepted for compatibility: the library writes no log."""


def set_default_logger_verbosity(verbosity: int) -> None:
    """Accepted for compatibility: the library writes no log."""


def set_seed(seed: int) -> None:
    """Accepted for compatibility: operators that draw numbers follow their own attribute `seed`, where they have it."""


def disable_telemetry_events() -> None:
    """Accepted for compatibility: there is no telemetry."""


def enable_telemetry_events() -> None:
    """Accepted for compatibility: there is no telemetry."""


def get_build_info() -> str:
    return f"Cycloid {_native.version}"


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
        if not isinstance(self._options, SessionOptions):
            what = f"{type(sess_options).__module__}.{type(sess_options).__name__}"
            raise error_of(INVALID_ARGUMENT, f"sess_options is a {what}, not a cycloid.SessionOptions")
        _check_providers(providers)
        if kwargs:
            _warn(f"InferenceSession does not use {', '.join(sorted(kwargs))}", 3)
        self._source = _source_of(path_or_bytes)
        self._open()

    def _open(self, overridden=()):
        start = time.perf_counter()
        kind, value = self._source
        load = _native.Model.load if kind == "path" else _native.Model.from_bytes
        model = load(value, overridden=sorted(overridden))
        self._model = model
        self._overridable = {} if overridden else {i.name: i for i in model.overridable_initializers}
        self._overriding = {}  # sessions whose inputs are these initializers too, by their names
        self._overriding_lock = threading.Lock()
        if self._options.optimize or self._options.optimized_model_filepath:
            optimized, _ = _native.optimize(model)
            if self._options.optimized_model_filepath:
                _native.save_model(optimized, os.fspath(self._options.optimized_model_filepath))
            model = optimized if self._options.optimize else model
        self._session = _native.Session.create(model, **_engine_options(self._options))
        self._input_names = [i.name for i in self._session.inputs]
        self._input_dtypes = [i.dtype if i.kind == "tensor" else None for i in self._session.inputs]
        self._output_names = [o.name for o in self._session.outputs]
        self._known = frozenset(self._input_names)
        self._profiler = None
        if self._options.enable_profiling:
            self._profiler = Profiler(self._session, time.perf_counter() - start)

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
        return [_node_arg(i, self._options._sizes) for i in self._session.inputs]

    def get_outputs(self) -> list[NodeArg]:
        return [_node_arg(o, self._options._sizes) for o in self._session.outputs]

    def get_overridable_initializers(self) -> list[NodeArg]:
        """The inputs that have an initializer: run() takes values for them, and plans anew for those that it is given. Without,
        they are constants, which are folded and packed."""
        return [_node_arg(i, self._options._sizes) for i in self._overridable.values()]

    def get_modelmeta(self) -> ModelMetadata:
        model = self._model
        return ModelMetadata(
            producer_name=model.producer_name,
            graph_name=model.graph_name,
            description=model.doc,
            custom_metadata_map=dict(model.metadata),
            domain=model.domain,
            version=model.version,
        )

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
        wanted = self._output_indices(output_names) if output_names else None
        if self._overridable and not self._overridable.keys().isdisjoint(input_feed):
            return self._overriding_session(input_feed).run(output_names, input_feed, run_options)
        inputs = self._inputs_of(input_feed)
        self._check_not_terminated(run_options)
        run = self._session.run if self._profiler is None else self._profiler.run
        outputs = run(inputs, run_options)
        return [from_native(value) for value in (outputs if wanted is None else [outputs[i] for i in wanted])]

    def run_with_ort_values(
        self,
        output_names: Sequence[str] | None,
        input_dict_ort_values: Mapping[str, OrtValue],
        run_options: RunOptions | None = None,
    ) -> list[OrtValue]:
        return [OrtValue(value) for value in self.run(output_names, input_dict_ort_values, run_options)]

    def run_async(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        callback: Callable[[list, Any, str], None],
        user_data: Any,
        run_options: RunOptions | None = None,
    ) -> None:
        """Runs on another thread, which then calls callback(outputs, user_data, message); the message is empty unless it
        failed, and then the outputs are."""

        def work():
            try:
                outputs, message = self.run(output_names, input_feed, run_options), ""
            except Exception as e:  # the callback is where the caller looks
                outputs, message = [], str(e)
            callback(outputs, user_data, message)

        threading.Thread(target=work, name="cycloid.run_async").start()

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        """Runs on what is bound; outputs bound to memory are written in place."""
        iobinding.run(run_options)

    def io_binding(self) -> IOBinding:
        return IOBinding(self)

    def end_profiling(self) -> str:
        """Writes the trace of what ran since the session was made, or since the last call, and returns its path; "" where
        profiling is off."""
        if self._profiler is None:
            return ""
        prefix = self._options.profile_file_prefix.rstrip("_")
        path = f"{prefix}_{time.strftime('%Y-%m-%d_%H-%M-%S')}_{next(_profile_numbers)}.json"
        self._profiler.write(path)
        return path

    def get_profiling_start_time_ns(self) -> int:
        """Since the epoch; 0 where profiling is off."""
        return 0 if self._profiler is None else self._profiler.start_ns

    def enable_fallback(self) -> None:
        """Nothing to fall back from: there is one provider."""

    def disable_fallback(self) -> None:
        """Nothing to fall back from: there is one provider."""

    def _inputs_of(self, feed):
        try:
            inputs = [to_native(feed[n], d) for n, d in zip(self._input_names, self._input_dtypes, strict=True)]
        except KeyError as e:
            self._check_names(feed)
            raise error_of(
                INVALID_ARGUMENT, f"input {e} is missing; the model takes {', '.join(self._input_names)}"
            ) from None
        if len(feed) != len(inputs):
            self._check_names(feed)
        if self._options._sizes:
            self._check_sizes(inputs)
        return inputs

    @staticmethod
    def _check_not_terminated(run_options):
        if run_options is not None and run_options.terminate:
            raise error_of(FAILED, "the run was ended: RunOptions.terminate was set")

    def _overriding_session(self, feed):
        """The session in which the initializers that are fed are inputs. Made once for each set of them; profiling is this
        session's own, so what runs there is not in its trace."""
        names = frozenset(self._overridable.keys() & feed.keys())
        with self._overriding_lock:
            if names not in self._overriding:
                session = InferenceSession.__new__(InferenceSession)
                session._source = self._source
                changes = {"enable_profiling": False, "optimized_model_filepath": ""}
                session._options = copy.copy(self._options)
                for name, value in changes.items():
                    setattr(session._options, name, value)
                session._open(names)
                self._overriding[names] = session
            return self._overriding[names]

    def _check_names(self, feed):
        """A misspelt name is one too many and one too few: what was written is what its author looks for."""
        for name in feed:
            if name not in self._known and name not in self._overridable:
                near = _native.did_you_mean(str(name), [*self._input_names, *self._overridable])
                takes = ", ".join(self._input_names) or "none"
                raise error_of(INVALID_ARGUMENT, f"the model has no input '{name}'{near}; it takes {takes}")

    def _check_sizes(self, inputs):
        for value, info in zip(inputs, self.get_inputs(), strict=True):
            for size, fixed in zip(getattr(value, "shape", ()), info.shape or (), strict=False):
                if isinstance(fixed, int) and size != fixed:
                    raise error_of(
                        INVALID_ARGUMENT, f"input '{info.name}' is {list(value.shape)}; the model takes {info.shape}"
                    )

    def _output_indices(self, names):
        for name in names:
            if name not in self._output_names:
                near = _native.did_you_mean(str(name), self._output_names)
                gives = ", ".join(self._output_names)
                raise error_of(INVALID_ARGUMENT, f"the model has no output '{name}'{near}; it gives {gives}")
        return [self._output_names.index(name) for name in names]


def _source_of(model):
    if isinstance(model, (bytes, bytearray, memoryview)):
        return "bytes", bytes(model)
    if isinstance(model, (str, os.PathLike)):
        return "path", os.fspath(model)
    if hasattr(model, "SerializeToString"):
        return "bytes", model.SerializeToString()
    raise error_of(INVALID_ARGUMENT, f"a model is a path, bytes or an onnx.ModelProto, not a {type(model).__name__}")


def _engine_options(options):
    return {
        "threads": options.intra_op_num_threads,
        "isa": options.isa,
        "denormals": options.denormals,
        "strict": options.strict,
        "tune": options.tune,
        "tune_cache": options.tune_cache,
        "tune_milliseconds": options.tune_milliseconds,
        "reference": options.graph_optimization_level == GraphOptimizationLevel.ORT_DISABLE_ALL,
        "max_memory": options.max_memory,
        "timeout_ms": options.timeout * 1000,
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


def _node_arg(info, sizes):
    if info.kind == "tensor":
        shape = [sizes.get(size, size) for size in info.shape] if info.has_rank else None
        return NodeArg(info.name, shape, f"tensor({onnxruntime_name(info.dtype)})")
    return NodeArg(info.name, [], onnxruntime_type(info.type))


__all__ = [
    "PROVIDER",
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtValue",
    "RunOptions",
    "SessionOptions",
    "get_all_providers",
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_version_string",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_seed",
]
