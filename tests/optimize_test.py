"""`cycloid optimize` and `cycloid rules`: what they write, what they say, and what they decline.

Outputs are checked by onnx.checker and run in ONNX Runtime beside the original.
"""

import json
import re
import stat

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(3)
LEDGER_KEYS = ["schema", "before", "after", "applications"]
APPLICATION_KEYS = [
    "rule",
    "law",
    "kind",
    "removed",
    "added",
    "flops_saved",
    "bytes_saved",
    "max_abs_error",
    "max_rel_error",
    "verified",
]
KINDS = {"fewer-nodes", "cheaper-node", "cheaper-subgraph", "parallel-branches", "standard"}


def info(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(path, nodes, inputs, outputs, constants=(), opset=17, **kwargs):
    initializers = [numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **kwargs)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def run_ort(path, feeds):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def same(before, after, feeds):
    """The whole-model tolerance of src/rewrite/verified.cpp: 1024 units of float32's epsilon at the largest magnitude."""
    for expected, actual in zip(run_ort(before, feeds), run_ort(after, feeds), strict=True):
        expected, actual = np.asarray(expected), np.asarray(actual)
        assert expected.dtype == actual.dtype and expected.shape == actual.shape
        if expected.dtype.kind != "f":
            assert (expected == actual).all()
            continue
        finite = np.isfinite(expected)
        scale = np.abs(expected[finite]).max(initial=0)
        np.testing.assert_array_equal(np.isfinite(actual), finite)
        np.testing.assert_allclose(actual[finite], expected[finite], rtol=0, atol=1024 * 2.0**-23 * scale)


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.fixture
def transposed(tmp_path):
    """y = (relu(a.T).T).T.T with sizes that are open, a nameless node, and one that does nothing."""
    nodes = [
        helper.make_node("Transpose", ["a"], ["t"], "t1", perm=[1, 0]),
        helper.make_node("Transpose", ["t"], ["u"], "t2", perm=[1, 0]),
        helper.make_node("Identity", ["u"], ["v"]),
        helper.make_node("Relu", ["v"], ["y"], "relu"),
    ]
    return save(tmp_path / "transposed.onnx", nodes, [info("a", ["n", "m"])], [info("y", ["n", "m"])])


def optimize(cycloid, model, output, *args):
    done = cycloid("optimize", model, "-o", output, *args, timeout=300)
    assert done.returncode == 0, done.stderr
    onnx.checker.check_model(str(output), full_check=True)
    return done.stdout


def test_what_is_written_computes_the_same_with_less(cycloid, transposed, tmp_path):
    out = tmp_path / "out.onnx"
    stdout = optimize(cycloid, transposed, out)
    assert "nodes 4 -> 1" in stdout
    compared = re.search(r"agrees .* reference evaluation \((\d+) inputs\), in ONNX Runtime \((\d+) inputs\)", stdout)
    # Of several sizes; ONNX Runtime is given no empty ones.
    assert int(compared[1]) >= 5 and int(compared[2]) == int(compared[1]) - 1, stdout
    assert operators(out) == ["Relu"]
    same(transposed, out, {"a": floats(3, 5)})
    before, after = onnx.load(transposed), onnx.load(out)
    assert [i.name for i in before.graph.input] == [i.name for i in after.graph.input]
    assert [o.name for o in before.graph.output] == [o.name for o in after.graph.output]
    dims = after.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in dims] == ["n", "m"], "sizes stay open"
    assert after.opset_import[0].version == 17, "the model's own operator set"


def test_the_ledger_has_its_schema(cycloid, transposed, tmp_path):
    ledger = tmp_path / "ledger.json"
    optimize(cycloid, transposed, tmp_path / "out.onnx", "--ledger", ledger)
    data = json.loads(ledger.read_text())
    assert list(data) == LEDGER_KEYS and data["schema"] == "cycloid.ledger/1"
    assert data["before"]["nodes"] == 4 and data["after"]["nodes"] == 1
    assert set(data["before"]) == set(data["after"]) == {"nodes", "flops", "bytes"}
    assert data["applications"]
    removed = set()
    for application in data["applications"]:
        assert list(application) == APPLICATION_KEYS
        assert application["kind"] in KINDS and application["verified"] is True
        assert application["max_abs_error"] == 0 and application["max_rel_error"] == 0
        removed.update(application["removed"])
    assert {"t1", "t2", "v"} <= removed, "nameless nodes go by their first output"


def test_explain_says_what_where_why_and_what_it_saves(cycloid, transposed, tmp_path):
    stdout = optimize(cycloid, transposed, tmp_path / "out.onnx", "--explain")
    for word in ("law", "why", "saves", "checked", "where", "t1"):
        assert word in stdout


