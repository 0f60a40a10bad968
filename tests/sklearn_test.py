"""Models of scikit-learn, LightGBM and XGBoost, exported to ONNX, agree with the libraries that made them.

Each runs in the engine, as it stands and optimised, and by reference evaluation, at one row and at many. The models are in tests/sklearn_models.py.

python tests/sklearn_test.py [REGEX]   runs the models that match and prints each one's error beside its tolerance
"""

import re
import sys
import unittest.mock
import warnings

import numpy as np
import pytest
from built_package import use_built_package

MODULES = ("onnx", "onnxruntime", "sklearn", "skl2onnx", "onnxmltools", "lightgbm", "xgboost")
for module in MODULES:
    pytest.importorskip(module, reason=f"{module} is not installed; ./dev test installs python/requirements-tables.txt")
use_built_package()

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
import sklearn.base  # noqa: E402
import sklearn_models as models  # noqa: E402
from sklearn.svm import SVC, NuSVC  # noqa: E402

import cycloid  # noqa: E402

CASES = models.all_cases()
ROUNDING = 2.0**-24  # of float32
OPSETS = {"": 21, "ai.onnx.ml": 3}


class Exported:
    """A fitted estimator, its ONNX file, inputs for it, and what the estimator says of them."""

    def __init__(self, case):
        self.case = case
        self.data = models.make_data(case.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence, of deprecated names inside the exporters
            self.estimator = sklearn.base.clone(case.estimator).fit(self.double(self.data.x), self.data.y)
            self.model = export(case, self.estimator, self.data)
            self.feeds = feeds_of(case, self.data.fresh)
            x = self.double(self.data.fresh)
            self.wanted = [np.asarray(self.ask(method, x)) for method in case.results]
            self.margin = margin_of(self.estimator, x) if "predict" in case.results else None
        self.tolerances = [self.tolerance(want) for want in self.wanted]

    def double(self, x):
        """What scikit-learn computes with: the same numbers."""
        return x.astype(np.float64) if x.dtype == np.float32 and self.case.export == "skl2onnx" else x

    def ask(self, method, x):
        return method(self.estimator, x) if callable(method) else getattr(self.estimator, method)(x)

    def tolerance(self, want):
        """The roundings of one number, each at the scale of the largest value that the graph computes on the way."""
        if want.dtype.kind != "f":
            return 0.0
        return self.case.terms * ROUNDING * max(np.abs(want).max(), largest_on_the_way(self.model, self.feeds))


def export(case, estimator, data):
    if case.export != "skl2onnx":
        return export_boosted(case, estimator)
    from skl2onnx import to_onnx
    from skl2onnx.common import tree_ensemble

    options = {id(estimator): options_of(case, estimator)}
    add_node = tree_ensemble.add_node

    def with_integers(*arguments, nodes_missing_value_tracks_true=0, **rest):
        return add_node(*arguments, nodes_missing_value_tracks_true=int(nodes_missing_value_tracks_true), **rest)

    # skl2onnx 1.20 writes booleans into a list of integers, which newer versions of protobuf do not take.
    with unittest.mock.patch.object(tree_ensemble, "add_node", with_integers):
        return to_onnx(estimator, initial_types=input_types(case, data.fresh), options=options, target_opset=OPSETS)


def options_of(case, estimator):
    if "predict_proba" in case.results and not hasattr(estimator, "weights_"):  # mixtures have no such option
        return {"zipmap": False} | case.options
    return case.options


def input_types(case, x):
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    if case.data == "mixed":
        return [("numbers", FloatTensorType([None, 2])), ("words", StringTensorType([None, 3]))]
    if x.dtype == object:
        return [("X", StringTensorType([None, 1 if x.ndim == 1 else x.shape[1]]))]
    return [("X", (FloatTensorType if x.dtype == np.float32 else Int64TensorType)([None, x.shape[1]]))]


def feeds_of(case, x):
    if case.data == "mixed":
        return {"numbers": x[:, :2].astype(np.float32), "words": x[:, 2:]}
    return {"X": x.reshape(-1, 1) if x.ndim == 1 else x}


def export_boosted(case, estimator):
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("X", FloatTensorType([None, models.FEATURES]))]
    if case.export == "lightgbm":
        return onnxmltools.convert_lightgbm(estimator, initial_types=types, target_opset=15, zipmap=False)
    return onnxmltools.convert_xgboost(estimator, initial_types=types, target_opset=15)


