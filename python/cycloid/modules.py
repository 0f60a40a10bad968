"""From MODEL to a torch.nn.Module: "package.module:callable", "file.py:callable", or a TorchScript file."""

import importlib
import importlib.util
import os
import sys

from cycloid.errors import INVALID_ARGUMENT, INVALID_MODEL, NOT_FOUND, CycloidError, one_line

SEED = 0


def load_python_module(model):
    """The nn.Module that the callable returns, in eval mode."""
    return as_module(call_model(model), model)


def as_module(loaded, model):
    """`loaded`, which the callable `model` returned, in eval mode."""
    torch = sys.modules.get("torch")  # whoever has a Module has imported it
    if torch is None or not isinstance(loaded, torch.nn.Module):
        raise CycloidError(
            INVALID_MODEL,
            f"{model} returned a {type(loaded).__name__}; it must return a torch.nn.Module or an onnx.ModelProto",
        )
    return loaded.eval()


def call_model(model):
    """What the callable returns: an nn.Module or an onnx.ModelProto, where it keeps to what MODEL may be.

    Random generators are seeded before the call, so that every process that loads the model gets the same parameters.
    """
    where, _, name = model.rpartition(":")
    if not where or not name:
        raise CycloidError(
            INVALID_ARGUMENT, f"'{model}' is neither a file nor package.module:callable nor file.py:callable"
        )
    namespace = _import_file(where) if where.endswith(".py") else _import_package(where)
    factory = namespace
    for part in name.split("."):
        if not hasattr(factory, part):
            raise CycloidError(NOT_FOUND, f"{where} has no '{name}'")
        factory = getattr(factory, part)
    torch = sys.modules.get("torch")  # whoever has a Module has imported it
    if torch is not None and isinstance(factory, torch.nn.Module):
        return factory
    if not callable(factory):
        raise CycloidError(INVALID_ARGUMENT, f"{model} is a {type(factory).__name__}, not a callable")
    seed_everything()
    try:
        return factory()
    except Exception as e:  # the user's code may raise anything
        raise CycloidError(
            INVALID_MODEL,
            f"{model} raised {one_line(e)} ({raise_site(e)}); call it in Python to see the whole traceback",
        ) from None


def seed_everything():
    import random

    import numpy as np

    random.seed(SEED)
    np.random.seed(SEED)
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.manual_seed(SEED)


def load_torchscript(path):
    """The ScriptModule in the file, in eval mode, on the CPU."""
    import torch

    if not os.path.isfile(path):
        raise CycloidError(NOT_FOUND, f"no file {path}")
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except Exception as e:  # torch raises RuntimeError, ValueError and others for broken files
        raise CycloidError(
            INVALID_MODEL,
            f"{path} is not a TorchScript file ({one_line(e, 160)}); make one with torch.jit.script(model).save(path)",
        ) from None


def _import_file(path):
    if not os.path.isfile(path):
        raise CycloidError(NOT_FOUND, f"no file {path}")
    folder, file = os.path.split(os.path.abspath(path))
    name = file[: -len(".py")]
    if folder not in sys.path:
        sys.path.insert(0, folder)  # the file may import its neighbours
    spec = importlib.util.spec_from_file_location(name, path)
    namespace = importlib.util.module_from_spec(spec)
    sys.modules[name] = namespace  # dataclasses and pickle look a class's module up
    try:
        spec.loader.exec_module(namespace)
    except (Exception, SystemExit) as e:
        raise CycloidError(
            INVALID_MODEL, f"{path} raised {one_line(e)} ({raise_site(e)}) while it was imported"
        ) from None
    return namespace


def _import_package(name):
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name and (name == e.name or name.startswith(e.name + ".")):
            raise CycloidError(
                NOT_FOUND, f"no Python module '{name}' in the current folder or in {sys.executable}"
            ) from None
        raise CycloidError(INVALID_MODEL, f"{name} needs the Python module '{e.name}': pip install it") from None
    except (Exception, SystemExit) as e:
        raise CycloidError(
            INVALID_MODEL, f"{name} raised {one_line(e)} ({raise_site(e)}) while it was imported"
        ) from None


def raise_site(error):
    """As "file.py:12": the innermost place outside the interpreter's import machinery."""
    place = "unknown place"
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<"):
            place = f"{os.path.basename(file)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