def test_explain_is_short_for_many_changes(cycloid, tmp_path):
    nodes, last = [], "x"
    for i in range(500):
        nodes.append(helper.make_node("Identity", [last], [f"i{i}"]))
        nodes.append(helper.make_node("Relu" if i % 2 else "Neg", [f"i{i}"], [f"v{i}"]))
        last = f"v{i}"
    model = save(tmp_path / "m.onnx", nodes, [info("x", [3])], [info(last, [3])])
    stdout = optimize(cycloid, model, tmp_path / "out.onnx", "--explain", "--only", "drop-identity")
    assert "500 times" in stdout and "and 497 more places" in stdout
    assert len(stdout.splitlines()) < 40


def test_the_page_is_one_file_with_both_graphs(cycloid, transposed, tmp_path):
    page = tmp_path / "page.html"
    optimize(cycloid, transposed, tmp_path / "out.onnx", "--html", page)
    text = page.read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert [box["l"] for box in data["before"]["boxes"]] == ["a", "Transpose", "Transpose", "Identity", "Relu", "y"]
    assert [box["l"] for box in data["after"]["boxes"]] == ["a", "Relu", "y"]
    lit = {i for application in data["applications"] for i in application["before"]}
    assert lit == {1, 2, 3} == set(data["before"]["lit"]) and data["after"]["lit"] == []
    assert not re.search(r'(src|href)="(?!data:)', text), "nothing is loaded from elsewhere"


def test_what_takes_the_name_of_an_output_is_new(cycloid, tmp_path):
    """Nameless nodes go by their first output: the Concat that goes and the Slice that comes are both `y`."""
    model, page, ledger = tmp_path / "m.onnx", tmp_path / "page.html", tmp_path / "ledger.json"
    segments_by_masks(model)
    optimize(cycloid, model, tmp_path / "out.onnx", "--html", page, "--ledger", ledger)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
    for side in ("before", "after"):
        assert data[side]["lit"] == [i for i, box in enumerate(data[side]["boxes"]) if box["k"] == 0], side
    nodes = {node.name or node.output[0] for node in onnx.load(model).graph.node}
    left = {node.name or node.output[0] for node in onnx.load(tmp_path / "out.onnx").graph.node}
    applications = json.loads(ledger.read_text())["applications"]
    assert nodes <= {name for application in applications for name in application["removed"]}
    assert left <= {name for application in applications for name in application["added"]}


def test_names_cannot_break_out_of_the_page(cycloid, tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["</script><b>y"], "</script><script>alert(1)</script>")]
    model = save(tmp_path / "m.onnx", nodes, [info("x", [2])], [info("</script><b>y", [2])])
    page = tmp_path / "page.html"
    optimize(cycloid, model, tmp_path / "out.onnx", "--html", page, "--picture", tmp_path / "p.svg")
    assert "<script>alert" not in page.read_text() and "</script><b>" not in page.read_text()
    assert "<b>" not in (tmp_path / "p.svg").read_text()


def test_disable_and_only(cycloid, transposed, tmp_path):
    out = tmp_path / "out.onnx"
    optimize(cycloid, transposed, out, "--only", "drop-identity")
    assert operators(out) == ["Transpose", "Transpose", "Relu"]
    optimize(cycloid, transposed, out, "--only", "drop-identity", "--disable", "drop-identity")
    assert operators(out) == ["Transpose", "Transpose", "Identity", "Relu"]


def test_the_model_may_come_last(cycloid, transposed, tmp_path):
    out = tmp_path / "out.onnx"
    done = cycloid("optimize", "-o", out, "--disable", "drop-cast", "--only", "drop-identity", transposed)
    assert done.returncode == 0, done.stderr
    assert operators(out) == ["Transpose", "Transpose", "Relu"]


def test_shapes_are_fixed_when_asked(cycloid, transposed, tmp_path):
    out = tmp_path / "out.onnx"
    optimize(cycloid, transposed, out, "--shape", "a=3x5")
    dims = onnx.load(out).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [3, 5]
    same(transposed, out, {"a": floats(3, 5)})


def test_samples_are_compared_on(cycloid, transposed, tmp_path):
    np.savez(tmp_path / "s.npz", a=floats(4, 2))
    optimize(cycloid, transposed, tmp_path / "out.onnx", "--samples", tmp_path / "s.npz")


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 21, 28])
def test_the_operator_set_can_be_chosen(cycloid, tmp_path, opset):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1]),
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("Clip", ["d", "low", "high"], ["c"]),
        helper.make_node("Softmax", ["c"], ["s"], axis=1),
        helper.make_node("Slice", ["s", "zero", "two", "one"], ["t"]),
        helper.make_node("Unsqueeze", ["t", "one"], ["y"]),
    ]
    constants = [("low", np.float32(-1)), ("high", np.float32(1))]
    constants += [(name, np.array([i], np.int64)) for i, name in enumerate(("zero", "one", "two"))]
    model = save(tmp_path / "m.onnx", nodes, [info("x", [2, 3, 4])], [info("y", [2, 1, 2, 4])], constants)
    out = tmp_path / "out.onnx"
    optimize(cycloid, model, out, "--opset", opset)
    assert onnx.load(out).opset_import[0].version == opset
    same(model, out, {"x": floats(2, 3, 4)})


