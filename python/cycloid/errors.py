"""Errors a caller can cause: a code of include/cycloid/result.h by name, and one line: what, where, what to do."""

INVALID_ARGUMENT = "invalid argument"
NOT_FOUND = "not found"
INVALID_MODEL = "invalid model"
UNSUPPORTED = "unsupported"
UNAVAILABLE = "unavailable"
RESOURCE_EXHAUSTED = "resource exhausted"
FAILED = "failed"


class CycloidError(Exception):
    """What the caller can mend. `code` is one of the names above; the subclasses below say the same as a type."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code

    def __reduce__(self):  # Exception's own would call __init__ with the message alone
        return (error_of, (self.code, str(self)))


class InvalidArgumentError(CycloidError, ValueError):
    """A wrong name, shape, dtype, option or path."""


class NotFoundError(CycloidError, FileNotFoundError):
    """A file, value or backend does not exist."""


class InvalidModelError(CycloidError, ValueError):
    """The model file is broken or violates the ONNX specification."""


class UnsupportedError(CycloidError, NotImplementedError):
    """Valid, but this build cannot do it; the message names the operator and node."""


class ResourceExhaustedError(CycloidError, MemoryError):
    """Memory, time or another bound was reached."""


_TYPES = {
    INVALID_ARGUMENT: InvalidArgumentError,
    NOT_FOUND: NotFoundError,
    INVALID_MODEL: InvalidModelError,
    UNSUPPORTED: UnsupportedError,
    RESOURCE_EXHAUSTED: ResourceExhaustedError,
}


def error_of(code, message):
    """The exception for a code of the library."""
    return _TYPES.get(code, CycloidError)(code, message)


def one_line(error, limit=400):
    """The first telling line of an exception, with its type: tracebacks and C++ stacks are for bug reports."""
    text = str(error).strip() or "no message"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # torch.jit appends the C++ or TorchScript stack after the message; the message comes first. TorchScript's run-time
    # errors are the other way round: their first line is a heading and the cause is the last one.
    line = lines[0]
    if line.startswith("The following operation failed in the TorchScript interpreter"):
        line = lines[-1]
    if len(line) > limit:
        line = line[: limit - 3] + "..."
    return f"{type(error).__name__}: {line}"


def reply_of(error):
    """The protocol's reply for any exception."""
    if isinstance(error, CycloidError):
        return {"ok": False, "code": error.code, "message": str(error)}
    if isinstance(error, MemoryError):
        return {"ok": False, "code": RESOURCE_EXHAUSTED, "message": "out of memory"}
    return {"ok": False, "code": FAILED, "message": one_line(error)}
