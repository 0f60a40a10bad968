"""Modules of torch.nn, and what newer architectures are made of, by both exporters of PyTorch, agree with eager: in the engine
and after cycloid.optimize.

The modules are in tests/torch_modules.py. What an exporter cannot write is listed below with its own words, and what it
writes as another function with what that is; both lists are tested to be true.

python tests/torch_modules_test.py [REGEX]   runs the modules that match and prints each one's error beside its tolerance
"""

import contextlib
import io
import logging
import pathlib
import re
import sys
import warnings

import numpy as np
import pytest
from built_package import CLI, use_built_package

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
use_built_package()

import torch_modules as modules  # noqa: E402

import cycloid  # noqa: E402

CASES = modules.torch_cases()
EXPORTERS = ("torchscript", "dynamo")
ROUNDING = 2.0**-24  # of float32

# (exporter, case): words of its message.
NOT_EXPORTED = {
    ("torchscript", "Threshold"): "non-zero threshold",
    ("torchscript", "MaxUnpool1d"): "cond must be a bool",
    ("torchscript", "MaxUnpool2d"): "cond must be a bool",
    ("torchscript", "MaxUnpool3d"): "cond must be a bool",
    ("torchscript", "AdaptiveAvgPool2d uneven"): "output size that are not factor of input size",
    ("torchscript", "RMSNorm"): "'aten::rms_norm' to ONNX opset version 20 is not supported",
    ("torchscript", "CrossMapLRN2d"): "Couldn't export operator aten::pow",
    ("torchscript", "LSTM projected"): "LSTMs with projections",
    ("torchscript", "TransformerEncoderLayer"): "'is_causal' (position 6) must be bool",
    ("torchscript", "TransformerEncoderLayer norm first"): "'is_causal' (position 6) must be bool",
    ("torchscript", "TransformerDecoderLayer"): "'is_causal' (position 6) must be bool",
    ("torchscript", "TransformerDecoder"): "'is_causal' (position 6) must be bool",
    ("torchscript", "Transformer"): "'is_causal' (position 6) must be bool",
    ("torchscript", "Bilinear"): "'aten::bilinear' to ONNX opset version 20 is not supported",
    ("torchscript", "ChannelShuffle"): "'aten::channel_shuffle' to ONNX opset version 20 is not supported",
    ("torchscript", "L1Loss"): "'aten::l1_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "SmoothL1Loss"): "'aten::smooth_l1_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "HuberLoss"): "'aten::huber_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "BCELoss"): "'aten::binary_cross_entropy' to ONNX opset version 20 is not supported",
    ("torchscript", "CrossEntropyLoss smoothed"): "ONNX does not support label_smoothing",
    ("torchscript", "PoissonNLLLoss"): "'aten::poisson_nll_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "HingeEmbeddingLoss"): "'aten::hinge_embedding_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "SoftMarginLoss"): "'aten::soft_margin_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "MarginRankingLoss"): "'aten::margin_ranking_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "CosineEmbeddingLoss"): "'aten::cosine_embedding_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "MultiLabelMarginLoss"): "'aten::multilabel_margin_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "MultiMarginLoss"): "'aten::multi_margin_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "TripletMarginLoss"): "'aten::triplet_margin_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "CTCLoss"): "'aten::ctc_loss' to ONNX opset version 20 is not supported",
    ("torchscript", "attention shared keys"): "not implemented if enable_gqa is True",
    (
        "torchscript",
        "interpolate antialias",
    ): "'aten::_upsample_bilinear2d_aa' to ONNX opset version 20 is not supported",
    ("torchscript", "interpolate nearest-exact"): "'aten::_upsample_nearest_exact2d' to ONNX opset version 20",
    ("torchscript", "slice assigned"): "'aten::slice_scatter' to ONNX opset version 20 is not supported",
    ("torchscript", "graph"): "does not support exporting 'index_add_()' function with duplicated values",
    ("dynamo", "GRU with lengths"): "type must be tuple of ints,but got FakeTensor",
    ("dynamo", "LSTM with lengths"): "type must be tuple of ints,but got FakeTensor",
    ("dynamo", "RReLU"): "Failed to convert the exported program",
    ("dynamo", "CrossMapLRN2d"): "Failed to decompose the FX graph",
    ("dynamo", "GaussianNLLLoss"): "Could not guard on data-dependent expression",
    ("dynamo", "AdaptiveLogSoftmaxWithLoss"): "Could not guard on data-dependent expression",
    ("dynamo", "CTCLoss"): "aten._ctc_loss.Tensor",
}
# (exporter, case): what the file computes instead.
ANOTHER_FUNCTION = {
    ("torchscript", "Softplus"): "Softplus without its threshold, above which PyTorch returns the input",
    ("torchscript", "AvgPool2d divisor_override"): "the mean: the divisor is left out",
    ("torchscript", "PairwiseDistance 1, kept"): "the difference to the power of 1, and not its magnitude: NaN",
    ("torchscript", "index_put accumulated"): "a scatter of which one of two values for a place counts",
    ("torchscript", "index_add"): "a scatter of which one of two values for a place counts",
    ("dynamo", "AvgPool2d divisor_override"): "the mean: the divisor is left out",
    ("dynamo", "CrossEntropyLoss smoothed"): "the loss without smoothing",
    ("dynamo", "MultiLabelMarginLoss"): "a decomposition that counts other pairs than PyTorch",
}
# (exporter, case): why the file is no valid model, or none for its own example; ONNX Runtime declines it too.
NO_MODEL = {
    ("torchscript", "CrossEntropyLoss probabilities"): "SoftmaxCrossEntropyLoss with probabilities for labels",
    ("torchscript", "AdaptiveLogSoftmaxWithLoss"): "ScatterElements with more indices than updates",
    ("dynamo", "CrossEntropyLoss probabilities"): "SoftmaxCrossEntropyLoss with probabilities for labels",
    ("dynamo", "LSTM projected"): "LSTM with a cell state of another size than its hidden state",
}


