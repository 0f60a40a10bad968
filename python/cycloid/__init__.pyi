"""For type checkers: what the package gives, each from the module that __init__.py imports it from when asked for."""

from cycloid.commands import bench, inspect, optimize
from cycloid.errors import (
    CycloidError,
    InvalidArgumentError,
    InvalidModelError,
    NotFoundError,
    ResourceExhaustedError,
    UnsupportedError,
)
from cycloid.iobinding import IOBinding, OrtValue
from cycloid.session import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    InferenceSession,
    ModelMetadata,
    NodeArg,
    RunOptions,
    SessionOptions,
    get_all_providers,
    get_available_providers,
    get_device,
    get_version_string,
    set_default_logger_severity,
    set_default_logger_verbosity,
)

__version__: str
__all__ = [
    "CycloidError",
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "InvalidArgumentError",
    "InvalidModelError",
    "ModelMetadata",
    "NodeArg",
    "NotFoundError",
    "OrtValue",
    "ResourceExhaustedError",
    "RunOptions",
    "SessionOptions",
    "UnsupportedError",
    "bench",
    "get_all_providers",
    "get_available_providers",
    "get_device",
    "get_version_string",
    "inspect",
    "optimize",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
]
