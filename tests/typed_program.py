"""What a user writes and lets a type checker read: tests/typing_test.py checks it; nothing runs it."""

import os

import numpy as np

import cycloid


def predict(path: str | os.PathLike[str], x: np.ndarray) -> list[np.ndarray]:
    options = cycloid.SessionOptions(intra_op_num_threads=2, timeout=1.5, optimize=True)
    options.graph_optimization_level = cycloid.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = cycloid.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names: list[str] = [i.name for i in session.get_inputs()]
    meta: dict[str, str] = session.get_modelmeta().custom_metadata_map
    run_options = cycloid.RunOptions()
    run_options.terminate = False
    outputs: list[np.ndarray] = session.run(None, {names[0]: x}, run_options)
    print(meta, session.plan({names[0]: [1, 3]}), session.end_profiling().upper())
    return outputs


def bound(session: cycloid.InferenceSession, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    binding: cycloid.IOBinding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", y)
    session.run_with_iobinding(binding)
    value: cycloid.OrtValue = cycloid.OrtValue.ortvalue_from_numpy(x)
    shape: list[int] = value.shape()
    print(shape, value.numpy().sum())
    return binding.copy_outputs_to_cpu()


def measured(path: str) -> float:
    report = cycloid.bench(path, threads=[1], backends=["cycloid"])
    ledger = cycloid.optimize(path, "faster.onnx")
    try:
        cycloid.inspect(path)
    except cycloid.NotFoundError as error:
        print(error.code.upper())
    return float(report["comparisons"][0]["runs"][0]["latency_us"]["p50"]) + len(ledger)
