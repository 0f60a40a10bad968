"""The list of operators: `cycloid operators`, and docs/operators.md, which is made of it."""

import json

import pytest


@pytest.fixture(scope="module")
def listed(cycloid):
    done = cycloid("operators", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
