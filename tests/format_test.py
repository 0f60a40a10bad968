"""The whole tree is as clang-format and ruff write it: `./dev format` mends what fails here."""

import pathlib
import subprocess
import sys

import pytest

FOLDERS = ("include", "src", "python", "tests")
TOOLS = pathlib.Path(sys.executable).parent


def check(source_dir, program, arguments, suffixes):
    """What the program says of this tree's files of these suffixes; skips where it is not installed."""
    if not (TOOLS / program).exists():
        pytest.skip(f"{TOOLS / program} is absent: ./dev setup installs it")
    files = [file for folder in FOLDERS for file in (source_dir / folder).rglob("*") if file.suffix in suffixes]
    assert files
    command = [TOOLS / program, *arguments, *sorted(files)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=source_dir, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def test_cpp_is_formatted(source_dir):
    check(source_dir, "clang-format", ["--dry-run", "--Werror"], {".h", ".cpp", ".cc", ".inc"})


def test_python_is_formatted(source_dir):
    check(source_dir, "ruff", ["format", "--check", "--no-cache"], {".py"})


def test_python_has_no_finding(source_dir):
    check(source_dir, "ruff", ["check", "--no-cache"], {".py"})