def test_what_an_operator_set_cannot_express_is_an_error_that_names_it(cycloid, tmp_path):
    nodes = [helper.make_node("Einsum", ["x"], ["y"], "summer", equation="ij->i")]
    model = save(tmp_path / "m.onnx", nodes, [info("x", [2, 3])], [info("y", [2])])
    # Without rules, which have older operators for this one.
    done = cycloid("optimize", model, "-o", tmp_path / "out.onnx", "--opset", 11, "--only", "drop-identity")
    assert done.returncode == 1 and not (tmp_path / "out.onnx").exists()
    for word in ("summer", "Einsum", "opset 11", "opset 12"):
        assert word in done.stderr


def test_an_operator_that_is_missing_is_expanded(cycloid, tmp_path):
    nodes = [
        helper.make_node("LayerNormalization", ["x", "s", "b"], ["n"], axis=-1),
        helper.make_node("Gelu", ["n"], ["g"]),
        helper.make_node("Mish", ["g"], ["y"]),
    ]
    constants = [("s", floats(6)), ("b", floats(6))]
    model = save(tmp_path / "m.onnx", nodes, [info("x", ["n", 6])], [info("y", ["n", 6])], constants, opset=20)
    out = tmp_path / "out.onnx"
    optimize(cycloid, model, out)
    assert onnx.load(out).opset_import[0].version == 20, "nothing needs another one"
    optimize(cycloid, model, out, "--opset", 13)
    assert not {"LayerNormalization", "Gelu", "Mish"} & set(operators(out))
    same(model, out, {"x": floats(5, 6)})


def loop_body(name, nodes, carried=(), outputs=(), inputs=()):
    """A Loop's body whose condition stays true."""
    nodes = [helper.make_node("Identity", ["cond"], ["cond_out"]), *nodes]
    ins = [info("i", [], TensorProto.INT64), info("cond", [], TensorProto.BOOL), *carried]
    return helper.make_graph(nodes, name, ins, [info("cond_out", [], TensorProto.BOOL), *outputs], list(inputs))


def double_transpose(path):
    nodes = [
        helper.make_node("Transpose", ["a"], ["s"], perm=[1, 0]),
        helper.make_node("Add", ["s", "b"], ["t"]),
        helper.make_node("Transpose", ["t"], ["y"], perm=[1, 0]),
    ]
    save(path, nodes, [info("a", [20, 50]), info("b", [50, 20])], [info("y", [20, 50])])
    return {"a": floats(20, 50), "b": floats(50, 20)}


def trace_by_loop(path):
    body = loop_body(
        "body",
        [
            helper.make_node("Gather", ["a", "i"], ["row"], axis=0),
            helper.make_node("Gather", ["row", "i"], ["x"], axis=0),
            helper.make_node("Add", ["sum", "x"], ["sum_out"]),
        ],
        [info("sum", [])],
        [info("sum_out", [])],
    )
    nodes = [helper.make_node("Loop", ["n", "", "zero"], ["y"], body=body)]
    constants = [("n", np.int64(40)), ("zero", np.float32(0))]
    save(path, nodes, [info("a", [40, 40])], [info("y", [])], constants)
    return {"a": floats(40, 40)}


def segments_by_masks(path):
    nodes, parts = [], []
    for k in range(3):
        nodes += [
            helper.make_node("Equal", ["idx", f"k{k}"], [f"m{k}"]),
            helper.make_node("Where", [f"m{k}", "x", "zero"], [f"w{k}"]),
            helper.make_node("ReduceSum", [f"w{k}", "axis"], [f"s{k}"], keepdims=1),
        ]
        parts.append(f"s{k}")
    nodes.append(helper.make_node("Concat", parts, ["y"], axis=0))
    constants = [(f"k{k}", np.int64(k)) for k in range(3)] + [("zero", np.float32(0)), ("axis", np.array([0]))]
    save(path, nodes, [info("x", [1000]), info("idx", [1000], TensorProto.INT64)], [info("y", [3])], constants)
    return {"x": floats(1000), "idx": RNG.integers(-1, 4, 1000)}