def margin_of(estimator, x):
    """How far each row is from another label, in the unit of what the label is decided by; None where that is not known."""
    if hasattr(estimator, "predict_proba") and not isinstance(estimator, (SVC, NuSVC)):  # these decide by votes
        ordered = np.sort(estimator.predict_proba(x), axis=1)
        return ordered[:, -1] - ordered[:, -2]
    if hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(x)
        if scores.ndim == 1:
            return np.abs(scores)
        ordered = np.sort(scores, axis=1)
        return ordered[:, -1] - ordered[:, -2]
    if hasattr(estimator, "cluster_centers_"):
        ordered = np.sort(estimator.transform(x), axis=1)
        return ordered[:, 1] - ordered[:, 0]
    return None


def outputs_with_all_values(model):
    """The model with every value as an output."""
    whole = onnx.ModelProto.FromString(model.SerializeToString())
    known = {value.name for value in whole.graph.output}
    for node in whole.graph.node:
        whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name and name not in known)
    return whole


def ort_session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def all_values(model, feeds):
    """What every node computes: by ONNX Runtime, or by the reference evaluation where that cannot run the model."""
    whole = outputs_with_all_values(model)
    try:
        return ort_session(whole).run(None, feeds)
    except Exception:  # it declines with exceptions of its own
        return reference_session(whole.SerializeToString()).run(None, feeds)


def largest_on_the_way(model, feeds):
    """The largest finite number that a node computes; those that stand for infinity left out."""
    largest = 0.0
    for value in all_values(model, feeds):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            magnitudes = np.abs(value)
            largest = max(largest, magnitudes[magnitudes < 1e30].max(initial=0.0))
    return largest


def as_array(output, labels):
    """Dictionaries (ZipMap) as the columns that they stand for."""
    if isinstance(output, list):
        return np.array([[row[label] for label in labels] for row in output])
    return output


def compare(exported, outputs, rows):
    """[(result, error, tolerance)]; raises where an output is not what the estimator says."""
    found = []
    case = exported.case
    assert len(outputs) >= len(exported.wanted)
    for method, output, want, tolerance in zip(
        case.results, outputs, exported.wanted, exported.tolerances, strict=False
    ):
        want = want[rows]
        got = as_array(output, getattr(exported.estimator, "classes_", None))
        assert got.size == want.size, f"{method}: {got.shape} instead of {want.shape}"
        got = got.reshape(want.shape)  # exporters keep a column where scikit-learn has rank 1
        if method == "predict" and want.dtype.kind != "f":
            wrong = got != want if want.dtype.kind in "OU" else got.astype(np.float64) != want.astype(np.float64)
            if exported.margin is not None:
                # Both of two probabilities may be off by the tolerance.
                wrong &= exported.margin[rows] > 2 * max(exported.tolerances)
            assert not wrong.any(), f"{method}: {got[wrong]} instead of {want[wrong]}"
            continue
        assert np.array_equal(np.isnan(got), np.isnan(want)), f"{method}: NaN elsewhere"
        error = np.nan_to_num(np.abs(got.astype(np.float64) - want)).max(initial=0)
        found.append((method, error, tolerance))
        assert error <= tolerance, f"{method}: off by {error:.3g}, allowed {tolerance:.3g}"
    return found


def reference_session(data):
    level = cycloid.GraphOptimizationLevel.ORT_DISABLE_ALL
    return cycloid.InferenceSession(data, cycloid.SessionOptions(graph_optimization_level=level))


def sessions(model):
    data = model.SerializeToString()
    yield "engine", cycloid.InferenceSession(data, cycloid.SessionOptions(intra_op_num_threads=1))
    yield "optimised", cycloid.InferenceSession(data, cycloid.SessionOptions(intra_op_num_threads=2, optimize=True))
    yield "reference", reference_session(data)


def check(case):
    """[(way, result, error, tolerance)]"""
    if case.not_exported:
        with pytest.raises(Exception, match=case.not_exported):
            Exported(case)
        return []
    exported = Exported(case)
    if case.not_the_model:
        exported.wanted = [np.asarray(v) for v in ort_session(exported.model).run(None, exported.feeds)]
    found = []
    for way, session in sessions(exported.model):
        try:
            everything = slice(None)
            found += [(way, *one) for one in compare(exported, session.run(None, exported.feeds), everything)]
            for row in range(8):
                rows = slice(row, row + 1)
                outputs = session.run(None, {name: value[rows] for name, value in exported.feeds.items()})
                compare(exported, outputs, rows)
        except AssertionError as e:
            raise AssertionError(f"{case.name}, {way}: {e}") from None
    return found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_agrees_with_the_library(case):
    check(case)


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    for case in CASES:
        if not re.search(pattern, case.name):
            continue
        try:
            for way, method, error, tolerance in check(case):
                name = getattr(method, "__name__", method)
                print(f"{case.name:46} {way:10} {name:18} {error:9.2g} of {tolerance:9.2g}  {error / tolerance:6.3f}")
        except Exception as e:
            print(f"{case.name:46} FAILS {type(e).__name__}: {str(e)[:400]}")


if __name__ == "__main__":
    main()