def quiet_export(case, exporter):
    file = io.BytesIO()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it is one operator of PyTorch, which no exporter knows
    try:
        with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if exporter == "dynamo":
                torch.onnx.export(case.module, case.inputs, dynamo=True, verbose=False).save(file)
            else:
                torch.onnx.export(case.module, case.inputs, file, dynamo=False)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    return file.getvalue()


def messages_of(error):
    """Its own and those of its causes."""
    return "" if error is None else f"{error}\n{messages_of(error.__cause__ or error.__context__)}"


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [] if value is None else [tensor for item in value for tensor in tensors_of(item)]


def eager(case):
    with torch.no_grad():
        return [tensor.numpy() for tensor in tensors_of(case.module(*case.inputs))]


def feeds_of(case, session):
    """Inputs by position; an exporter drops those that no output depends on from the end only."""
    names = [i.name for i in session.get_inputs()]
    return dict(zip(names, [tensor.numpy() for tensor in tensors_of(case.inputs)], strict=False))


def compare(case, outputs, wanted):
    """The largest error in units of its tolerance: each number gathers the roundings of its longest sum and of some
    dozen other steps, at the scale of the largest one."""
    assert len(outputs) == len(wanted), f"{len(outputs)} outputs instead of {len(wanted)}"
    worst = 0.0
    for i, (got, want) in enumerate(zip(outputs, wanted, strict=True)):
        assert got.shape == want.shape and got.dtype == want.dtype, f"output {i}: {got.dtype}{got.shape}"
        if want.dtype.kind != "f":
            assert np.array_equal(got, want), f"output {i} differs"
            continue
        tolerance = (case.sums + 16) * ROUNDING * max(np.nan_to_num(np.abs(want)).max(initial=0), 1e-30)
        assert np.array_equal(np.isnan(got), np.isnan(want)), f"output {i}: NaN elsewhere"
        error = np.nan_to_num(np.abs(got.astype(np.float64) - want)).max(initial=0)
        worst = max(worst, error / tolerance)
        assert error <= tolerance, f"output {i}: off by {error:.3g}, allowed {tolerance:.3g}"
    return worst


def onnxruntime_outputs(case, data):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds_of(case, session))


def check(case, exporter, folder):
    """{way: error in units of the tolerance}"""
    key = (exporter, case.name)
    if key in NOT_EXPORTED:
        with pytest.raises(Exception) as raised:  # noqa: B017  # any class of the exporters'
            quiet_export(case, exporter)
        assert NOT_EXPORTED[key] in messages_of(raised.value)
        return {}
    data = quiet_export(case, exporter)
    if key in NO_MODEL:
        with pytest.raises(cycloid.CycloidError):
            session = cycloid.InferenceSession(data)
            session.run(None, feeds_of(case, session))
        with pytest.raises(Exception):  # noqa: B017  # ONNX Runtime's own
            onnxruntime_outputs(case, data)
        return {}
    wanted = eager(case)
    if key in ANOTHER_FUNCTION:
        with pytest.raises(AssertionError):
            compare(case, onnxruntime_outputs(case, data), wanted)
        wanted = onnxruntime_outputs(case, data)
    path = pathlib.Path(folder) / "optimized.onnx"
    cycloid.optimize(data, path)
    worst = {}
    for way, model in (("engine", data), ("optimized", path)):
        session = cycloid.InferenceSession(model, cycloid.SessionOptions(intra_op_num_threads=1))
        try:
            worst[way] = compare(case, session.run(None, feeds_of(case, session)), wanted)
        except AssertionError as e:
            raise AssertionError(f"{case.name}, {exporter}, {way}: {e}") from None
    return worst


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setenv("CYCLOID_CLI", str(CLI))
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_all_of_torch_nn_has_a_case():
    known = set(modules.LEFT_OUT)
    for case in CASES:
        known |= {type(module).__name__ for module in case.module.modules()} | {case.name.split()[0]}
    classes = {
        name
        for name, value in vars(torch.nn).items()
        if isinstance(value, type) and issubclass(value, torch.nn.Module) and not name.startswith("_")
    }
    assert not classes - known


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_agrees_with_eager(case, exporter, tmp_path):
    check(case, exporter, tmp_path)


def main():
    import tempfile

    logging.disable(logging.ERROR)
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    for case in CASES:
        for exporter in EXPORTERS:
            if not re.search(pattern, f"{case.name}, {exporter}"):
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    worst = check(case, exporter, folder)
                    print(f"{case.name:38} {exporter:12}", *[f"{way} {error:6.3f}" for way, error in worst.items()])
                except (Exception, pytest.fail.Exception) as e:
                    print(f"{case.name:38} {exporter:12} FAILS {type(e).__name__}: {str(e)[:400]}")


if __name__ == "__main__":
    main()