def independent_loop(path):
    body = loop_body(
        "body",
        [
            helper.make_node("Gather", ["x", "i"], ["xi"], axis=0),
            helper.make_node("MatMul", ["xi", "w1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "w2"], ["z"]),
            helper.make_node("Softmax", ["z"], ["p"], axis=-1),
        ],
        outputs=[info("p", [8, 8])],
    )
    nodes = [helper.make_node("Loop", ["n", ""], ["y"], body=body)]
    constants = [("n", np.int64(4)), ("w1", floats(8, 8)), ("w2", floats(8, 8))]
    save(path, nodes, [info("x", [4, 8, 8])], [info("y", [4, 8, 8])], constants)
    return {"x": floats(4, 8, 8)}


@pytest.mark.parametrize("make", [double_transpose, trace_by_loop, segments_by_masks, independent_loop])
def test_the_founding_examples_stay_what_they_compute(cycloid, tmp_path, make):
    model, out, ledger = tmp_path / "m.onnx", tmp_path / "out.onnx", tmp_path / "ledger.json"
    feeds = make(model)
    optimize(cycloid, model, out, "--ledger", ledger)
    same(model, out, feeds)
    assert all(application["verified"] for application in json.loads(ledger.read_text())["applications"])


def captured_constant(path):
    """A constant that folding makes, and that only a subgraph uses."""
    then = helper.make_graph([helper.make_node("Add", ["x", "k"], ["t"])], "then", [], [info("t", [2])])
    other = helper.make_graph([helper.make_node("Mul", ["x", "k"], ["e"])], "else", [], [info("e", [2])])
    nodes = [
        helper.make_node("Add", ["one", "one"], ["k"]),
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    inputs = [info("x", [2]), info("c", [], TensorProto.BOOL)]
    save(path, nodes, inputs, [info("y", [2])], [("one", floats(2))])
    return {"x": floats(2), "c": np.array(False)}


def captured_by_a_loop_in_an_if(path):
    """A constant that folding makes, and a value behind an Identity, which only a Loop in an If's branch uses."""
    nodes = [helper.make_node("Identity", ["cond"], ["cond_out"]), helper.make_node("Mul", ["s", "k"], ["t"])]
    nodes.append(helper.make_node("Add", ["t", "same"], ["s_out"]))
    inputs = [info("i", [], TensorProto.INT64), info("cond", [], TensorProto.BOOL), info("s", [2])]
    body = helper.make_graph(nodes, "body", inputs, [info("cond_out", [], TensorProto.BOOL), info("s_out", [2])])
    loop = helper.make_node("Loop", ["n", "", "x"], ["t"], body=body)
    then = helper.make_graph([loop], "then", [], [info("t", [2])])
    other = helper.make_graph([helper.make_node("Neg", ["same"], ["e"])], "else", [], [info("e", [2])])
    nodes = [
        helper.make_node("Add", ["one", "one"], ["k"]),
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    inputs = [info("x", [2]), info("c", [], TensorProto.BOOL), info("n", [], TensorProto.INT64)]
    save(path, nodes, inputs, [info("y", [2])], [("one", floats(2))])
    return {"x": floats(2), "c": np.array(True), "n": np.array(3)}


def a_name_of_the_outer_graph_in_a_body(path):
    """The body's own `t` hides nothing: the outer graph makes its `u` of the same operator on the same input, and the body's
    capture is not the outer value of another scope."""
    then = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Add", ["r", "u"], ["t"])],
        "then",
        [],
        [info("t", [2])],
    )
    other = helper.make_graph([helper.make_node("Relu", ["u"], ["e"])], "else", [], [info("e", [2])])
    nodes = [
        helper.make_node("Relu", ["x"], ["u"]),
        helper.make_node("If", ["c"], ["v"], then_branch=then, else_branch=other),
        helper.make_node("Add", ["u", "v"], ["y"]),
    ]
    save(path, nodes, [info("x", [2]), info("c", [], TensorProto.BOOL)], [info("y", [2])])
    return {"x": floats(2), "c": np.array(True)}


def output_is_input(path):
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["y"], ["z"])]
    save(path, nodes, [info("x", [2])], [info("y", [2]), info("z", [2])])
    return {"x": floats(2)}


def outputs_that_are_equal(path):
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    save(path, nodes, [info("x", [2])], [info("y", [2]), info("z", [2])])
    return {"x": floats(2)}


def duplicated_initialisers(path):
    nodes = [helper.make_node("Add", ["x", "a"], ["t"]), helper.make_node("Mul", ["t", "b"], ["y"])]
    same_values = floats(2)
    save(path, nodes, [info("x", [2])], [info("y", [2])], [("a", same_values), ("b", same_values)])
    return {"x": floats(2)}


def optional_empty_inputs(path):
    nodes = [helper.make_node("Clip", ["x", "", "high"], ["t"]), helper.make_node("Identity", ["t"], ["y"])]
    save(path, nodes, [info("x", [4])], [info("y", [4])], [("high", np.float32(0.5))])
    return {"x": floats(4)}


def transpose_that_is_none(path):
    """Transposing (n, 1) moves no element, but the sizes change places."""
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]), helper.make_node("Add", ["t", "x"], ["y"])]
    save(path, nodes, [info("x", ["n", 1])], [info("y", ["n", "n"])])
    return {"x": floats(3, 1)}


