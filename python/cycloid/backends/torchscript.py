"""TorchScript through its Python API."""

import warnings

from cycloid.backends import Session, prepare_torch, to_channels_last, torch_availability, torch_settings
from cycloid.errors import UNSUPPORTED, CycloidError
from cycloid.modules import load_torchscript
from cycloid.options import BOOL, Option, resolve
from cycloid.tensors import bind_arguments, forward_signature, read_inputs

NAME = "torchscript"
OPTIONS = (
    # As in pytorch.py: SqueezeNet 1.1 at (5,3,64,64) and one thread takes 4.0 ms, in contiguous layout 11.0 ms.
    Option(
        "memory_format",
        "channels_last",
        "layout of the parameters and inputs of 2-D convolutions",
        ("contiguous", "channels_last"),
    ),
    Option("freeze", "true", "torch.jit.freeze: parameters become constants, batch norms are folded", BOOL),
    # Its oneDNN layouts take 5.4 ms there, in either memory format.
    Option(
        "optimize_for_inference",
        "false",
        "torch.jit.optimize_for_inference: convolutions in oneDNN's own layouts; implies freeze",
        BOOL,
    ),
    Option(
        "warmup",
        "3",
        "runs at load in which the profiling executor specialises the graph, 0 to 100",
        tuple(str(n) for n in range(101)),
    ),
    Option("flush_denormals", "true", "treat subnormal floats as zero (torch.set_flush_denormal)", BOOL),
)

availability = torch_availability


def load(request, threads):
    import torch

    warnings.filterwarnings("ignore", category=DeprecationWarning)
    values = resolve(NAME, OPTIONS, request.get("options", {}))
    if request.get("form") != "torchscript":
        raise CycloidError(UNSUPPORTED, f"torchscript runs TorchScript files, not the form '{request.get('form')}'")
    prepare_torch(threads, values)
    module = load_torchscript(request["model"])
    arguments = bind_arguments(forward_signature(module), read_inputs(request.get("inputs", [])))
    if values["memory_format"] == "channels_last":
        module, arguments = to_channels_last(module, arguments)
    if values["optimize_for_inference"] == "true":
        module = torch.jit.optimize_for_inference(module)
    elif values["freeze"] == "true":
        module = torch.jit.freeze(module)
    with torch.inference_mode():
        for _ in range(int(values["warmup"])):
            module(*arguments)
    return Session(lambda: module(*arguments), torch.inference_mode, torch_settings(threads, values))
