"""PyTorch eager: the baseline and the reference."""

from cycloid.backends import Session, prepare_torch, to_channels_last, torch_availability, torch_settings
from cycloid.errors import UNSUPPORTED, CycloidError
from cycloid.modules import load_python_module
from cycloid.options import BOOL, Option, resolve
from cycloid.tensors import bind_arguments, forward_signature, read_inputs

NAME = "pytorch"
OPTIONS = (
    # channels_last, because oneDNN's kernels take it as it is: SqueezeNet 1.1 at (5,3,64,64) runs in 4.6 ms beside
    # 12.8 ms at one thread, in 3.9 ms beside 5.8 ms at two. As PyTorch advises, inputs of rank 4 are converted too,
    # before timing.
    Option(
        "memory_format",
        "channels_last",
        "layout of the parameters and inputs of 2-D convolutions",
        ("contiguous", "channels_last"),
    ),
    Option("flush_denormals", "true", "treat subnormal floats as zero (torch.set_flush_denormal)", BOOL),
)

availability = torch_availability


def load(request, threads):
    import torch

    values = resolve(NAME, OPTIONS, request.get("options", {}))
    if request.get("form") != "python":
        raise CycloidError(
            UNSUPPORTED,
            f"pytorch runs nn.Modules, not the form '{request.get('form')}'; a loaded ScriptModule is not eager",
        )
    prepare_torch(threads, values)
    module = load_python_module(request["model"])
    arguments = bind_arguments(forward_signature(module), read_inputs(request.get("inputs", [])))
    if values["memory_format"] == "channels_last":
        module, arguments = to_channels_last(module, arguments)
    return Session(lambda: module(*arguments), torch.inference_mode, torch_settings(threads, values))
