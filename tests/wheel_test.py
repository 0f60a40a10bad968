"""The wheel: built from the tree, unpacked alone, imported, and its command line run."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("CYCLOID_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
# What a Linux with a C++ runtime has; fmt is in the wheel itself.
SYSTEM = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|fmt)\.so\.\d+)$")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    pytest.importorskip("scikit_build_core", reason="scikit-build-core is not installed")
    pytest.importorskip("nanobind", reason="nanobind is not installed")
    if os.environ.get("CYCLOID_SANITIZE"):
        pytest.skip("a wheel has no sanitizers")
    if not os.environ.get("CYCLOID_TEST_WHEEL"):
        pytest.skip("it compiles everything a second time; CYCLOID_TEST_WHEEL=1 asks for that")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run([*pip, "wheel", *options, "-w", folder, SOURCE], capture_output=True, text=True, cwd=SOURCE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [wheel] = folder.glob("cycloid-*.whl")
    target = folder / "site"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", "--target", target, wheel], check=True)
    return target


def python(unpacked, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CYCLOID_")} | {"PYTHONPATH": str(unpacked)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=unpacked, timeout=300
    )


def test_needs_nothing_that_it_does_not_hold(unpacked):
    binaries = [f for f in unpacked.rglob("*") if f.is_file() and f.read_bytes()[:4] == b"\x7fELF"]
    assert {f.name for f in binaries} >= {"cycloid"}
    for binary in binaries:
        dynamic = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True).stdout
        for needed in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic):
            assert SYSTEM.match(needed), f"{binary.name} needs {needed}"
    loaded = subprocess.run(["ldd", unpacked / "cycloid" / "bin" / "cycloid"], capture_output=True, text=True).stdout
    assert str(unpacked) in re.search(r"libfmt\.so\S* => (\S+)", loaded).group(1)


def test_holds_types_notices_and_no_tests(unpacked):
    names = {str(f.relative_to(unpacked)) for f in unpacked.rglob("*")}
    assert {"cycloid/py.typed", "cycloid/_native.pyi"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith("_test.py")]


def test_runs_a_model(unpacked, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    helper = onnx.helper
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", info[:1], info[1:])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    code = "import sys, cycloid; print(cycloid.InferenceSession(sys.argv[1]).run(None, {'x': [1, -2]})[0].tolist())"
    done = python(unpacked, "-c", code, str(path))
    assert (done.stdout, done.stderr) == ("[-1.0, 2.0]\n", "")
    done = python(unpacked, "-m", "cycloid", "inspect", str(path))
    assert done.returncode == 0 and "Neg" in done.stdout, done.stderr
    code = "import sys, cycloid; print(len(cycloid.bench(sys.argv[1], loops=2, backends=['cycloid'], threads=[1])))"
    done = python(unpacked, "-c", code, str(path))
    assert done.returncode == 0, done.stderr
