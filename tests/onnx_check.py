"""Checks .onnx files that were written by this project. Usage: onnx_check.py FILE... ; a line and exit code 1 for each that
onnx.checker does not accept (with shape inference in strict mode)."""

import sys

import onnx


def main(paths):
    failures = 0
    for path in paths:
        try:
            onnx.checker.check_model(path, full_check=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure to report
            print(f"{path}: {error}")
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
