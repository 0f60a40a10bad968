"""Grows a model node by node, evaluating each node as it is added.

Beside its exact value every value has noisy ones: the inputs and every floating-point result are disturbed by a few units
in the last place, and the disturbances travel through the rest of the model (Monte Carlo arithmetic). How far they spread
an output is how far two right implementations may be apart there, and the tolerance follows from it.
"""

import warnings

import ml_dtypes
import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

LANES = 6
# Relative disturbance of a result: four units in the last place.
DISTURBANCE = {
    np.dtype(np.float64): 2.0**-50,
    np.dtype(np.float32): 2.0**-21,
    np.dtype(np.float16): 2.0**-8,
    np.dtype(ml_dtypes.bfloat16): 2.0**-5,
}
# Results that come of a difference from 1, or of a bounded function, are as exact as 1 and not as themselves.
BOUNDED = {
    *(
        "Sigmoid",
        "Tanh",
        "Erf",
        "Softmax",
        "LogSoftmax",
        "Gelu",
        "Mish",
        "Swish",
        "HardSwish",
        "Sin",
        "Cos",
        "Elu",
        "Selu",
    ),
    *("Celu", "Softplus", "Sinh", "Asinh", "Atanh", "Acosh", "Acos", "Asin", "ReduceLogSum", "ReduceLogSumExp", "Log"),
    *("LSTM", "GRU", "RNN", "HannWindow", "HammingWindow", "BlackmanWindow", "If", "Loop", "Scan", "Attention"),
    *("SoftmaxCrossEntropyLoss", "SVMRegressor"),
}
# Results that are as exact as the largest element, and the positions (some tens) they are interpolated at.
INTERPOLATED = {"Resize", "GridSample", "RoiAlign", "DFT", "Det", "STFT", "AffineGrid", "DeformConv"}
MOST_ELEMENTS = 6000
DOMAINS = {"ai.onnx.ml": 4}  # versions
# The reference evaluator knows these from a newer version on, which means the same for what is generated.
EVALUATED_AS = {"DequantizeLinear": 21, "QuantizeLinear": 21, "BatchNormalization": 15}


class RejectedError(Exception):
    """The node cannot be added; the model stays as it was."""


class Value:
    """A value of the model: its name, what it is, and what it is in each lane."""

    def __init__(self, name, array, lanes, node=None):
        self.name, self.array, self.lanes, self.node, self.users = name, array, lanes, node, 0

    @property
    def is_tensor(self):
        return isinstance(self.array, np.ndarray)

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def shape(self):
        return self.array.shape

    @property
    def rank(self):
        return self.array.ndim

    @property
    def size(self):
        return self.array.size

    def is_float(self):
        return self.is_tensor and self.dtype in DISTURBANCE

    def is_finite(self):
        if self.dtype.kind in "OUS":
            return False
        return all(np.isfinite(lane.astype(np.float64)).all() for lane in (self.array, *self.lanes))


def onnx_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype.kind not in "OUS" else onnx.TensorProto.STRING


