"""OrtValue and IOBinding: values and memory bound to a session, with onnxruntime's calls."""

import ctypes
from typing import Any

import numpy as np

from cycloid.errors import INVALID_ARGUMENT, error_of
from cycloid.values import ELEMENT_TYPES, element_type_name, element_type_number, numpy_dtype


class OrtValue:
    """A value with its type: a numpy array, or memory with DLPack (a torch tensor), or a list or dict of such.

    It shares the memory it is made of. onnxruntime's class of this name copies; where that matters, copy before.
    """

    def __init__(self, value: Any):
        self._value = value

    @staticmethod
    def ortvalue_from_numpy(numpy_obj: np.ndarray, device_type: str = "cpu", device_id: int = 0) -> "OrtValue":
        check_device(device_type)
        return OrtValue(np.asarray(numpy_obj))

    @staticmethod
    def ortvalue_from_numpy_with_onnx_type(data: np.ndarray, onnx_element_type: int) -> "OrtValue":
        """Elements of a type that numpy has not (TensorProto.BFLOAT16, ...), as numbers of its width."""
        dtype = dtype_of(int(onnx_element_type))
        if dtype.itemsize != data.dtype.itemsize:
            raise error_of(INVALID_ARGUMENT, f"elements of {data.dtype} cannot hold {dtype}: the width differs")
        return OrtValue(data.view(dtype))

    @staticmethod
    def ortvalue_from_shape_and_type(
        shape: Any, element_type: Any, device_type: str = "cpu", device_id: int = 0
    ) -> "OrtValue":
        """Memory for an output; its elements are not set."""
        check_device(device_type)
        return OrtValue(np.empty([int(size) for size in shape], dtype=dtype_of(element_type)))

    @staticmethod
    def from_dlpack(data: Any, is_bool_tensor: bool = False) -> "OrtValue":
        """Shares the memory of a tensor on the CPU."""
        return OrtValue(data)

    def numpy(self) -> np.ndarray:
        """The array itself; of a DLPack tensor an array over its memory."""
        return self._value if isinstance(self._value, np.ndarray) else np.from_dlpack(self._value)

    def __dlpack__(self, **options: Any) -> Any:
        return self._value.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._value.__dlpack_device__()

    def __array__(self, dtype: Any = None, copy: "bool | None" = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def shape(self) -> list[int]:
        return list(self._value.shape)

    def data_type(self) -> str:
        """onnxruntime's words: "tensor(float)"."""
        if isinstance(self._value, dict):
            return "map"
        if isinstance(self._value, (list, tuple)):
            return "seq"
        return f"tensor({element_type_name(self.numpy().dtype)})"

    def element_type(self) -> int:
        """The number of onnx.TensorProto.DataType."""
        return element_type_number(self.numpy().dtype)

    def device_name(self) -> str:
        return "cpu"

    def data_ptr(self) -> int:
        return self.numpy().ctypes.data

    def tensor_size_in_bytes(self) -> int:
        return self.numpy().nbytes

    def has_value(self) -> bool:
        return self._value is not None

    def is_tensor(self) -> bool:
        return hasattr(self._value, "__dlpack__") or isinstance(self._value, np.ndarray)

    def is_tensor_sequence(self) -> bool:
        return isinstance(self._value, (list, tuple))

    def is_sparse_tensor(self) -> bool:
        return False

    def update_inplace(self, np_arr: np.ndarray) -> None:
        """Copies the array's elements into the value's memory; dtype and shape must be the same."""
        into = self.numpy()
        if into.shape != np_arr.shape or into.dtype != np_arr.dtype:
            raise error_of(
                INVALID_ARGUMENT, f"{np_arr.dtype}{list(np_arr.shape)} does not fit into {into.dtype}{list(into.shape)}"
            )
        np.copyto(into, np_arr)

    @property
    def value(self) -> Any:
        """What it was made of."""
        return self._value


def unwrapped(value: Any) -> Any:
    return value.value if isinstance(value, OrtValue) else value


def check_device(device_type: str) -> None:
    if str(device_type).lower() != "cpu":
        raise error_of(INVALID_ARGUMENT, f"memory on '{device_type}' is out of reach: Cycloid runs on the CPU")


def dtype_of(element_type: Any) -> np.dtype:
    """Of a numpy dtype or class, its name, or a number of onnx.TensorProto.DataType."""
    if isinstance(element_type, int):
        if not 0 < element_type < len(ELEMENT_TYPES):
            raise error_of(INVALID_ARGUMENT, f"{element_type} is no number of an element type that an array can have")
        return numpy_dtype(ELEMENT_TYPES[element_type])
    return numpy_dtype(element_type) if isinstance(element_type, str) else np.dtype(element_type)


def array_at(address: int, element_type: Any, shape: Any) -> np.ndarray:
    """Memory that the caller owns and keeps, as an array."""
    dtype = dtype_of(element_type)
    shape = [int(size) for size in shape]
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if count == 0:
        return np.empty(shape, dtype)
    if not address:
        raise error_of(INVALID_ARGUMENT, "buffer_ptr is null")
    return np.frombuffer((ctypes.c_byte * count).from_address(address), dtype=np.uint8).view(dtype).reshape(shape)


class IOBinding:
    """Inputs and outputs bound to memory. For one thread at a time."""

    def __init__(self, session: Any):
        self._session = session
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._results: dict[str, Any] = {}

    def bind_cpu_input(self, name: str, arr_on_cpu: Any) -> None:
        """Binds an array (numpy or DLPack); each run reads its elements anew."""
        self._session._check_names([name])
        self._inputs[name] = unwrapped(arr_on_cpu)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        self.bind_cpu_input(name, ortvalue)

    def bind_input(
        self,
        name: str,
        device_type: Any,
        device_id: int = 0,
        element_type: Any = None,
        shape: Any = None,
        buffer_ptr: "int | None" = None,
    ) -> None:
        """By address, as onnxruntime does: (name, "cpu", 0, np.float32, shape, tensor.data_ptr()). Or (name, array)."""
        if not isinstance(device_type, str):
            self.bind_cpu_input(name, device_type)
            return
        check_device(device_type)
        if element_type is None or shape is None or buffer_ptr is None:
            raise error_of(INVALID_ARGUMENT, f"bind_input('{name}') needs element_type, shape and buffer_ptr")
        self.bind_cpu_input(name, array_at(buffer_ptr, element_type, shape))

    def bind_output(
        self,
        name: str,
        device_type: Any = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Any = None,
        buffer_ptr: "int | None" = None,
    ) -> None:
        """By address, as bind_input(); or (name, array): writable memory of the output's dtype and shape; or (name): the
        run makes it."""
        self._session._output_indices([name])
        if not isinstance(device_type, str):
            self._outputs[name] = unwrapped(device_type)
            return
        check_device(device_type)
        if buffer_ptr is not None and (element_type is None or shape is None):
            raise error_of(INVALID_ARGUMENT, f"bind_output('{name}') needs element_type and shape beside buffer_ptr")
        self._outputs[name] = None if buffer_ptr is None else array_at(buffer_ptr, element_type, shape)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        self.bind_output(name, ortvalue.value)

    def clear_binding_inputs(self) -> None:
        self._inputs.clear()

    def clear_binding_outputs(self) -> None:
        self._outputs.clear()

    def synchronize_inputs(self) -> None:
        """Nothing to do on a CPU."""

    def synchronize_outputs(self) -> None:
        """Nothing to do on a CPU."""

    def copy_outputs_to_cpu(self) -> list:
        """Of the last run, in the order of binding: numpy arrays (of bound memory the memory itself)."""
        return [_as_numpy(self._results[name]) for name in self._outputs]

    def get_outputs(self) -> list[OrtValue]:
        """The same as OrtValues; .value is the array or tensor that was bound."""
        return [OrtValue(self._results[name]) for name in self._outputs]

    def get_outputs_as_ortvaluevector(self) -> list[OrtValue]:
        return self.get_outputs()

    def run(self, run_options: Any = None) -> None:
        session = self._session
        if not self._outputs:
            raise error_of(INVALID_ARGUMENT, "no output is bound; bind_output() names those wanted")
        overriding = not session._overridable.keys().isdisjoint(self._inputs)
        if not overriding and all(a is not None for a in self._outputs.values()) and session._profiler is None:
            into = [self._outputs.get(name) for name in session._output_names]
            inputs = session._inputs_of(self._inputs)
            session._check_not_terminated(run_options)
            session._session.run_into(inputs, into, run_options)
            self._results = dict(self._outputs)
            return
        values = session.run(list(self._outputs), self._inputs, run_options)
        for (name, array), value in zip(self._outputs.items(), values, strict=True):
            if array is not None:
                np.copyto(_as_numpy(array), value, casting="no")
                value = array
            self._results[name] = value


def _as_numpy(value):
    return np.from_dlpack(value) if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray) else value
