"""Writes TensorProto files of every element type and encoding, and beside each the elements as onnx.numpy_helper reads them.

Usage: onnx_tensors.py FOLDER. For each NAME.pb: NAME.bin holds the elements, one byte each for types narrower than a byte
(strings: each ended by a zero byte); manifest.txt has a line "NAME DATA_TYPE DIM,DIM,..." each.
"""

import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

NARROW_INTS = {TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2}
SIGNED = {TensorProto.INT4, TensorProto.INT2}
UNSUPPORTED = {"UNDEFINED", "FLOAT6E2M3", "FLOAT6E3M2"}


def values_of(data_type, count):
    if data_type == TensorProto.STRING:
        return [f"text {i} \u00e9".encode() if i else b"" for i in range(count)]
    if data_type == TensorProto.BOOL:
        return [i % 3 == 0 for i in range(count)]
    if data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        return [complex(i - 2, 0.5 * i) for i in range(count)]
    dtype = helper.tensor_dtype_to_np_dtype(data_type)
    if data_type in NARROW_INTS or np.dtype(dtype).kind in "iu":
        info = {
            TensorProto.INT4: (-8, 7),
            TensorProto.UINT4: (0, 15),
            TensorProto.INT2: (-2, 1),
            TensorProto.UINT2: (0, 3),
        }
        low, high = info.get(data_type) or (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return [(low, high, 0, 1)[i % 4] for i in range(count)]
    if data_type == TensorProto.FLOAT8E8M0:
        return [2.0 ** (i - 3) for i in range(count)]
    return [(-1.5, 0.0, 0.5, 2.0, 6.0)[i % 5] for i in range(count)]


def expected_bytes(tensor):
    if tensor.data_type == TensorProto.STRING:
        return b"".join(s + b"\0" for s in tensor.string_data)
    array = numpy_helper.to_array(tensor)
    if tensor.data_type in NARROW_INTS:
        array = array.astype(np.int8 if tensor.data_type in SIGNED else np.uint8)
    return array.tobytes()


def main(folder):
    folder = pathlib.Path(folder)
    lines = []
    for type_name, data_type in TensorProto.DataType.items():
        if type_name in UNSUPPORTED:
            continue
        for dims in ([7], [2, 3], [], [0], [1, 5]):
            count = int(np.prod(dims))
            for raw in (False, True):
                if raw and data_type == TensorProto.STRING:
                    continue
                values = values_of(data_type, count)
                if raw:
                    typed = helper.make_tensor("t", data_type, dims, values)
                    tensor = numpy_helper.from_array(numpy_helper.to_array(typed), "t")
                else:
                    tensor = helper.make_tensor("t", data_type, dims, values)
                name = f"{type_name}_{'x'.join(map(str, dims)) or 'scalar'}_{'raw' if raw else 'typed'}"
                (folder / f"{name}.pb").write_bytes(tensor.SerializeToString())
                (folder / f"{name}.bin").write_bytes(expected_bytes(tensor))
                lines.append(f"{name} {data_type} {','.join(map(str, dims))}")
    (folder / "manifest.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
