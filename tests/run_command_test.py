"""`cycloid run`: from a PyTorch model, a TorchScript file or an ONNX file to .npy outputs, by way of the exports."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

if not importlib.util.find_spec("torch") or not importlib.util.find_spec("onnxruntime"):
    pytest.skip("needs torch and onnxruntime", allow_module_level=True)

MODEL = """
import torch
print("printed by the model file")

class Net(torch.nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale
        self.conv = torch.nn.Conv2d(2, 3, 3)
    def forward(self, image, gain):
        return {"sum": self.conv(image) * gain * self.scale, "mean": image.mean()}

def net():
    return Net()

def scaled():
    return Net(2.0)

class Unscriptable(torch.nn.Module):
    def forward(self, *tensors):
        return sum(tensors) + eval("1")

def raises():
    return {}["weights"]

def not_a_module():
    return [1]

class FailsInForward(torch.nn.Module):
    def forward(self, x):
        raise RuntimeError("no such layer")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(MODEL)
    generator = np.random.default_rng(0)
    np.save(tmp_path / "image.npy", generator.standard_normal((1, 2, 5, 5)).astype(np.float32))
    np.save(tmp_path / "gain.npy", np.array([1.5], np.float32))
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    return tmp_path


@pytest.fixture
def run(cycloid, folder):
    def call(model, *inputs, backend="onnxruntime", output="out", **more):
        data = [word for i in inputs for word in ("--input-data", i)]
        extra = [word for k, v in more.items() for word in (f"--{k}", str(v))]
        return cycloid(
            *("run", model, *data, "--backend", backend, "--output-dir", output, *extra),
            cwd=folder,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
            timeout=300,
        )

    return call


NET_INPUTS = ("image=image.npy", "gain=gain.npy")


def expected_sum(folder, scale=1.0):
    """By a loop in double, with the parameters that seed 0 gives."""
    import torch

    torch.manual_seed(0)
    conv = torch.nn.Conv2d(2, 3, 3)
    weight, bias = conv.weight.detach().double().numpy(), conv.bias.detach().double().numpy()
    image = np.load(folder / "image.npy").astype(np.float64)[0]
    result = np.zeros((1, 3, 3, 3))
    for o in range(3):
        for i in range(3):
            for j in range(3):
                result[0, o, i, j] = (image[:, i : i + 3, j : j + 3] * weight[o]).sum() + bias[o]
    return result * 1.5 * scale


def assert_close(got, expected):
    # 18 products, a bias and two factors: 21 eps of the largest magnitude of partial sums, below 32 here.
    assert np.abs(got - expected).max() <= 21 * np.finfo(np.float32).eps * 32


@pytest.mark.parametrize("backend", ("pytorch", "torchscript", "onnxruntime"))
def test_runs_a_callable_in_every_form(run, folder, backend):
    done = run("net.py:net", *NET_INPUTS, backend=backend)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["mean.npy", "sum.npy"]
    assert_close(np.load(folder / "out/sum.npy"), expected_sum(folder))
    assert abs(np.load(folder / "out/mean.npy") - np.load(folder / "image.npy").astype(np.float64).mean()) < 1e-6
    assert "sum float32[1,3,3,3] -> out/sum.npy" in done.stdout
    assert "printed by" not in done.stdout


def test_cache_follows_the_content(run, folder):
    def entries():
        return sorted(p.name for p in (folder / "cache/cycloid/forms").iterdir())

    assert run("net.py:net", *NET_INPUTS).returncode == 0
    first = entries()
    assert len(first) == 1
    assert run("net.py:net", *NET_INPUTS).returncode == 0
    assert entries() == first
    # The attribute `scale` is in no parameter, and yet part of the model.
    assert run("net.py:scaled", *NET_INPUTS, output="scaled").returncode == 0
    assert len(entries()) == 2
    assert_close(np.load(folder / "scaled/sum.npy"), expected_sum(folder, 2.0))
    (folder / "net.py").write_text(MODEL.replace("* gain *", "* gain * 3 *"))
    assert run("net.py:net", *NET_INPUTS, output="edited").returncode == 0
    assert len(entries()) == 3
    assert_close(np.load(folder / "edited/sum.npy") / 3, expected_sum(folder))


def test_traces_what_cannot_be_scripted(run, folder):
    np.save(folder / "y.npy", np.ones((2, 3), np.float32))
    done = run("net.py:Unscriptable", "x=x.npy", "y=y.npy", backend="torchscript")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(folder / "out/output.npy"), np.load(folder / "x.npy") + 2)


def test_runs_a_torchscript_file(run, folder):
    import torch

    class Double(torch.nn.Module):
        def forward(self, x):
            return 2 * x, x > 1

    torch.jit.script(Double()).save(str(folder / "double.pt"))
    for backend in ("torchscript", "onnxruntime"):
        done = run("double.pt", "x=x.npy", backend=backend, output=backend)
        assert done.returncode == 0, done.stderr
        x = np.load(folder / "x.npy")
        assert np.array_equal(np.load(folder / backend / "output_0.npy"), 2 * x)
        assert np.array_equal(np.load(folder / backend / "output_1.npy"), x > 1)


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    (
        ("absent.onnx", (), ("no file absent.onnx",)),
        ("absent.pt", (), ("no file absent.pt",)),
        ("absent.py:net", (), ("no file absent.py",)),
        ("absent_package.sub:net", (), ("absent_package",)),
        ("net", (), ("is no model",)),
        ("net.py:", (), ("is no model",)),
        ("net.py:nothing", (), ("net.py has no 'nothing'",)),
        ("net.py:raises", (), ("KeyError", "weights", "net.py:")),
        ("net.py:not_a_module", (), ("returned a list", "nn.Module")),
        ("net.py:FailsInForward", ("x=x.npy",), ("no such layer", "net.py:", "float32[2, 3]")),
        ("net.py:net", ("image=image.npy",), ("'gain'",)),
        ("net.py:net", ("image=image.npy", "gain=absent.npy"), ("absent.npy",)),
        ("net.py:net", ("image=image.npy", "image=gain.npy"), ("'image' is given twice",)),
        ("net.py:net", ("image=net.py", "gain=gain.npy"), ("net.py",)),
    ),
)
def test_a_failure_is_one_line_and_leaves_nothing(run, folder, model, inputs, words):
    done = run(model, *inputs)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]
    assert not (folder / "out").exists()


