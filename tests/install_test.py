"""`cmake --install` gives a tree that somebody else's CMake project builds against and runs with."""

import os
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("CYCLOID_SANITIZE")), reason="a consumer is not built with sanitizers"
)


def run(*command, **kwargs):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(binary_dir, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", binary_dir, "--prefix", prefix)
    return prefix


@pytest.fixture(scope="module")
def version(source_dir):
    return re.search(r"project\(cycloid VERSION ([0-9.]+)", (source_dir / "CMakeLists.txt").read_text())[1]


@pytest.fixture(scope="module")
def library(prefix):
    (library,) = [path for path in prefix.glob("lib*/**/libcycloid.so.*.*.*")]
    return library


@pytest.fixture(scope="module")
def consumer(prefix, source_dir, tmp_path_factory):
    build = tmp_path_factory.mktemp("consumer")
    run("cmake", "-S", source_dir / "tests" / "consumer", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    return build / "consumer"


def test_a_consumer_runs_a_model(consumer, version, tmp_path):
    numpy = pytest.importorskip("numpy")
    onnx = pytest.importorskip("onnx")
    weights = numpy.random.default_rng(1).normal(size=(6, 4)).astype(numpy.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["t"]), onnx.helper.make_node("Relu", ["t"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 6])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 4])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")

    x = numpy.arange(12, dtype=numpy.float64).reshape(2, 6)
    expected = numpy.maximum(x @ weights.astype(numpy.float64), 0).ravel()
    got = numpy.array(run(consumer, version, tmp_path / "model.onnx").split(), dtype=numpy.float64)
    # Six products and their sums in float32, each rounded once: n * eps * sum |x w|.
    limit = 6 * numpy.finfo(numpy.float32).eps * (x @ abs(weights.astype(numpy.float64))).ravel()
    assert (abs(got - expected) <= limit).all(), (got, expected)


def test_a_consumer_gets_errors_as_values(consumer, version, tmp_path):
    done = subprocess.run([consumer, version, tmp_path / "none.onnx"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "none.onnx" in done.stderr


def test_a_consumer_of_another_version_is_told_so(prefix, source_dir, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(source_dir / "tests" / "consumer", project)
    lists = project / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("find_package(cycloid 0.1 ", "find_package(cycloid 99 "))
    done = subprocess.run(
        ["cmake", "-S", project, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "99" in done.stderr


def test_the_installed_command_line_works_from_its_place(prefix, version):
    assert run(prefix / "bin" / "cycloid", "--version", cwd="/").strip() == f"cycloid {version}"


def test_the_tree_holds_the_licence_and_no_path_of_the_build(prefix, source_dir):
    assert list(prefix.glob("share/doc/cycloid/LICENSE"))
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".h", ".py"):
            assert str(source_dir) not in path.read_text(), path


def test_the_library_exports_its_public_names_and_no_dependency(library):
    names = run("nm", "-D", "--defined-only", "-C", library)
    exported = [line.split(maxsplit=2)[2] for line in names.splitlines() if len(line.split(maxsplit=2)) == 3]
    assert "cycloid::version()" in exported
    strangers = [name for name in exported if re.match(r"(fmt|spdlog|nlohmann|protozero|CLI)::", name)]
    assert not strangers, strangers[:10]
    internal = [name for name in exported if re.match(r"cycloid::(verify|infer_types|find_op|edit_distance)\(", name)]
    assert not internal, internal
