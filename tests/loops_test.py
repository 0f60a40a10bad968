"""Loops, scans and branches of whole models through everything linked together: reading, rewriting, planning, running.

Each model runs as it stands and optimised, on 1 and 2 threads, for sizes that the loops' lengths and shapes follow, and agrees with a
computation in double precision and with ONNX Runtime. (ONNX's own cases of these operators: tests/onnx_suite_test.py.)
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import pytest
from built_package import use_built_package

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
HERE = pathlib.Path(__file__).resolve().parent
use_built_package()

import cycloid  # noqa: E402

RANDOM = np.random.default_rng(3)
WAYS = {f"{'optimised' if o else 'as it stands'}, {n} threads": (o, n) for o in (False, True) for n in (1, 2)}
EPS = float(np.finfo(np.float32).eps)


@dataclasses.dataclass
class Case:
    name: str
    text: str  # the graph
    constants: dict  # float32 initializers
    feeds: list  # of each run
    expected: Callable  # the outputs for feeds, in float64
    roundings: int  # of the longest chain of them that ends in a result, which scales the tolerance


def real(*shape, scale=1.0):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurrent():
    """An LSTM as frameworks unroll it: gates by MatMul and Split, a row of x taken in each step, states handed on."""
    inputs, hidden = 6, 8
    w, r, b = real(inputs, 4 * hidden, scale=0.5), real(hidden, 4 * hidden, scale=0.5), real(4 * hidden)
    text = f"""lstm (float[T, N, {inputs}] x) => (float[T, N, {hidden}] ys, float[N, {hidden}] last) {{
      zero = Constant <value: tensor = int64[1] {{0}}> ()
      shape = Shape <start: int = 0, end: int = 2> (x)
      length, batch = Split <axis: int = 0, num_outputs: int = 2> (shape)
      width = Constant <value: tensor = int64[1] {{{hidden}}}> ()
      size = Concat <axis: int = 0> (batch, width)
      start = ConstantOfShape (size)
      trips = Squeeze (length)
      last, cell, ys = Loop (trips, , start, start) <body: graph = step
        (int64 t, bool go, float[N, {hidden}] h, float[N, {hidden}] c) => (bool on, float[N, {hidden}] h2, float[N, {hidden}] c2, float[N, {hidden}] y) {{
          on = Identity (go)
          row = Gather <axis: int = 0> (x, t)
          from_x = MatMul (row, w)
          from_h = MatMul (h, r)
          sum = Add (from_x, from_h)
          gates = Add (sum, b)
          i, o, f, g = Split <axis: int = 1, num_outputs: int = 4> (gates)
          si = Sigmoid (i) so = Sigmoid (o) sf = Sigmoid (f) tg = Tanh (g)
          kept = Mul (sf, c)
          new = Mul (si, tg)
          c2 = Add (kept, new)
          tc = Tanh (c2)
          h2 = Mul (so, tc)
          y = Identity (h2)
      }}>
    }}"""

    def expected(x):
        h = c = np.zeros((x.shape[1], hidden))
        ys = []
        for row in x.astype(np.float64):
            i, o, f, g = np.split(row @ w + h @ r + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            ys.append(h)
        return [np.stack(ys), h]

    feeds = [{"x": real(t, n, inputs)} for t, n in ((9, 2), (1, 5), (17, 1))]
    return Case("recurrent", text, {"w": w, "r": r, "b": b}, feeds, expected, 40)


def until():
    """A power iteration that ends by itself, and says how it went."""
    a = real(7, 7)
    a = a @ a.T / 7
    text = """power (float[7] v, int64 most) => (float[7] u, float[steps] sizes, int64 count) {
      yes = Constant <value: tensor = bool {1}> ()
      none = Constant <value: tensor = int64 {0}> ()
      u, count, sizes = Loop (most, yes, v, none) <body: graph = step (int64 t, bool go, float[7] x, int64 k) => (bool on, float[7] y, int64 k2, float size) {
        z = MatMul (a, x)
        axis = Constant <value: tensor = int64[1] {0}> ()
        size = ReduceL2 <keepdims: int = 0> (z, axis)
        y = Div (z, size)
        d = Sub (y, x)
        far = ReduceL2 <keepdims: int = 0> (d, axis)
        near = Constant <value: tensor = float {0.05}> ()
        on = Less (near, far)
        one = Constant <value: tensor = int64 {1}> ()
        k2 = Add (k, one)
      }>
    }"""

    def expected(v, most):
        x, sizes = v.astype(np.float64), []
        for _ in range(int(most)):
            z = a.astype(np.float64) @ x
            sizes.append(np.linalg.norm(z))
            y = z / sizes[-1]
            far = np.linalg.norm(y - x)
            x = y
            if far <= 0.05:
                break
        return [x, np.array(sizes), np.array(len(sizes))]

    feeds = [{"v": real(7), "most": np.array(most)} for most in (50, 1, 3)]
    return Case("until", text, {"a": a}, feeds, expected, 200)


def nested():
    """A loop in a branch in a loop, all of which read values from outside."""
    w = real(4, 4, scale=0.5)
    text = """nested (float[N, 4] x, int64 outer) => (float[N, 4] y, float[K, N, 4] each) {
      y, each = Loop (outer, , x) <body: graph = around (int64 t, bool go, float[N, 4] u) => (bool on, float[N, 4] v, float[N, 4] seen) {
        on = Identity (go)
        two = Constant <value: tensor = int64 {2}> ()
        rest = Mod (t, two)
        odd = Cast <to: int = 9> (rest)
        v = If (odd) <then_branch: graph = yes () => (float[N, 4] p) {
          p = Loop (t, , u) <body: graph = inner (int64 s, bool go2, float[N, 4] q) => (bool on2, float[N, 4] q2) {
            on2 = Identity (go2)
            m = MatMul (q, w)
            n = Add (m, x)
            q2 = Tanh (n)
          }>
        }, else_branch: graph = no () => (float[N, 4] e) { m2 = Mul (u, x) e = Sub (u, m2) }>
        seen = Neg (v)
      }>
    }"""

    def expected(x, outer):
        x = x.astype(np.float64)
        u, each = x, []
        for t in range(int(outer)):
            if t % 2:
                for _ in range(t):
                    u = np.tanh(u @ w + x)
            else:
                u = u - u * x
            each.append(-u)
        return [u, np.stack(each)]

    feeds = [{"x": real(n, 4, scale=0.5), "outer": np.array(k)} for n, k in ((3, 6), (1, 1), (2, 4))]
    return Case("nested", text, {"w": w}, feeds, expected, 400)


def independent():
    """Iterations that share nothing but what is outside: the optimiser may run them as one."""
    w1, w2 = real(5, 8, 8, scale=0.4), real(5, 8, 8, scale=0.4)
    text = """independent (float[N, 8] x) => (float[5, N, 8] ys) {
      five = Constant <value: tensor = int64 {5}> ()
      yes = Constant <value: tensor = bool {1}> ()
      ys = Loop (five, yes) <body: graph = step (int64 t, bool go) => (bool on, float[N, 8] y) {
        on = Identity (go)
        a = Gather <axis: int = 0> (w1, t)
        b = Gather <axis: int = 0> (w2, t)
        h = MatMul (x, a)
        p = Relu (h)
        q = MatMul (p, b)
        y = Softmax <axis: int = -1> (q)
      }>
    }"""

    def expected(x):
        scores = np.maximum(x.astype(np.float64) @ w1, 0) @ w2
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        return [shares / shares.sum(-1, keepdims=True)]

    return Case("independent", text, {"w1": w1, "w2": w2}, [{"x": real(n, 8)} for n in (3, 1, 16)], expected, 40)


def growing():
    """A state that becomes longer in each step, as a decoder's does."""
    table, w = real(6, 4), real(4, 6)
    text = """growing (int64[1] first, int64 more) => (int64[L] tokens) {
      tokens = Loop (more, , first) <body: graph = step (int64 t, bool go, int64[l] known) => (bool on, int64[m] longer) {
        on = Identity (go)
        rows = Gather <axis: int = 0> (table, known)
        axis = Constant <value: tensor = int64[1] {0}> ()
        mean = ReduceMean <keepdims: int = 1> (rows, axis)
        scores = MatMul (mean, w)
        best = ArgMax <axis: int = 1, keepdims: int = 0> (scores)
        longer = Concat <axis: int = 0> (known, best)
      }>
    }"""

    def expected(first, more):
        known = list(first)
        for _ in range(int(more)):
            known.append(int(np.argmax(table[known].astype(np.float64).mean(0) @ w)))
        return [np.array(known)]

    feeds = [{"first": np.array([i]), "more": np.array(n)} for i, n in ((0, 7), (5, 1), (3, 12))]
    return Case("growing", text, {"table": table, "w": w}, feeds, expected, 0)


