"""Makes the forms that backends need of a PyTorch model: TorchScript and ONNX files in a cache, each checked.

python -m cycloid.export REQUEST   writes one reply on standard output; both are JSON

REQUEST: {"model", "form": "python"|"torchscript", "inputs": [{"name","dtype","shape","path"}], "wanted": [form, ...]}
reply: {"ok": true, "forms": {form: {"model", "how"} or {"reason"}}} or {"ok": false, "code", "message"}

A callable may return an onnx.ModelProto instead of a module: that needs no PyTorch, and there is the ONNX form alone.
"""

import ctypes
import importlib.metadata
import importlib.util
import json
import os
import signal
import sys
import sysconfig
import warnings

from cycloid import cache
from cycloid.agreement import Reference
from cycloid.errors import INVALID_MODEL, UNAVAILABLE, UNSUPPORTED, CycloidError, one_line, reply_of
from cycloid.modules import as_module, call_model, load_torchscript, raise_site

# Part of every key: raise it when the code below would make other files from the same model.
VERSION = 1
# protobuf's limit is 2 GiB for a message; beyond this, parameters go to a file beside the model.
MAX_INLINE_BYTES = 1_500_000_000


class Source:
    """The loaded model with its inputs; knows its key."""

    def __init__(self, request, module, files):
        import torch

        from cycloid.tensors import bind_inputs, forward_signature, read_inputs

        self.is_script = request["form"] == "torchscript"
        model = request["model"]
        self.module = module
        bound = bind_inputs(forward_signature(self.module), read_inputs(request.get("inputs", [])))
        self.names = [name for name, _ in bound]
        self.arguments = tuple(tensor for _, tensor in bound)
        self.model = model
        self.files = files
        self.inputs = [[n, str(t.dtype), list(t.shape)] for n, t in bound]
        try:
            self.reference = Reference(self.module, self.arguments)
        except CycloidError:
            raise
        except Exception as e:
            raise CycloidError(
                INVALID_MODEL,
                f"{model} raised {one_line(e)} ({raise_site(e)}) for the inputs "
                + (", ".join(f"{n} {str(t.dtype)[6:]}{list(t.shape)}" for n, t in bound) or "(none)"),
            ) from None
        self.torch = torch

    def key(self, form):
        key = cache.Key(VERSION, form, self.inputs, versions())
        for path in self.files:
            key.add_file(path)
        if not self.is_script:
            key.add(repr(self.module))
            for name, module in self.module.named_modules():
                key.add([name, type(module).__qualname__, plain_attributes(module)])
            for name, tensor in (*self.module.named_parameters(), *self.module.named_buffers()):
                key.add([name, str(tensor.dtype), list(tensor.shape)])
                key.add(bytes_of(tensor))
        return key.text()

    def fresh_arguments(self):
        return tuple(a.clone() for a in self.arguments)


