"""The list of operators: `cycloid operators`, and docs/operators.md, which is made of it."""

import json
import re

import numpy as np
import pytest
from built_package import use_built_package

DTYPES = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0", "float4_e2m1")


@pytest.fixture(scope="module")
def listed(cycloid):
    done = cycloid("operators", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def package():
    use_built_package()
    import cycloid as package

    return package


def test_the_page_is_current(cycloid, source_dir):
    done = cycloid("operators", "--markdown")
    assert done.returncode == 0, done.stderr
    page = (source_dir / "docs" / "operators.md").read_text(encoding="utf-8")
    assert page == done.stdout, "run ./dev docs and commit docs/operators.md"


def test_every_operator_of_the_standard_is_listed(listed):
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    domains = {"": "ai.onnx", "ai.onnx.ml": "ai.onnx.ml", "ai.onnx.preview.training": "ai.onnx.preview.training"}
    versions = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain in domains and not schema.deprecated:
            versions.setdefault((domains[schema.domain], schema.name), set()).add(schema.since_version)
    ours = {(row["domain"], row["name"]): set(row["versions"]) for row in listed["operators"]}
    assert {key: ours.get(key) for key in versions} == versions
    assert listed["newest_opset"] == onnx.defs.onnx_opset_version()


def test_what_is_not_supported(listed):
    """Those that tests/onnx_suite_exceptions.txt gives as reasons, and no others."""
    names = {row["name"] for row in listed["operators"] if row["runs"] == "no"}
    assert names == {"Gradient", "ImageDecoder"}


def test_kernels_are_said_where_they_are(listed):
    runs = {(row["domain"], row["name"]): row["runs"] for row in listed["operators"]}
    assert runs["ai.onnx", "Conv"] == runs["ai.onnx", "MatMul"] == "kernels"
    assert runs["ai.onnx", "StringSplit"] == runs["com.microsoft", "Tokenizer"] == "reference"
    assert runs["ai.onnx", "Scatter"] == runs["ai.onnx", "Upsample"] == "import"
    assert set(runs.values()) == {"kernels", "reference", "import", "no"}


def test_forms_exclude_each_other(cycloid):
    done = cycloid("operators", "--json", "--markdown")
    assert done.returncode == 2 and done.stderr.startswith("cycloid: error: operators: ")
    assert "Conv " in cycloid("operators").stdout


def needs_reference(plan):
    """Whether a step of the plan, or of a body in it, is run by the reference evaluation."""
    return (
        " 0 by reference evaluation" not in plan or re.search("of the body by reference evaluation", plan) is not None
    )


def same_bits(dtype):
    """The number of another element type of as many bits, where there is one."""
    from onnx import TensorProto

    bits = 8 if dtype == "bool" else int(re.search(r"[0-9]+", dtype).group())
    of_integers = "int" if dtype.startswith("uint") else "uint"
    return TensorProto.DataType.Value(f"{of_integers}{bits}".upper() if bits <= 64 else dtype.upper())


def onnx_text(text, dtype):
    """The example with this element type for "$" and another one of its width for "~", strings in quotes, in the words of ONNX's textual syntax."""
    names = {"float32": "float", "float64": "double"}
    names |= {
        name: name.replace("_", "") for name in DTYPES if name.startswith("float8_") or name.startswith("float4_")
    }
    text = text.replace("~", str(same_bits(dtype))) if "~" in text else text
    text = text.replace("$", names.get(dtype, dtype))
    quoted = lambda found: found[1] + re.sub(r"\d+", r'"\g<0>"', found[2])  # noqa: E731
    return re.sub(r"(=string\[[^\]]*\] *)(\{[^}]*\})", quoted, text)


def one_node_model(onnx, text, dtype):
    """A file of the example: inputs in capitals are initializers of ones (of zeros where the type is narrow)."""
    model = onnx.parser.parse_model(onnx_text(text, dtype))
    graph = model.graph
    for value in [value for value in graph.input if value.name[0].isupper()]:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        kind = value.type.tensor_type.elem_type
        narrow = onnx.TensorProto.DataType.Name(kind).startswith(("FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2"))
        ones = (np.zeros if narrow else np.ones)(shape, onnx.helper.tensor_dtype_to_np_dtype(kind))
        graph.initializer.append(onnx.numpy_helper.from_array(ones, value.name))
        graph.input.remove(value)
    return model.SerializeToString()


def test_the_page_says_what_sessions_plan(listed, package):
    """Each element type of each operator that has kernels: the session's plan of a model of one node, from a file, has a
    reference step where the page says so, and none elsewhere."""
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    wrong, planned = [], 0
    for row in listed["operators"]:
        if "example" not in row:
            continue
        for dtype in row["dtypes"] if row["dtypes"] else row["kernel_dtypes"]:
            try:
                model = one_node_model(onnx, row["example"], dtype)
                plan = package.InferenceSession(model, package.SessionOptions(intra_op_num_threads=1)).plan()
            except Exception as problem:  # noqa: BLE001 - a type that the example's other inputs do not go with
                if dtype in row["kernel_dtypes"]:
                    wrong.append(f"{row['name']} of {dtype}: {problem}")
                continue
            planned += 1
            if needs_reference(plan) == (dtype in row["kernel_dtypes"]):
                wrong.append(f"{row['name']} of {dtype}: {plan}")
    assert not wrong, "\n".join(wrong[:20])
    assert planned > 500


def test_operators_by_reference_have_no_kernels(listed, package):
    """The cases of ONNX's own suite that are one node with an input: where an operator is listed as run by reference evaluation,
    it is."""
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    from onnx.backend.test.case.node import collect_testcases

    runs = {(row["domain"], row["name"]): row for row in listed["operators"]}
    wrong, checked = [], set()
    for case in collect_testcases(None):
        model = case.model
        if len(model.graph.node) != 1 or model.functions or not any(model.graph.node[0].input):
            continue
        node = model.graph.node[0]
        row = runs.get((node.domain or "ai.onnx", node.op_type))
        if row is None or row["runs"] != "reference":
            continue
        try:
            plan = package.InferenceSession(
                model.SerializeToString(), package.SessionOptions(intra_op_num_threads=1)
            ).plan()
        except Exception:  # noqa: BLE001 - inputs of unknown shape have no plan yet
            continue
        checked.add(node.op_type)
        if not needs_reference(plan):
            wrong.append(f"{case.name}: {node.op_type}\n{plan}")
    assert not wrong, "\n".join(wrong[:10])
    assert len(checked) > 20