def scatter_adds_to_data(path):
    nodes = [helper.make_node("ScatterElements", ["x", "i", "u"], ["y"], axis=0, reduction="add")]
    save(path, nodes, [info("x", [5]), info("u", [3])], [info("y", [5])], [("i", np.array([0, 0, 4]))], opset=18)
    return {"x": floats(5), "u": floats(3)}


def scatter_nd_keeps_the_larger(path):
    """The data counts too: an update below it changes nothing."""
    nodes = [
        helper.make_node("Identity", ["x"], ["t"]),
        helper.make_node("ScatterND", ["t", "i", "u"], ["y"], reduction="max"),
    ]
    save(path, nodes, [info("x", [5]), info("u", [3])], [info("y", [5])], [("i", np.array([[0], [0], [4]]))], opset=18)
    return {"x": floats(5), "u": floats(3)}


def scatter_over_zeros(path):
    """The data is all zeros, and stays where no index points; a maximum with it is not the updates' own."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ScatterElements", ["zeros", "i", "u"], ["y"], axis=0, reduction="max"),
    ]
    constants = [("shape", np.array([4])), ("i", np.array([1, 1, 3]))]
    save(path, nodes, [info("u", [3])], [info("y", [4])], constants, opset=18)
    return {"u": np.array([-1, -2, 5], np.float32)}


def integer_division(path):
    """Integers divide towards zero, and a power of two is no shift of negative ones; x / -1 overflows at the smallest."""
    nodes = [
        helper.make_node("Div", ["x", "four"], ["a"]),
        helper.make_node("Mul", ["a", "four"], ["b"]),
        helper.make_node("Sub", ["x", "b"], ["c"]),
        helper.make_node("Mul", ["x", "big"], ["d"]),
        helper.make_node("Div", ["d", "big"], ["e"]),
        helper.make_node("Concat", ["c", "e"], ["y"], axis=0),
    ]
    constants = [("four", np.array(4, np.int64)), ("big", np.array(2**62, np.int64))]
    save(path, nodes, [info("x", [4], TensorProto.INT64)], [info("y", [8], TensorProto.INT64)], constants)
    return {"x": np.array([-7, 7, -(2**63) + 1, 3])}


def integer_laws(path):
    """Overflow and division do not follow the reals' laws: (x * 2) / 2 is not x, nor is (x / 3) * 3."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["a"]),
        helper.make_node("Div", ["a", "two"], ["b"]),
        helper.make_node("Div", ["x", "three"], ["c"]),
        helper.make_node("Mul", ["c", "three"], ["d"]),
        helper.make_node("Sub", ["b", "d"], ["y"]),
    ]
    constants = [("two", np.array(2, np.int32)), ("three", np.array(3, np.int32))]
    save(path, nodes, [info("x", [4], TensorProto.INT32)], [info("y", [4], TensorProto.INT32)], constants)
    return {"x": np.array([2**30, 2**31 - 1, -7, 5], np.int32)}


def special_values(path):
    """x * 0 is not 0, x - x is not 0, and -0 + 0 is not -0."""
    nodes = [
        helper.make_node("Mul", ["x", "zero"], ["a"]),
        helper.make_node("Sub", ["x", "x"], ["b"]),
        helper.make_node("Add", ["x", "zero"], ["c"]),
        helper.make_node("Reciprocal", ["c"], ["d"]),
        helper.make_node("Concat", ["a", "b", "d"], ["y"], axis=0),
    ]
    save(path, nodes, [info("x", [5])], [info("y", [15])], [("zero", np.float32(0))])
    return {"x": np.array([np.nan, np.inf, -np.inf, -0.0, 1], np.float32)}


def half_precision(path):
    """60000 * 2 leaves float16: the scales cannot be multiplied first, nor the products be kept wider."""
    nodes = [helper.make_node("Mul", ["x", "big"], ["t"]), helper.make_node("Mul", ["t", "small"], ["y"])]
    constants = [("big", np.float16(1000)), ("small", np.float16(0.001))]
    half = TensorProto.FLOAT16
    save(path, nodes, [info("x", [3], half)], [info("y", [3], half)], constants)
    return {"x": np.array([1, 30, 60], np.float16)}


