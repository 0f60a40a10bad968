"""The wheel: built from the tree, installed in a virtual environment of its own, imported, and its command line run."""

import email
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

SOURCE = pathlib.Path(os.environ.get("CYCLOID_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
# What a Linux with a C++ runtime has.
SYSTEM = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so\.\d+)$")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def same_compiler():
    """That of the build, by the same name: a compiler cache then serves both."""
    cache = pathlib.Path(os.environ.get("CYCLOID_BINARY_DIR", SOURCE / "build")) / "CMakeCache.txt"
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache.read_text(), re.MULTILINE) if cache.is_file() else None
    return {"CXX": found.group(1)} if found else {}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("scikit_build_core", reason="scikit-build-core is not installed")
    pytest.importorskip("nanobind", reason="nanobind is not installed")
    if os.environ.get("CYCLOID_SANITIZE"):
        pytest.skip("a wheel has no sanitizers")
    if not os.environ.get("CYCLOID_TEST_WHEEL"):
        pytest.skip("it compiles everything a second time; CYCLOID_TEST_WHEEL=1 asks for that")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    words = ["--no-deps", "--no-index", "--no-build-isolation", "-w", folder]
    run(*pip, "wheel", *words, SOURCE, cwd=SOURCE, env={**os.environ, **same_compiler()})
    [wheel] = folder.glob("cycloid-*.whl")
    return wheel


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """The interpreter of a new virtual environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "-q", wheel)
    return python


def python(fresh, *arguments):
    """Away from the tree and from what would lead back to it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CYCLOID_") and k != "PYTHONPATH"}
    return subprocess.run(
        [str(fresh), *arguments], capture_output=True, text=True, env=environment, cwd=fresh.parent, timeout=300
    )


def binaries(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return [f for f in folder.rglob("*") if f.is_file() and f.read_bytes()[:4] == b"\x7fELF"]


def test_needs_nothing_but_the_system(wheel, tmp_path):
    found = binaries(wheel, tmp_path)
    assert sorted(f.name.split(".")[0] for f in found) == ["_native", "cycloid"]
    for binary in found:
        dynamic = run("readelf", "-d", binary)
        for needed in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic):
            assert SYSTEM.match(needed), f"{binary.name} needs {needed}"
        assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
        versions = set(re.findall(r"Name: ([A-Z]+)_", run("readelf", "-V", binary)))
        assert versions <= {"GLIBC", "GLIBCXX", "CXXABI", "GCC"}, f"{binary.name} needs {versions}"


def test_exports_its_module_alone(wheel, tmp_path):
    [module] = [f for f in binaries(wheel, tmp_path) if f.name.startswith("_native")]
    names = {line.split()[-1] for line in run("nm", "-D", "--defined-only", module).splitlines()}
    assert "PyInit__native" in names
    assert not [name for name in names if "fmt" in name or "nlohmann" in name]


def test_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        message = email.message_from_bytes(archive.read(metadata))
    needs = {re.match(r"[\w.-]+", need).group().lower() for need in message.get_all("Requires-Dist")}
    assert needs == {"numpy", "ml_dtypes"}
    assert {"cycloid/py.typed", "cycloid/_native.pyi"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {"cycloid/licenses/libfmt-dev.txt", "cycloid/licenses/nlohmann-json3-dev.txt"} <= set(names)
    assert not [name for name in names if name.endswith("_test.py")]
    # nanobind has the stable ABI from CPython 3.12 on; 3.11 gets a wheel of its own.
    version = sys.version_info[:2]
    tag = "cp312-abi3" if version >= (3, 12) else f"cp{version[0]}{version[1]}-cp{version[0]}{version[1]}"
    assert tag in wheel.name


def test_is_all_that_a_fresh_environment_needs(fresh):
    done = python(fresh, "-m", "pip", "--disable-pip-version-check", "list", "--format", "json")
    assert {p["name"].lower() for p in json.loads(done.stdout)} <= {
        "cycloid", "ml-dtypes", "ml_dtypes", "numpy", "pip", "setuptools", "wheel",
    }  # fmt: skip
    code = "import cycloid, cycloid._native as n; print(cycloid.get_version_string(), n.__file__, cycloid.OrtValue)"
    done = python(fresh, "-c", code)
    assert done.returncode == 0 and str(fresh.parent.parent) in done.stdout, done.stderr
    done = subprocess.run([fresh.parent / "cycloid", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("cycloid "), done.stderr


def test_runs_a_model(fresh, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    helper = onnx.helper
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", info[:1], info[1:])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    code = "import sys, cycloid; print(cycloid.InferenceSession(sys.argv[1]).run(None, {'x': [1, -2]})[0].tolist())"
    done = python(fresh, "-c", code, str(path))
    assert (done.stdout, done.stderr) == ("[-1.0, 2.0]\n", "")
    done = python(fresh, "-m", "cycloid", "inspect", str(path))
    assert done.returncode == 0 and "Neg" in done.stdout, done.stderr
    code = "import sys, cycloid; print(len(cycloid.bench(sys.argv[1], loops=2, backends=['cycloid'], threads=[1])))"
    done = python(fresh, "-c", code, str(path))
    assert done.returncode == 0, done.stderr