def test_pytorch_declines_files_with_the_reason(run, folder):
    (folder / "some.onnx").write_bytes(b"")
    (folder / "some.pt").write_bytes(b"")
    for model, word in (("some.onnx", "no PyTorch model"), ("some.pt", "not eager")):
        done = run(model, backend="pytorch")
        assert done.returncode == 1
        assert word in done.stderr
    done = run("some.pt", backend="torchscript")
    assert "some.pt is not a TorchScript file" in done.stderr


def test_a_form_that_disagrees_with_eager_is_refused(folder, monkeypatch):
    """The exporters are right, so a wrong one stands in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.chdir(folder)
    from cycloid import export

    def wrong(source, path):
        return "a wrong exporter", source.reference.disagreement([y * (1 + 1e-4) for y in source.reference.arrays])

    monkeypatch.setitem(export.EXPORTERS, "onnx", wrong)
    inputs = [
        {
            "name": n,
            "dtype": "float32",
            "shape": list(np.load(folder / f"{n}.npy").shape),
            "path": str(folder / f"{n}.npy"),
        }
        for n in ("image", "gain")
    ]
    request = {"model": "net.py:net", "form": "python", "inputs": inputs, "wanted": ["onnx"]}
    form = export.export(request)["forms"]["onnx"]
    assert "does not agree with eager" in form["reason"]
    assert list((folder / "cache/cycloid/forms").iterdir()) == []


def test_zoo_is_deterministic_and_alive():
    import torch

    from cycloid.zoo.squeezenet import squeezenet1_0, squeezenet1_1

    # Parameter counts published with the two architectures (torchvision's weight tables).
    for make, parameters in ((squeezenet1_0, 1_248_424), (squeezenet1_1, 1_235_496)):
        torch.manual_seed(1)
        first = make()
        torch.manual_seed(2)
        second = make()
        assert sum(p.numel() for p in first.parameters()) == parameters
        assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
        x = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            y = first(x)
        assert y.shape == (5, 1000)
        assert torch.isfinite(y).all()
        assert 0.1 < y.std() < 10
        assert (y > 0).float().mean() > 0.5
        assert (y[0] - y[1]).abs().max() > 1e-3  # it depends on its input


WITHOUT_TORCH = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
from cycloid.zoo import squeezenet
for name in ("squeezenet1_0", "squeezenet1_1"):
    open(f"{sys.argv[1]}/{name}.onnx", "wb").write(getattr(squeezenet, name)().SerializeToString())
assert "torch" not in sys.modules
"""


def test_zoo_without_pytorch_is_the_same_network(tmp_path):
    import onnxruntime
    import torch

    from cycloid.zoo import squeezenet

    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], check=True, timeout=300)
    x = np.random.default_rng(0).random((5, 3, 64, 64), dtype=np.float32)
    for name in ("squeezenet1_0", "squeezenet1_1"):
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        [y] = session.run(None, {"x": x})
        with torch.inference_mode():
            expected = getattr(squeezenet, name)()(torch.from_numpy(x)).numpy()
        # Some 20 layers, sums of at most 4608 products each, whose errors add up as a random walk does.
        assert np.abs(y - expected).max() <= 20 * np.sqrt(4608) * 2**-24 * np.abs(expected).max()


@pytest.fixture
def loop(folder):
    """loop.onnx: n times x = -x, and n.npy, that would run for ever."""
    import onnx
    from onnx import TensorProto, helper

    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    x, n = info("x", TensorProto.FLOAT, [2, 3]), info("n", TensorProto.INT64, [])
    flag, index = info("c", TensorProto.BOOL, []), info("i", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [index, flag, info("v", TensorProto.FLOAT, [2, 3])],
        [info("d", TensorProto.BOOL, []), info("w", TensorProto.FLOAT, [2, 3])],
    )
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], name="spin", body=body)
    graph = helper.make_graph([node], "g", [n, x], [info("y", TensorProto.FLOAT, [2, 3])])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "loop.onnx"
    )
    np.save(folder / "n.npy", np.array(2**62))
    np.save(folder / "few.npy", np.array(3))
    return "loop.onnx"


def test_bounds(run, folder, loop):
    done = run(loop, "n=n.npy", "x=x.npy", backend="cycloid", timeout=0.2)
    assert done.returncode != 0 and done.stderr.count("\n") == 1
    assert "'spin' (Loop)" in done.stderr and "200 ms" in done.stderr
    assert not (folder / "out").exists()
    done = run(loop, "n=few.npy", "x=x.npy", backend="cycloid", **{"max-memory": "1K", "timeout": 60})
    assert done.returncode == 0, done.stderr
    assert np.load(folder / "out/y.npy").tolist() == (-np.load(folder / "x.npy")).tolist()
    done = run(loop, "n=few.npy", "x=x.npy", backend="cycloid", **{"max-memory": "40"})
    assert done.returncode != 0 and "max_memory" in done.stderr
    done = run(loop, "n=few.npy", "x=x.npy", backend="onnxruntime", timeout=1)
    assert done.returncode != 0 and "--limit" in done.stderr
