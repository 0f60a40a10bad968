"""torch.compile with the inductor compiler. It compiles C++ at load and so needs a compiler."""

import os
import shutil
import tempfile

from cycloid.backends import Session, prepare_torch, to_channels_last, torch_availability, torch_settings
from cycloid.errors import FAILED, UNSUPPORTED, CycloidError, one_line
from cycloid.modules import load_python_module
from cycloid.options import BOOL, Option, resolve
from cycloid.tensors import bind_arguments, forward_signature, read_inputs

NAME = "torch-compile"
OPTIONS = (
    Option(
        "mode",
        "default",
        "torch.compile's mode",
        ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"),
    ),
    Option(
        "memory_format",
        "contiguous",
        "layout of the parameters and inputs of 2-D convolutions",
        ("contiguous", "channels_last"),
    ),
    Option("freezing", "true", "parameters become constants, packed once (torch._inductor.config.freezing)", BOOL),
    Option("flush_denormals", "true", "treat subnormal floats as zero (torch.set_flush_denormal)", BOOL),
)

_cache = None


def availability():
    reason, remedy, version = torch_availability()
    if reason is None and not any(shutil.which(c) for c in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        return "torch.compile needs a C++ compiler, and neither g++ nor clang++ is on PATH", "apt-get install g++", None
    return reason, remedy, version


def use_private_cache():
    """Compiled code goes to a folder of this process: runs neither disturb nor help one another."""
    global _cache
    if _cache is None:
        _cache = tempfile.TemporaryDirectory(prefix="cycloid-inductor-")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = _cache.name
        os.environ["TRITON_CACHE_DIR"] = os.path.join(_cache.name, "triton")


def close():
    if _cache is not None:
        _cache.cleanup()


def load(request, threads):
    use_private_cache()
    import torch

    values = resolve(NAME, OPTIONS, request.get("options", {}))
    if request.get("form") != "python":
        raise CycloidError(UNSUPPORTED, f"torch-compile compiles nn.Modules, not the form '{request.get('form')}'")
    prepare_torch(threads, values)
    import torch._inductor.config as inductor

    inductor.freezing = values["freezing"] == "true"
    inductor.compile_threads = 1  # a pool of compiler processes would outlive the load and disturb the runs
    module = load_python_module(request["model"])
    arguments = bind_arguments(forward_signature(module), read_inputs(request.get("inputs", [])))
    if values["memory_format"] == "channels_last":
        module, arguments = to_channels_last(module, arguments)
    torch._dynamo.reset()
    compiled = torch.compile(module, mode=values["mode"], dynamic=False)
    try:
        with torch.inference_mode():  # compilation happens in the first calls: they belong to the load
            for _ in range(2):
                compiled(*arguments)
    except Exception as e:
        raise CycloidError(FAILED, f"torch.compile failed: {one_line(e)}") from None
    return Session(lambda: compiled(*arguments), torch.inference_mode, torch_settings(threads, values))
