"""torch.compile(model, backend="cycloid"): what TorchDynamo captures runs on Cycloid's engine, for inference on the CPU.

Parameters that dynamo passes as inputs are frozen into the graph, as inference needs them; a graph that cannot be
exported, or that the engine declines, runs in PyTorch as before, with a warning that says why. A call that needs
gradients does so too.
"""

import collections
import io
import warnings

import torch

from cycloid.errors import one_line
from cycloid.session import InferenceSession, SessionOptions


def cycloid_backend(module, example_inputs, *, options=None):
    """`options`: the fields of cycloid.SessionOptions, or one of these; given as torch.compile(..., options={...})."""
    session_options = _session_options(options)
    if any(isinstance(value, (int, torch.SymInt)) for value in example_inputs):
        return _BySizes(module, session_options)
    return _compile(module, example_inputs, session_options)


def _compile(module, inputs, options):
    try:
        return _Compiled(module, inputs, options)
    except Exception as e:  # exporters raise anything; falling back is what torch.compile's users expect
        warnings.warn(f"cycloid: this graph stays in PyTorch: {one_line(e)}", stacklevel=3)
        return module.forward


def _session_options(options):
    return options if isinstance(options, SessionOptions) else SessionOptions(**(options or {}))


class _BySizes:
    """A graph of dynamic sizes: one compiled form for each set of sizes that comes, the last few kept."""

    def __init__(self, module, options):
        self._module = module
        self._options = options
        self._forms = collections.OrderedDict()

    def __call__(self, *inputs):
        key = tuple(tuple(v.shape) if isinstance(v, torch.Tensor) else v for v in inputs)
        form = self._forms.get(key)
        if form is None:
            form = _compile(self._module, inputs, self._options)
            self._forms[key] = form
            while len(self._forms) > self._options.max_plans:
                self._forms.popitem(last=False)
        else:
            self._forms.move_to_end(key)
        return form(*inputs)


class _Compiled:
    def __init__(self, module, example_inputs, options):
        self._module = module
        self._tensors = [i for i, value in enumerate(example_inputs) if _is_data(value)]
        for i, value in enumerate(example_inputs):
            if i not in self._tensors and not isinstance(value, (torch.Tensor, int)):
                raise TypeError(f"input {i} of the graph is a {type(value).__name__}, not a tensor")
        devices = {str(value.device) for value in example_inputs if isinstance(value, torch.Tensor)}
        if devices - {"cpu"}:
            raise ValueError(f"the graph is on {', '.join(sorted(devices))}; the engine runs on the CPU")
        wrapper = _Frozen(module, example_inputs, self._tensors).eval()
        examples = tuple(_plain(example_inputs[i]) for i in self._tensors)
        with torch.no_grad():
            sample = wrapper(*examples)
        self._returns = [isinstance(value, torch.Tensor) for value in sample]
        if not all(self._returns):
            raise TypeError("the graph returns values that are not tensors")
        self._session = InferenceSession(_export(wrapper, examples), options)
        self._names = [i.name for i in self._session.get_inputs()]
        self._check(examples, sample)

    def __call__(self, *inputs):
        if torch.is_grad_enabled() and any(isinstance(v, torch.Tensor) and v.requires_grad for v in inputs):
            return self._module(*inputs)
        data = [inputs[i].detach().contiguous() for i in self._tensors]
        return self._run(data)

    def _run(self, data):
        # The exporter drops inputs that no output depends on.
        feed = {f"i{k}": tensor for k, tensor in enumerate(data) if f"i{k}" in self._names}
        return [_to_torch(value) for value in self._session.run(None, feed)]

    def _check(self, examples, sample):
        """The engine agrees with eager on the example; a wrong answer would be worse than a slow one."""
        for given, wanted in zip(self._run([e.contiguous() for e in examples]), sample, strict=True):
            if given.dtype != wanted.dtype or given.shape != wanted.shape:
                raise ValueError(
                    f"the engine gives {given.dtype}{list(given.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
                )
            if wanted.is_floating_point():
                scale = wanted.abs().nan_to_num(0, 0, 0).max().item() if wanted.numel() else 0.0
                bound = 1e-3 * scale + 1e-6
                if not torch.allclose(given, wanted, rtol=0, atol=bound, equal_nan=True):
                    raise ValueError("the engine's result differs from eager's on the example inputs")


class _Frozen(torch.nn.Module):
    """The graph as a module of its data alone: parameters that dynamo lifted to inputs are constants here."""

    def __init__(self, module, inputs, tensors):
        super().__init__()
        self._graph = module
        self._tensors = tensors
        self._count = len(inputs)
        self._frozen = {}
        for i, value in enumerate(inputs):
            if i not in tensors:
                self._frozen[i] = value.detach() if isinstance(value, torch.Tensor) else int(value)

    def forward(self, *data):
        values = [None] * self._count
        for i, value in self._frozen.items():
            values[i] = value
        for i, value in zip(self._tensors, data, strict=True):
            values[i] = value
        return tuple(self._graph(*values))


def _is_data(value):
    return isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter) and not _is_static(value)


def _is_static(value):
    """Buffers that dynamo lifted: it marks them as standing at one address."""
    return getattr(value, "_dynamo_static_input_type", None) is not None


def _to_torch(array):
    """Of the same memory; types that numpy has from ml_dtypes are PyTorch's of the same name."""
    if array.dtype.kind != "V":
        return torch.from_numpy(array)
    bits = array.view("u1" if array.dtype.itemsize == 1 else "i2")
    return torch.from_numpy(bits).view(getattr(torch, str(array.dtype)))


def _plain(value):
    """A real tensor of the example's shape and type, in place of a fake or symbolic one."""
    if type(value) is torch.Tensor:
        return value.detach()
    shape = [int(size) for size in value.shape]
    return torch.zeros(shape, dtype=value.dtype)


def _export(module, examples):
    """By the exporter that traces: the newer one, which captures with TorchDynamo itself, ends the process when it is called
    while TorchDynamo compiles (PyTorch 2.13)."""
    names = [f"i{k}" for k in range(len(examples))]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, examples, file, input_names=names, dynamo=False)
    return file.getvalue()
