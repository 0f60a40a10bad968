"""Tensors between .npy files and torch, and one way to name what a module takes and gives."""

import inspect
from collections.abc import Mapping

from cycloid.errors import INVALID_ARGUMENT, INVALID_MODEL, NOT_FOUND, UNSUPPORTED, CycloidError


def read_inputs(specs):
    """[(name, torch tensor)] of the request's inputs; each checked against its declared dtype and shape."""
    import numpy as np
    import torch

    tensors = []
    for spec in specs:
        name = spec["name"]
        try:
            array = np.load(spec["path"], allow_pickle=False)
        except FileNotFoundError:
            raise CycloidError(NOT_FOUND, f"input '{name}': no file {spec['path']}") from None
        except (OSError, ValueError, EOFError) as e:
            raise CycloidError(INVALID_ARGUMENT, f"input '{name}': {spec['path']} is not an .npy file: {e}") from None
        if list(array.shape) != list(spec["shape"]) or str(array.dtype) != spec["dtype"]:
            raise CycloidError(
                INVALID_ARGUMENT,
                f"input '{name}': {spec['path']} holds {array.dtype}{list(array.shape)}, "
                f"the request says {spec['dtype']}{list(spec['shape'])}",
            )
        try:
            # ascontiguousarray: Fortran-order files; copy: the memory is torch's own, aligned as torch aligns it.
            tensors.append((name, torch.from_numpy(np.ascontiguousarray(array)).clone()))
        except TypeError:
            raise CycloidError(UNSUPPORTED, f"input '{name}': torch has no dtype {array.dtype}") from None
    return tensors


def bind_inputs(signature, tensors):
    """[(name, tensor)] in the order of `signature`, which is a module's parameters' names and those without a default.

    Inputs are matched by name where every name is a parameter's, else by position.
    """
    names, required = signature
    given = dict(tensors)
    if len(given) != len(tensors):
        raise CycloidError(INVALID_ARGUMENT, "an input is named twice")
    if all(name in names for name in given):
        last = max((names.index(name) for name in given), default=-1)
        missing = [n for n in names if n not in given and (n in required or names.index(n) < last)]
        if not missing:
            return [(name, given[name]) for name in names[: last + 1]]
        raise CycloidError(
            INVALID_ARGUMENT,
            f"input '{missing[0]}' is missing; the model takes ({', '.join(names)}): give it with --input",
        )
    if len(required) <= len(tensors) and (len(tensors) <= len(names) or "*" in names):
        return tensors
    raise CycloidError(
        INVALID_ARGUMENT,
        f"the model takes {len(required)} to {len(names)} inputs ({', '.join(names)}), "
        f"{len(tensors)} given ({', '.join(given)})",
    )


def bind_arguments(signature, tensors):
    """The positional arguments of the call."""
    return [tensor for _, tensor in bind_inputs(signature, tensors)]


def forward_signature(module):
    """(parameter names, required parameter names) of module.forward; "*" stands for *args."""
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        arguments = module.forward.schema.arguments[1:]  # the first is self
        return [a.name for a in arguments], [a.name for a in arguments if not a.has_default_value()]
    names, required = [], []
    for p in inspect.signature(module.forward).parameters.values():
        if p.kind == p.VAR_POSITIONAL:
            names.append("*")
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
            if p.default is p.empty:
                required.append(p.name)
    return names, required


def flatten_outputs(result):
    """[(name, tensor)]: "output" for one tensor, "output_0", ... for a sequence, a mapping's own keys."""
    flat = []
    _flatten("output", result, flat)
    if not flat:
        raise CycloidError(INVALID_MODEL, "the model returns no tensor")
    return flat


def _flatten(name, value, flat):
    import torch

    if value is None:
        return
    if isinstance(value, torch.Tensor):
        flat.append((name, value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(str(key) if name == "output" else f"{name}_{key}", item, flat)
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            _flatten(f"{name}_{i}", item, flat)
    elif isinstance(value, (bool, int, float)):
        flat.append((name, torch.tensor(value)))
    else:
        raise CycloidError(UNSUPPORTED, f"{name} is a {type(value).__name__}, not a tensor")


def to_numpy(tensor):
    import torch

    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype == torch.bfloat16:  # numpy has none; every bfloat16 is a float32
        tensor = tensor.float()
    return tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().numpy()


def file_name(name, taken=()):
    """A file name for a tensor's name: letters, digits and ._- of it, never a path, hidden or one already taken."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name).lstrip(".")[:100]
    kept = kept or "tensor"
    candidate, n = kept, 2
    while candidate in taken:
        candidate, n = f"{kept}_{n}", n + 1
    return candidate