def scans():
    """A running sum forward and a running maximum backward in one scan."""
    text = """scans (float[T, 3] x) => (float[3] total, float[3] most, float[T, 3] sums, float[T, 3] largest) {
      zero = Constant <value: tensor = float[3] {0, 0, 0}> ()
      low = Constant <value: tensor = float[3] {-9, -9, -9}> ()
      total, most, sums, largest = Scan <num_scan_inputs: int = 2, scan_input_directions: ints = [0, 1], scan_output_directions: ints = [0, 1],
        body: graph = step (float[3] s, float[3] m, float[3] a, float[3] b) => (float[3] s2, float[3] m2, float[3] so, float[3] mo) {
          s2 = Add (s, a) m2 = Max (m, b) so = Identity (s2) mo = Identity (m2)
        }> (zero, low, x, x)
    }"""

    def expected(x):
        x = x.astype(np.float64)
        sums, largest = np.cumsum(x, 0), np.maximum.accumulate(x[::-1], 0)[::-1]
        return [sums[-1], largest[0], sums, largest]

    return Case("scans", text, {}, [{"x": real(t, 3)} for t in (9, 1, 30)], expected, 40)


CASES = [recurrent(), until(), nested(), independent(), growing(), scans()]


def model_of(case):
    graph = onnx.parser.parse_graph(case.text)
    for name, value in case.constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def check(got, expected, roundings):
    assert len(got) == len(expected)
    for i, (value, wanted) in enumerate(zip(got, expected, strict=True)):
        assert value.shape == wanted.shape, f"output {i}: {value.shape}, not {wanted.shape}"
        if value.dtype.kind != "f":
            assert np.array_equal(value, wanted), f"output {i}"
            continue
        tolerance = roundings * EPS * max(np.abs(wanted).max(initial=0), 1e-3)
        assert np.abs(value - wanted).max(initial=0) <= tolerance, f"output {i}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_agrees_with_double_precision(case, way):
    optimize, threads = WAYS[way]
    options = cycloid.SessionOptions(optimize=optimize, intra_op_num_threads=threads)
    session = cycloid.InferenceSession(model_of(case), options)
    for feeds in [*case.feeds, case.feeds[0]]:  # the last with a plan that is there
        check(session.run(None, feeds), case.expected(**feeds), case.roundings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_computation_is_what_onnxruntime_gives(case):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model_of(case), options, providers=["CPUExecutionProvider"])
    for feeds in case.feeds:
        check(session.run(None, feeds), case.expected(**feeds), case.roundings)


@pytest.mark.parametrize("way", WAYS)
def test_a_recurrent_model_of_tensorflow(way):
    """Its while loops hand on lists of rows."""
    path = HERE.parent.parent / "shared" / "models" / "crypto_lstm.onnx"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    optimize, threads = WAYS[way]
    options = cycloid.SessionOptions(optimize=optimize, intra_op_num_threads=threads)
    session = cycloid.InferenceSession(path, options)
    peer = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for shape in ((2, 15, 20), (5, 15, 20), (2, 15, 20)):
        feeds = {"input": real(*shape)}
        # Fifteen steps of two layers, each with sums of some hundred terms.
        check(session.run(None, feeds), peer.run(None, feeds), 15 * 2 * 32)
