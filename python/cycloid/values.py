"""Between what users hold (numpy arrays of any dtype, lists, dicts) and what cycloid._native takes and gives."""

import re

import numpy as np

from cycloid.errors import INVALID_ARGUMENT, error_of

# Where numpy and ml_dtypes name a type otherwise than the library.
_ML_NAMES = {"float4_e2m1fn": "float4_e2m1", "float8_e8m0fnu": "float8_e8m0"}
_LIBRARY_NAMES = {library: ml for ml, library in _ML_NAMES.items()}
_NARROW_SIGNED = frozenset(["int4", "int2"])
_PLAIN = frozenset("bBhHiIlLqQefdFD?")  # numpy's letters of what DLPack names


def to_native(value, dtype=None):
    """`dtype`: the input's, where it is a tensor. Python numbers and lists of them are taken for such an input."""
    if isinstance(value, np.ndarray):
        return _array_to_native(value)
    if hasattr(value, "ortvalue_from_numpy"):
        return to_native(value.value, dtype)
    if value is None or hasattr(value, "__dlpack__"):
        return value
    if dtype is not None:  # a tensor is wanted: a scalar, or nested lists
        if dtype == "string":
            return _array_to_native(np.asarray(value, dtype=object))
        try:
            return _array_to_native(np.asarray(value, dtype=numpy_dtype(dtype)))
        except (TypeError, ValueError) as e:
            raise error_of(INVALID_ARGUMENT, f"a {type(value).__name__} is no array of {dtype}: {e}") from None
    if isinstance(value, (list, tuple)):
        return [to_native(item) for item in value]
    return _array_to_native(np.asarray(value))


def _array_to_native(array):
    if array.dtype.char in _PLAIN:
        if array.dtype.byteorder in "=|":
            return array
        return array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "OUST":
        return ("string", list(array.shape), [_text(item) for item in array.ravel().tolist()])
    name = str(array.dtype)
    if name in _NARROW_SIGNED:  # ml_dtypes leaves the sign to the low bits, the library takes the whole byte
        return (name, array.astype(np.int8))
    bits = np.uint16 if array.dtype.itemsize == 2 else np.uint8
    return (_ML_NAMES.get(name, name), np.asarray(array, order="C").view(bits))


def _text(item):
    if isinstance(item, (str, bytes)):
        return item
    raise error_of(INVALID_ARGUMENT, f"an array of strings holds a {type(item).__name__}")


# By their numbers in onnx.TensorProto.DataType, as numpy and ml_dtypes name them.
ELEMENT_TYPES = [
    "undefined",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "uint4",
    "int4",
    "float4_e2m1fn",
    "float8_e8m0fnu",
    "uint2",
    "int2",
]


def element_type_number(dtype):
    """Of a numpy dtype, in onnx.TensorProto.DataType."""
    return ELEMENT_TYPES.index("string" if dtype.kind in "OUST" else str(dtype))


def numpy_dtype(name):
    """The numpy dtype of the library's name of an element type; ml_dtypes has those that numpy lacks."""
    if name == "string":
        return np.dtype(object)
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, _LIBRARY_NAMES.get(name, name)))


def from_native(value):
    if isinstance(value, np.ndarray) or value is None:
        return value
    if isinstance(value, list):
        return [from_native(item) for item in value]
    if value[0] == "map":
        keys, values = (from_native(part) for part in value[1:])
        return dict(zip(keys.tolist(), values.tolist(), strict=True))
    if value[0] == "string":
        array = np.empty(len(value[2]), dtype=object)
        array[:] = value[2]
        return array.reshape(value[1])
    if value[0] in _NARROW_SIGNED:
        return value[1].view(np.int8).astype(numpy_dtype(value[0]))
    return value[1].view(numpy_dtype(value[0]))


def onnxruntime_name(name):
    """onnxruntime's name of an element type: "float" for float32, "float8e4m3fn"."""
    return {"float32": "float", "float64": "double"}.get(name) or re.sub("^(float[48])_", r"\1", name)


def element_type_name(dtype):
    """onnxruntime's name of a numpy dtype."""
    if dtype.kind in "OUST":
        return "string"
    name = str(dtype)
    return onnxruntime_name(_ML_NAMES.get(name, name))


def onnxruntime_type(text):
    """onnxruntime's form of a type that is no tensor: "seq(map(int64,tensor(float)))" for "seq(map(int64, float))"."""
    parts = re.fullmatch(r"(seq|optional|map)\((.*)\)", text)
    if parts is None:
        element = text.split("[")[0]
        # The library writes ONNX's names here, "float" and "double" among them.
        return f"tensor({onnxruntime_name(element)})" if element else text
    kind, inner = parts.groups()
    if kind != "map":
        return f"{kind}({onnxruntime_type(inner)})"
    key, value = inner.split(", ", 1)
    return f"map({key},{onnxruntime_type(value)})"
