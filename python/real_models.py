"""The models that bench_models.py and bench_optimize.py measure with, and inputs for them."""

import json
import pathlib

import numpy as np
import onnx

SOURCE = pathlib.Path(__file__).resolve().parent.parent
MODELS = SOURCE.parent / "shared" / "models"

DTYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}


def run_shapes():
    """By model, then input: the sizes and values that the model's README says, where the declared ones are not enough."""
    path = MODELS / "run_shapes.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def real_models():
    return sorted(MODELS.glob("*.onnx"))


def light_models():
    """The classical image models that the onnx package ships, with weights that are all alike."""
    folder = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    return sorted(folder.glob("light_*.onnx"))


def feeds_of(path, shapes):
    """Inputs by name, of the sizes and values that `shapes` says, ones where a size is open and not said; None where an
    input is not a tensor of numbers."""
    rng = np.random.default_rng(0)
    feeds = {}
    model = onnx.load(path, load_external_data=False)
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        dtype = DTYPES.get(tensor.elem_type)
        if dtype is None:
            return None
        said = shapes.get(value.name)
        if isinstance(said, dict):
            values = said["v"]  # one number, or a range to draw from
            drawn = rng.integers(*values, said["s"]) if isinstance(values, list) else np.full(said["s"], values)
            feeds[value.name] = np.asarray(drawn, dtype)
            continue
        shape = said or [dim.dim_value or 1 for dim in tensor.shape.dim]
        integers = np.issubdtype(dtype, np.integer)
        feeds[value.name] = (rng.integers(0, 2, shape) if integers else rng.random(shape)).astype(dtype)
    return feeds
