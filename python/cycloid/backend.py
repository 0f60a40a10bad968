"""onnx.backend.base for Cycloid: what onnx's own test suite, and tools written against it, call."""

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from cycloid.session import InferenceSession, SessionOptions


class CycloidBackendRep(BackendRep):
    def __init__(self, session):
        self._session = session

    def run(self, inputs, **kwargs):
        names = [i.name for i in self._session.get_inputs()]
        if isinstance(inputs, dict):
            feed = inputs
        elif isinstance(inputs, (list, tuple)) or len(names) != 1:
            feed = dict(zip(names, inputs, strict=True))
        else:
            feed = {names[0]: inputs}
        outputs = self._session.run(None, feed)
        return namedtupledict("Outputs", [o.name for o in self._session.get_outputs()])(*outputs)


class CycloidBackend(Backend):
    """`options` of prepare(): the fields of cycloid.SessionOptions."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        if isinstance(model, (str, bytes)):
            return CycloidBackendRep(InferenceSession(model, SessionOptions(**kwargs)))
        return CycloidBackendRep(InferenceSession(model.SerializeToString(), SessionOptions(**kwargs)))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """The node alone, its outputs' types inferred from the inputs."""
        arrays = [np.asarray(value) for value in inputs]
        values = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in zip([n for n in node.input if n], arrays, strict=True)
        ]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", values, outputs)
        model = onnx.shape_inference.infer_shapes(onnx.helper.make_model(graph))
        return cls.run_model(model, arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device):
        return Device(device).type == DeviceType.CPU


is_compatible = CycloidBackend.is_compatible
prepare = CycloidBackend.prepare
run = CycloidBackend.run_model
run_model = CycloidBackend.run_model
run_node = CycloidBackend.run_node
supports_device = CycloidBackend.supports_device
