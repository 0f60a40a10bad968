"""Where the build and its Python package are: what tests need before they can `import cycloid`."""

import os
import pathlib
import sys

import pytest

SOURCE_DIR = pathlib.Path(os.environ.get("CYCLOID_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
BINARY_DIR = pathlib.Path(os.environ.get("CYCLOID_BINARY_DIR", SOURCE_DIR / "build"))
CLI = pathlib.Path(os.environ.get("CYCLOID_CLI", BINARY_DIR / "cycloid"))
BUILT = BINARY_DIR / "python"


def is_built(part="_native*.so"):
    return any(BUILT.glob(f"cycloid/{part}"))


def use_built_package(part="_native*.so"):
    """Makes `import cycloid` find it; skips the test, or the file that calls this on import, where it is not built."""
    if not is_built(part):
        pytest.skip(f"the Python module is not built in {BUILT}", allow_module_level=True)
    if str(BUILT) not in sys.path:
        sys.path.insert(0, str(BUILT))
