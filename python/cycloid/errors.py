"""Errors a caller can cause: a code of include/cycloid/result.h by name, and one line: what, where, what to do."""

INVALID_ARGUMENT = "invalid argument"
NOT_FOUND = "not found"
INVALID_MODEL = "invalid model"
UNSUPPORTED = "unsupported"
UNAVAILABLE = "unavailable"
RESOURCE_EXHAUSTED = "resource exhausted"
FAILED = "failed"


class CycloidError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


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