class Builder:
    """A model under construction. `rng` makes every choice."""

    def __init__(self, rng, opset):
        self.rng, self.opset = rng, opset
        self.noise = np.random.default_rng(1)
        self.values, self.nodes, self.initializers, self.inputs = [], [], [], []
        self.names = 0
        self.operators = set()

    # --- choices ---

    def chance(self, percent):
        return self.rng.random() * 100 < percent

    def integer(self, low, high):
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def choose(self, options):
        return options[int(self.rng.integers(len(options)))]

    def size(self):
        return self.choose([1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 16, 17]) if not self.chance(2) else 0

    def shape(self, rank=None):
        rank = self.choose([0, 1, 1, 2, 2, 3, 3, 4, 4, 5]) if rank is None else rank
        shape = [self.size() for _ in range(rank)]
        while np.prod(shape) > MOST_ELEMENTS // 4:
            shape[int(np.argmax(shape))] = 2
        return tuple(shape)

    # --- values ---

    def name(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def elements(self, shape, dtype, low=None, high=None, special=0):
        """Random elements; floats are normal, unless bounded, with some special ones where asked for."""
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            return self.rng.random(shape) < 0.5
        if dtype.kind == "O":
            words = ["", "a", "b", "Ab", "abc", "é", "x y", "12", "-1.5"]
            return np.array([self.choose(words) for _ in range(int(np.prod(shape)))], dtype=object).reshape(shape)
        if dtype.kind in "iu":
            least = max(-9 if low is None else low, np.iinfo(dtype).min)
            return np.asarray(self.rng.integers(least, (9 if high is None else high) + 1, size=shape)).astype(dtype)
        if low is not None:
            array = self.rng.uniform(low, high, size=shape)
        else:
            array = self.rng.standard_normal(shape) * self.choose([1, 1, 1, 1, 0.1, 10])
        array = np.asarray(array)
        if special and array.size and self.chance(special):
            flat = array.reshape(-1)
            for _ in range(self.integer(1, 3)):
                flat[self.integer(0, flat.size - 1)] = self.choose([np.inf, -np.inf, np.nan, -0.0, 0.0])
        return array.astype(dtype)

    def disturb(self, array, lane, op=""):
        unit = DISTURBANCE.get(array.dtype)
        if unit is None or array.size == 0:
            return array
        # The first two lanes push all one way, the others each element its own way.
        sign = (1, -1)[lane] if lane < 2 else self.noise.choice([-1.0, 1.0], size=array.shape)
        wide = array.astype(np.float64)
        with np.errstate(all="ignore"):
            moved = wide * (1 + unit * sign)
            if op in BOUNDED:
                moved = moved + unit / 8 * sign
            if op in INTERPOLATED:
                moved = moved + unit * sign * np.abs(wide[np.isfinite(wide)]).max(initial=0)
        return np.where(np.isfinite(wide), moved, wide).astype(array.dtype)

    def add_value(self, name, array, node=None, lanes=None, op=""):
        if isinstance(array, np.ndarray):
            lanes = [self.disturb(a, i, op) for i, a in enumerate(lanes or [array] * LANES)]
        value = Value(name, array, lanes or [array] * LANES, node)
        self.values.append(value)
        return value

    def input(self, array):
        """A value from outside: an input of the model, or an initializer."""
        array = np.asarray(array)
        if self.chance(60):
            value = self.add_value(self.name("x"), array)
            self.inputs.append(value)
            return value
        return self.constant(array)

    def constant(self, array, exact=False):
        array = np.asarray(array)
        value = self.add_value(self.name("c"), array)
        if exact:
            value.lanes = [array] * LANES
        self.initializers.append(value)
        return value

    def ints(self, values):
        """Shapes, axes, indices: mostly constant, as in real models."""
        array = np.array(values, np.int64)
        if self.chance(85):
            return self.constant(array)
        value = self.add_value(self.name("i"), array)
        self.inputs.append(value)
        return value

    def pick(self, wanted=lambda v: True, make=None):
        """An earlier value that is wanted, the newer the likelier; or one that `make` makes."""
        fitting = [v for v in self.values if v.is_tensor and v.node is not None and wanted(v)]
        if fitting and not self.chance(15):
            if self.chance(60):
                unused = [v for v in fitting if v.users == 0]
                fitting = unused or fitting
            return fitting[max(self.integer(0, len(fitting) - 1), self.integer(0, len(fitting) - 1))]
        for _ in range(4 if make else 0):
            array = np.asarray(make())
            if wanted(Value("", array, [array])):
                return self.input(array)
        raise RejectedError

    def float_dtype(self):
        return np.dtype(
            self.choose(
                [np.float32] * 12 + [np.float64, np.float16] + ([ml_dtypes.bfloat16] if self.opset > 15 else [])
            )
        )

    def any_dtype(self):
        if self.chance(60):
            return np.dtype(np.float32)
        kinds = [np.int64, np.int32, np.int8, np.uint8, np.bool_, np.float64, np.float16, np.int16, np.uint16]
        return np.dtype(self.choose([*kinds, np.uint32, np.uint64, object]))

    def floats(self, rank=None, least=0, finite=False, dtype=None):
        """A floating-point tensor of that rank, or of `least` or more axes."""

        def wanted(v):
            fits = v.is_float() and (v.rank == rank if rank is not None else v.rank >= least)
            return fits and (dtype is None or v.dtype == dtype) and (not finite or v.is_finite())

        def make():
            axes = rank if rank is not None else max(least, self.choose([0, 1, 2, 2, 3, 3, 4, 4, 5]))
            special = 0 if finite else 6
            return self.elements(self.shape(axes), dtype or self.float_dtype(), special=special)

        return self.pick(wanted, make)

    def tensor(self, least=0, wanted=lambda v: True):
        """A tensor of any type with `least` or more axes."""
        return self.pick(
            lambda v: v.rank >= least and wanted(v),
            lambda: self.elements(self.shape(max(least, self.choose([0, 1, 2, 3, 4]))), self.any_dtype(), special=6),
        )

    # --- nodes ---

    def node(self, op, inputs, outputs=1, domain="", **attributes):
        """Adds a node, and gives its outputs (one: itself). `inputs` are values, None where absent."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        names = [self.name("y") for _ in range(outputs)]
        attributes = {k: v for k, v in attributes.items() if v is not None}
        node = helper.make_node(op, [v.name if v else "" for v in inputs], names, domain=domain, **attributes)
        exact, lanes = self.evaluate(node, inputs)
        for array in exact:
            if isinstance(array, np.ndarray) and array.size > MOST_ELEMENTS:
                raise RejectedError
        index = len(self.nodes)
        self.nodes.append(node)
        self.operators.add(op)
        for v in inputs:
            if v:
                v.users += 1
        made = [
            self.add_value(name, array, index, [lane[i] for lane in lanes], op)
            for i, (name, array) in enumerate(zip(names, exact, strict=True))
        ]
        return made[0] if outputs == 1 else made

    def evaluate(self, node, inputs):
        """The node's outputs: exact, and in each lane."""
        given = {v.name: v for v in inputs if v}
        # Subgraphs see the outer values that they name.
        for attribute in node.attribute:
            for inner in attribute.g.node:
                for name in inner.input:
                    found = next((v for v in self.values if v.name == name), None)
                    if found is not None:
                        given[name] = found
        run = evaluator(node, list(given.values()), self.opset)
        exact = run({n: v.array for n, v in given.items()})
        noisy = any(v.is_float() for v in given.values()) and not all(
            a is v.array for v in given.values() for a in v.lanes
        )
        lanes = []
        for lane in range(LANES):
            if not noisy:
                lanes.append(exact)
                continue
            try:
                lanes.append(run({n: v.lanes[lane] for n, v in given.items()}))
            except RejectedError:
                lanes.append(exact)
        return exact, lanes


def value_info(name, array, dims=None):
    if isinstance(array, np.ndarray):
        return helper.make_tensor_value_info(name, onnx_type(array), array.shape if dims is None else dims)
    element = helper.make_tensor_type_proto(onnx_type(array[0]) if array else onnx.TensorProto.FLOAT, None)
    return helper.make_value_info(name, helper.make_sequence_type_proto(element))


SOFTMAXES = {"Softmax", "LogSoftmax", "Hardmax"}


def softmax_of_rows(node):
    """What these operators meant before version 13, which the reference evaluator does not know: the axes from `axis` on
    are one."""
    x, y = node.input[0], node.output[0]
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    return [
        helper.make_node("Shape", [x], [f"{y}_shape"]),
        helper.make_node("Flatten", [x], [f"{y}_rows"], axis=axis),
        helper.make_node(node.op_type, [f"{y}_rows"], [f"{y}_done"], axis=-1),
        helper.make_node("Reshape", [f"{y}_done", f"{y}_shape"], [y]),
    ]


def evaluator(node, inputs, opset):
    """A function from feeds to outputs: the onnx reference evaluator's."""
    graph = helper.make_graph(
        softmax_of_rows(node) if node.op_type in SOFTMAXES and opset < 13 else [node],
        "one",
        [value_info(v.name, v.array) for v in inputs],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    opset = max(opset, EVALUATED_AS.get(node.op_type, 0))
    if node.op_type in SOFTMAXES:
        opset = max(opset, 13)
    opsets = [helper.make_opsetid("", opset)] + (
        [helper.make_opsetid(node.domain, DOMAINS[node.domain])] if node.domain else []
    )
    model = helper.make_model(graph, opset_imports=opsets)
    try:
        reference = ReferenceEvaluator(model)
    except Exception as error:
        raise RejectedError(f"{node.op_type}: {error}") from None

    def run(feeds):
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                outputs = reference.run(None, feeds)
        except Exception as error:
            raise RejectedError(f"{node.op_type}: {type(error).__name__}: {error}") from None
        arrays = [np.asarray(y) if isinstance(y, (np.generic, int, float)) else y for y in outputs]
        # Strings are objects everywhere here.
        return [y.astype(object) if isinstance(y, np.ndarray) and y.dtype.kind in "US" else y for y in arrays]

    return run