TRAPS = [
    captured_constant,
    captured_by_a_loop_in_an_if,
    a_name_of_the_outer_graph_in_a_body,
    output_is_input,
    outputs_that_are_equal,
    duplicated_initialisers,
    optional_empty_inputs,
    transpose_that_is_none,
    scatter_adds_to_data,
    scatter_nd_keeps_the_larger,
    scatter_over_zeros,
    integer_division,
    integer_laws,
    special_values,
    half_precision,
]


@pytest.mark.parametrize("make", TRAPS)
@pytest.mark.parametrize("verify", ["--verify-seconds=10", "--no-verify"])
def test_traps(cycloid, tmp_path, make, verify):
    model, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    feeds = make(model)
    optimize(cycloid, model, out, verify)
    before, after = run_ort(model, feeds), run_ort(out, feeds)
    for expected, actual in zip(before, after, strict=True):
        if expected.dtype == np.float16:  # every rounding counts
            np.testing.assert_allclose(actual.astype(float), expected.astype(float), rtol=2.0**-9)
        else:
            np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_a_model_over_2_gb_has_its_data_beside_it(cycloid, tmp_path):
    """Three tables of 0.7 GiB each (a file with holes), of which rows are read: what is written has all of them too."""
    rows, columns = 3 * 2**16, 1024
    size = rows * columns * 4
    initializers = []
    for k in range(3):
        table = TensorProto(name=f"w{k}", data_type=TensorProto.FLOAT, dims=[rows, columns])
        table.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "model.data"), ("offset", str(k * size)), ("length", str(size))):
            table.external_data.add(key=key, value=value)
        initializers.append(table)
    with open(tmp_path / "model.data", "wb") as file:
        file.truncate(3 * size)
        for k in range(3):
            file.seek(k * size + (rows - 1) * columns * 4)
            file.write(np.full(columns, k + 1, np.float32).tobytes())
    nodes = [helper.make_node("Gather", [f"w{k}", "i"], [f"r{k}"]) for k in range(3)]
    nodes += [helper.make_node("Sum", ["r0", "r1", "r2"], ["s"]), helper.make_node("Identity", ["s"], ["y"])]
    graph = helper.make_graph(nodes, "g", [info("i", [2], TensorProto.INT64)], [info("y", [2, columns])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    out = tmp_path / "out.onnx"
    done = cycloid("optimize", tmp_path / "model.onnx", "-o", out, "--verify-seconds", 1, timeout=300)
    assert done.returncode == 0, done.stderr
    onnx.checker.check_model(str(out))
    assert operators(out) == ["Gather", "Gather", "Gather", "Sum"]
    assert (tmp_path / "out.onnx.data").stat().st_size >= 3 * size
    feeds = {"i": np.array([0, rows - 1])}
    np.testing.assert_array_equal(run_ort(out, feeds)[0], [np.zeros(columns), np.full(columns, 6)])
    for big in (tmp_path / "model.data", tmp_path / "out.onnx.data"):
        big.unlink()


def test_measuring_says_the_gain(cycloid, transposed, tmp_path):
    ledger = tmp_path / "ledger.json"
    args = ["--measure", "onnxruntime,cycloid", "--measure-seconds", "0.05", "--ledger", ledger]
    stdout = optimize(cycloid, transposed, tmp_path / "out.onnx", *args)
    measured = json.loads(ledger.read_text())["measured"]
    assert [one["backend"] for one in measured] == ["onnxruntime", "cycloid"]
    assert all(0 < one["low"] <= one["speedup"] <= one["high"] for one in measured)
    assert re.search(r"^onnxruntime: .*1 thread, a=1x64", stdout, re.M)
    assert re.search(r"^cycloid: ", stdout, re.M)


def chain(path):
    """(x a) b, which is cheaper as x (a b): the product of two constants."""
    rng = np.random.default_rng(5)
    nodes = [helper.make_node("MatMul", ["x", "a"], ["t"]), helper.make_node("MatMul", ["t", "b"], ["y"])]
    constants = [(name, rng.standard_normal((8, 8)).astype(np.float32)) for name in "ab"]
    save(path, nodes, [info("x", ["n", 8])], [info("y", ["n", 8])], constants)


def test_what_holds_for_finite_values_is_done_where_they_are(cycloid, tmp_path):
    model, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    chain(model)
    optimize(cycloid, model, out)
    assert operators(out) == ["MatMul", "MatMul"]
    optimize(cycloid, model, out, "--assume-finite")
    assert operators(out) == ["MatMul"]
    same(model, out, {"x": floats(3, 8)})


def test_the_limit_of_folding_can_be_set(cycloid, tmp_path):
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["w"], value=numpy_helper.from_array(np.array([0.5], np.float32)))
    ]
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"]))
    model, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    save(model, nodes, [info("x", ["n", 512])], [info("y", ["n", 512])], [("s", np.array([512, 512]))])
    optimize(cycloid, model, out, "--fold-limit", "0")
    assert operators(out) == ["ConstantOfShape", "MatMul"]
    optimize(cycloid, model, out, "--fold-limit", "1")
    assert operators(out) == ["MatMul"]


