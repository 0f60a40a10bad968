"""What the Python tests share: where the build is, the command line under test, and the shared models."""

import subprocess

import pytest
from built_package import BINARY_DIR, CLI, SOURCE_DIR, use_built_package

MODELS_DIR = SOURCE_DIR.parent / "shared" / "models"


@pytest.fixture(scope="session")
def source_dir():
    return SOURCE_DIR


@pytest.fixture(scope="session")
def binary_dir():
    return BINARY_DIR


@pytest.fixture(scope="session")
def built_package():
    """`import cycloid` finds the package that was built; without one the test is skipped."""
    use_built_package()


@pytest.fixture(scope="session")
def models_dir():
    if not MODELS_DIR.is_dir():
        pytest.skip(f"the shared models are not at {MODELS_DIR}")
    return MODELS_DIR


@pytest.fixture(scope="session")
def cycloid():
    """cycloid(*args, timeout=...) runs the command line and returns the finished process, output as text."""

    def run(*args, timeout=120, **kwargs):
        command = [str(CLI), *[str(arg) for arg in args]]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **kwargs
        )

    return run