def versions():
    from cycloid import __version__

    found = {"cycloid": __version__}
    for package in ("torch", "onnx", "onnxscript"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def source_files(names):
    """The files of the modules `names` that are neither Python's nor installed packages': the model's own code."""
    installed = tuple(os.path.realpath(sysconfig.get_path(p)) + os.sep for p in ("stdlib", "purelib", "platlib"))
    files = set()
    for name in names:
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and os.path.isfile(path) and not os.path.realpath(path).startswith(installed):
            files.add(os.path.realpath(path))
    return sorted(files)


def plain_attributes(module):
    """What a module holds beside tensors and modules, as far as it is plain data: strides, flags, names."""
    return {k: repr(v) for k, v in vars(module).items() if isinstance(v, (bool, int, float, str, tuple, type(None)))}


def bytes_of(tensor):
    import torch

    return memoryview(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())


def export_torchscript(source, folder):
    """torch.jit.script keeps control flow; where it fails, torch.jit.trace records the path of these inputs."""
    torch = source.torch
    how = "torch.jit.script"
    path = os.path.join(folder, "model.pt")
    try:
        scripted = torch.jit.script(source.module)
    except Exception as scripting:
        try:
            scripted = torch.jit.trace(source.module, source.fresh_arguments(), strict=False, check_trace=False)
        except Exception as tracing:
            raise CycloidError(
                UNSUPPORTED,
                f"torch.jit.script failed ({one_line(scripting, 160)}), "
                f"and so did torch.jit.trace ({one_line(tracing, 160)})",
            ) from None
        how = f"torch.jit.trace, because torch.jit.script failed: {one_line(scripting, 160)}"
    torch.jit.save(scripted, path)
    return how, check_torchscript(source, path)


def check_torchscript(source, path):
    from cycloid.tensors import flatten_outputs, to_numpy

    with source.torch.inference_mode():
        outputs = flatten_outputs(load_torchscript(path)(*source.fresh_arguments()))
    return source.reference.disagreement([to_numpy(t) for _, t in outputs])


def export_onnx(source, folder):
    """The exporter on torch.export first; the one on TorchScript where it fails or the model is TorchScript."""
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise CycloidError(UNAVAILABLE, f"torch.onnx.export needs the package {package}: pip install {package}")
    path = os.path.join(folder, "model.onnx")
    failures = []
    for dynamo in (False,) if source.is_script else (True, False):
        exporter = "torch.export" if dynamo else "TorchScript"
        try:
            run_onnx_exporter(source, path, dynamo)
        except Exception as e:
            failures.append(f"on {exporter}: {one_line(e, 200)}")
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            continue
        return f"torch.onnx.export on {exporter}, opset {opset_of(path)}", check_onnx(source, path)
    raise CycloidError(UNSUPPORTED, "torch.onnx.export failed " + "; ".join(failures))


def run_onnx_exporter(source, path, dynamo):
    from cycloid.modules import seed_everything

    names = {"input_names": source.names, "output_names": source.reference.names}
    seed_everything()
    if dynamo:
        size = sum(p.numel() * p.element_size() for p in source.module.parameters())
        source.torch.onnx.export(
            source.module,
            source.fresh_arguments(),
            path,
            dynamo=True,
            verbose=False,
            external_data=size > MAX_INLINE_BYTES,
            **names,
        )
    else:
        source.torch.onnx.export(source.module, source.fresh_arguments(), path, dynamo=False, **names)


def opset_of(path):
    import onnx

    imports = onnx.load(path, load_external_data=False).opset_import
    return next(i.version for i in imports if i.domain in ("", "ai.onnx"))


def check_onnx(source, path):
    if importlib.util.find_spec("onnxruntime") is None:
        return None  # nothing here can run it; the comparison itself checks every backend
    import onnxruntime

    from cycloid.tensors import to_numpy

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = dict(zip(source.names, (to_numpy(a) for a in source.fresh_arguments()), strict=True))
    # An exporter leaves out an input that no output depends on.
    feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
    return source.reference.disagreement(session.run(None, feeds))


EXPORTERS = {"torchscript": export_torchscript, "onnx": export_onnx}
FILES = {"torchscript": "model.pt", "onnx": "model.onnx"}


def make_form(source, form):
    """{"model", "how"} or {"reason"}."""

    def make(folder):
        how, disagreement = EXPORTERS[form](source, folder)
        if disagreement:
            raise CycloidError(UNSUPPORTED, f"the form exported by {how} does not agree with eager: {disagreement}")
        with open(os.path.join(folder, "form.json"), "w", encoding="utf-8") as file:
            json.dump({"how": how, "source": source.model, "inputs": source.inputs}, file)

    try:
        folder = cache.entry("forms", f"{source.key(form)}-{form}", make)
    except OSError as e:
        return {"reason": f"cannot write to the cache {cache.cache_folder()} ({e.strerror}); set XDG_CACHE_HOME"}
    except CycloidError as e:
        return {"reason": str(e)}
    except Exception as e:
        return {"reason": f"the export to {form} failed: {one_line(e)}"}
    with open(os.path.join(folder, "form.json"), encoding="utf-8") as file:
        return {"model": os.path.join(folder, FILES[form]), "how": json.load(file)["how"]}


def save_onnx_model(model, name):
    """The forms of a callable that returns an onnx.ModelProto."""
    import onnx

    data = model.SerializeToString(deterministic=True)

    def make(folder):
        onnx.checker.check_model(model)
        with open(os.path.join(folder, FILES["onnx"]), "wb") as file:
            file.write(data)

    try:
        folder = cache.entry("forms", f"{cache.Key(VERSION, 'proto', data).text()}-onnx", make)
    except onnx.checker.ValidationError as e:
        raise CycloidError(INVALID_MODEL, f"{name} returned an ONNX model that is none: {one_line(e)}") from None
    return {"model": os.path.join(folder, FILES["onnx"]), "how": "an onnx.ModelProto"}


def is_onnx_model(loaded):
    onnx = sys.modules.get("onnx")  # whoever has a ModelProto has imported it
    return onnx is not None and isinstance(loaded, onnx.ModelProto)


def export(request):
    warnings.filterwarnings("ignore")
    import logging

    logging.disable(logging.WARNING)
    model = request["model"]
    has_torch = importlib.util.find_spec("torch") is not None
    if request["form"] == "torchscript":
        if not has_torch:
            raise CycloidError(
                UNAVAILABLE, f"{model} needs torch, which the Python at {sys.executable} has not: pip install torch"
            )
        source = Source(request, load_torchscript(model), [model])
        return {"ok": True, "forms": {form: make_form(source, form) for form in request["wanted"]}}
    before = set(sys.modules)
    loaded = call_model(model)
    if is_onnx_model(loaded):
        reason = {"reason": f"{model} returned an ONNX model, which is no PyTorch one"}
        forms = {"python": reason, **{form: reason for form in request["wanted"]}}
        return {"ok": True, "forms": {**forms, "onnx": save_onnx_model(loaded, model)}}
    source = Source(request, as_module(loaded, model), source_files(set(sys.modules) - before))
    return {"ok": True, "forms": {form: make_form(source, form) for form in request["wanted"]}}


def end_with_parent():
    """Has Linux end this process when its parent dies (Ctrl-C there), through `finally`: no half-made entry stays behind."""

    def end(*_):
        raise SystemExit(128 + signal.SIGTERM)

    parent = os.getppid()
    signal.signal(signal.SIGTERM, end)
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before the request
        end()


def main(arguments):
    from cycloid.worker import take_standard_streams

    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    end_with_parent()
    _, replies = take_standard_streams()  # exporters and the user's code print
    try:
        reply = export(json.loads(arguments[0]))
    except Exception as e:
        reply = reply_of(e)
    print(json.dumps(reply), file=replies, flush=True)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