def attention(path):
    """Of 2 heads of 4, with the heads side by side in rows before and after, as exporters write it."""
    nodes = []
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes.append(helper.make_node("Reshape", [name, "heads"], [f"{name}r"]))
        nodes.append(helper.make_node("Transpose", [f"{name}r"], [f"{name}t"], perm=perm))
    nodes += [
        helper.make_node("MatMul", ["qt", "kt"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Cast", ["keep"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "kept"], ["hidden"]),
        helper.make_node("Mul", ["hidden", "low"], ["mask"]),
        helper.make_node("Add", ["scaled", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "vt"], ["o"]),
        helper.make_node("Transpose", ["o"], ["ot"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["ot", "rows"], ["y"]),
    ]
    constants = [("heads", np.array([0, 0, 2, 4])), ("rows", np.array([0, 0, 8])), ("scale", np.float32(0.5))]
    constants += [("one", np.float32(1)), ("low", np.float32(-10000))]
    inputs = [info(name, ["b", "s", 8]) for name in "qkv"] + [info("keep", ["b", 1, "s", "s"], TensorProto.INT64)]
    save(path, nodes, inputs, [info("y", ["b", "s", 8])], constants)


@pytest.mark.parametrize("opset", [None, 23, 17, 13])
def test_attention_is_raised_and_lowered_again(cycloid, tmp_path, opset):
    model, out = tmp_path / "m.onnx", tmp_path / "out.onnx"
    attention(model)
    optimize(cycloid, model, out, *([] if opset is None else ["--opset", str(opset)]))
    if opset in (None, 23):
        assert operators(out) == ["Cast", "Sub", "Mul", "Attention"]
    else:
        assert "Attention" not in operators(out) and "Softmax" in operators(out)
    keep = np.tril(np.ones((5, 5), np.int64))
    feeds = {name: floats(2, 5, 8) for name in "qkv"} | {"keep": np.broadcast_to(keep, (2, 1, 5, 5)).copy()}
    same(model, out, feeds)
    # The native engine, which has no kernel for the whole, runs its parts.
    for name, array in feeds.items():
        np.save(tmp_path / f"{name}.npy", array)
    data = [word for name in feeds for word in ("--input-data", f"{name}={tmp_path / name}.npy")]
    done = cycloid("run", out, *data, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), run_ort(model, feeds)[0], rtol=0, atol=1e-5)


def test_rules_are_listed(cycloid):
    done = cycloid("rules", "--json")
    assert done.returncode == 0
    data = json.loads(done.stdout)
    assert data["schema"] == "cycloid.rules/1"
    names = [rule["name"] for rule in data["rules"]]
    assert len(names) == len(set(names)) >= 9
    for rule in data["rules"]:
        assert list(rule) == ["name", "kind", "law", "why", "exact"]
        assert rule["kind"] in KINDS and rule["law"] and rule["why"]
    text = cycloid("rules").stdout
    assert all(name in text for name in names)


def wrong_options(folder, model):
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(folder / "other.npz", b=floats(2, 2))
    np.savez(folder / "ints.npz", a=np.zeros((2, 2), np.int64))
    np.savez_compressed(folder / "compressed.npz", a=floats(2, 2))
    whole = (folder / "other.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "folder").mkdir()
    out = folder / "out.onnx"
    yield [], ["-o", "required"]
    yield ["-o", folder / "nowhere" / "out.onnx"], ["does not exist"]
    yield ["-o", folder / "folder"], ["folder"]
    yield ["-o", out, "--ledger", folder / "nowhere" / "l.json"], ["--ledger", "does not exist"]
    yield ["-o", out, "--html", folder / "nowhere" / "p.html"], ["--html", "does not exist"]
    yield ["-o", out, "--html", out], ["--html", "same file as -o"]
    yield ["-o", out, "--html", folder / "p", "--ledger", folder / "folder" / ".." / "p"], ["same file"]
    yield ["-o", out, "--ledger", model], ["--ledger", "the model to read"]
    yield ["-o", folder / "other.npz", "--samples", folder / "other.npz"], ["one of --samples"]
    yield ["-o"], ["--output takes a value"]
    yield ["-o", out, "--disable", "compose-transpose"], ["compose-transposes"]
    yield ["-o", out, "--disable", "fold-constants,compose-transpose"], ["'compose-transpose'", "compose-transposes"]
    yield ["-o", out, "--only", "nonsense"], ["nonsense", "cycloid rules"]
    yield ["-o", out, "--shape", "a"], ["--shape"]
    yield ["-o", out, "--shape", "a=3xx"], ["--shape"]
    yield ["-o", out, "--shape", "z=3x4"], ["--shape", "z", "'a'"]
    yield ["-o", out, "--shape", "a=3"], ["--shape", "rank"]
    yield ["-o", out, "--shape", "a=3x4", "--shape", "a=3x4"], ["twice"]
    yield ["-o", out, "--samples", folder / "missing.npz"], ["missing.npz"]
    yield ["-o", out, "--samples", folder / "broken.npz"], ["broken.npz"]
    yield ["-o", out, "--samples", folder / "cut.npz"], ["cut.npz"]
    yield ["-o", out, "--samples", folder / "compressed.npz"], ["compressed"]
    yield ["-o", out, "--samples", folder / "other.npz"], ["'a'"]
    yield ["-o", out, "--samples", folder / "ints.npz"], ["int64"]
    yield ["-o", out, "--opset", "6"], ["--opset", "7"]
    yield ["-o", out, "--opset", "99"], ["--opset", "28"]
    yield ["-o", out, "--seed", "-1"], ["--seed", "'-1'"]
    yield ["-o", out, "--opset", "new"], ["--opset: 'new' is no number"]
    yield ["-o", out, "--measure", "tensorflow"], ["tensorflow"]
    yield ["-o", out, "--measure", "eager"], ["eager"]
    yield ["-o", out, "--explian"], ["--explain"]


def test_what_is_wrong_is_one_clear_line_and_nothing_is_written(cycloid, transposed, tmp_path):
    for args, words in wrong_options(tmp_path, transposed):
        done = cycloid("optimize", transposed, *args)
        assert done.returncode in (1, 2), (args, done.stdout)
        assert done.stderr.startswith("cycloid: error: ") and done.stderr.count("\n") == 1, (args, done.stderr)
        for word in words:
            assert word in done.stderr, (args, done.stderr)
        assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("content", [None, b"", b"no model at all", b"\x08\x07"])
def test_a_file_that_is_no_model(cycloid, tmp_path, content):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    done = cycloid("optimize", path, "-o", tmp_path / "out.onnx")
    assert done.returncode != 0 and done.stderr.count("\n") == 1 and "m.onnx" in done.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_a_failure_leaves_what_was_there(cycloid, transposed, tmp_path):
    out = tmp_path / "out.onnx"
    out.write_text("what was there")
    done = cycloid("optimize", transposed, "-o", out, "--only", "nonsense")
    assert done.returncode != 0 and out.read_text() == "what was there"


def test_a_folder_that_cannot_be_written_to(cycloid, transposed, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        (folder / "probe").write_text("")
        pytest.skip("this user may write anywhere")
    except OSError:
        pass
    done = cycloid("optimize", transposed, "-o", folder / "out.onnx")
    assert done.returncode != 0 and done.stderr.count("\n") == 1


def test_a_model_may_be_written_over_itself(cycloid, transposed, tmp_path):
    feeds = {"a": floats(3, 5)}
    expected = run_ort(transposed, feeds)
    optimize(cycloid, transposed, transposed)
    np.testing.assert_array_equal(run_ort(transposed, feeds)[0], expected[0])


SMALL_MODELS = [
    "mnist_8",
    "fraud_mlp_rhai",
    "ncf_skardi",
    "crypto_lstm",
    "ibm_ccf_gru",
    "quant_rl_agent",
    "ultraface_rfb_320",
]


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_real_models(cycloid, models_dir, tmp_path, name):
    model, out = models_dir / f"{name}.onnx", tmp_path / "out.onnx"
    if not model.exists():
        pytest.skip(f"{model} is not there")
    stdout = optimize(cycloid, model, out, "--verify-seconds", 10)
    before, after = re.search(r"nodes (\d+) -> (\d+)", stdout).groups()
    assert int(after) <= int(before)
    feeds = {}
    shapes = json.loads((models_dir / "run_shapes.json").read_text()).get(name, {})
    for value in ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs():
        shape = shapes.get(value.name, [size if isinstance(size, int) else 1 for size in value.shape])
        shape = shape["s"] if isinstance(shape, dict) else shape
        integer = "int" in value.type
        dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}.get(
            value.type, np.int32
        )
        feeds[value.name] = RNG.integers(0, 2, shape).astype(dtype) if integer else RNG.random(shape).astype(dtype)
    same(model, out, feeds)
