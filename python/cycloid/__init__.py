"""Cycloid: optimise, run and honestly compare trained models.

    import cycloid
    session = cycloid.InferenceSession("model.onnx")
    [y] = session.run(None, {"x": x})

InferenceSession takes the calls of onnxruntime's class of that name. optimize(), bench() and inspect() do what the
commands of those names do. Importing this package imports neither torch nor numpy: the modules behind these names are
imported when first asked for.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_WHERE = {
    "InferenceSession": "session",
    "SessionOptions": "session",
    "RunOptions": "session",
    "GraphOptimizationLevel": "session",
    "ExecutionMode": "session",
    "ExecutionOrder": "session",
    "IOBinding": "iobinding",
    "OrtValue": "iobinding",
    "NodeArg": "session",
    "ModelMetadata": "session",
    "get_available_providers": "session",
    "get_all_providers": "session",
    "get_build_info": "session",
    "get_device": "session",
    "disable_telemetry_events": "session",
    "enable_telemetry_events": "session",
    "get_version_string": "session",
    "set_default_logger_severity": "session",
    "set_default_logger_verbosity": "session",
    "set_seed": "session",
    "bench": "commands",
    "inspect": "commands",
    "optimize": "commands",
    "CycloidError": "errors",
    "InvalidArgumentError": "errors",
    "InvalidModelError": "errors",
    "NotFoundError": "errors",
    "ResourceExhaustedError": "errors",
    "UnsupportedError": "errors",
}
__all__ = sorted(_WHERE)


def __getattr__(name):
    if name in _WHERE:
        return getattr(_import_module(f"cycloid.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'cycloid' has no attribute '{name}'")


def __dir__():
    return sorted([*globals(), *_WHERE])
