"""The backends that live in Python. Each module has NAME, OPTIONS, availability() and load(request, threads)."""

import importlib.metadata
import importlib.util


def torch_availability():
    """(reason or None, remedy, version); torch is not imported."""
    if importlib.util.find_spec("torch") is None:
        import sys

        return f"the Python at {sys.executable} has no torch", "pip install torch numpy", None
    return None, None, importlib.metadata.version("torch")


class Session:
    """What a worker times: `call` within `context()`. `settings` says what is in force."""

    def __init__(self, call, context, settings):
        self.call = call
        self.context = context
        self.settings = settings


def prepare_torch(threads, values):
    """Sets what is global in torch, before any of its threads exists: they inherit the floating-point mode."""
    import torch

    torch.set_flush_denormal(values["flush_denormals"] == "true")
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)  # eager and TorchScript run one operator after another


def torch_settings(threads, values):
    import torch

    return {
        **values,
        "threads": str(torch.get_num_threads()),
        "interop_threads": str(torch.get_num_interop_threads()),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def to_channels_last(module, arguments):
    """Parameters and inputs of rank 4 in the layout NHWC; nothing changes for a module without 2-D convolutions."""
    import torch

    convolutions = ("Conv2d", "ConvTranspose2d")
    if not any(getattr(m, "original_name", type(m).__name__) in convolutions for m in module.modules()):
        return module, arguments
    module = module.to(memory_format=torch.channels_last)
    arguments = [a.contiguous(memory_format=torch.channels_last) if a.dim() == 4 else a for a in arguments]
    return module, arguments
