"""The command line as a person meets it: help, slips of the pen, and bad input of every kind.

Whatever goes wrong is one line on standard error that starts with "cycloid: error: ", a non-zero exit, and no file
half-written.
"""

import os
import pathlib
import subprocess

import pytest
from conftest import CLI

USAGE = 2
COMMANDS = ["bench", "backends", "inspect", "run"]


def assert_one_clear_line(done, *words, code=None):
    """The process failed as it should: no crash, one line, and the line holds the words."""
    assert done.returncode > 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    if code is not None:
        assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("cycloid: error: ")]
    assert len(errors) == 1 and lines[-1] == errors[0], done.stderr
    assert "Traceback" not in done.stderr and "terminate called" not in done.stderr
    for word in words:
        assert word in errors[0], errors[0]


def assert_nothing_written(folder):
    assert list(pathlib.Path(folder).iterdir()) == []


# --- the frame


def test_version_and_help(cycloid):
    assert cycloid("--version").stdout.startswith("cycloid ")
    done = cycloid("--help")
    assert done.returncode == 0 and "Exit codes" in done.stdout
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout, f"{command} is not listed"
    assert "worker" not in done.stdout, "an internal command is shown to people"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(cycloid, command):
    done = cycloid(command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout and f"cycloid {command}" in done.stdout


def test_no_command_is_a_usage_error_that_shows_the_help(cycloid):
    done = cycloid()
    assert done.returncode == USAGE and "Usage: cycloid" in done.stderr


@pytest.mark.parametrize(
    "args, words",
    [
        (["benhc"], ["unknown command 'benhc'", "did you mean 'bench'?", "cycloid --help"]),
        (["frobnicate"], ["unknown command 'frobnicate'"]),
        (["--versoin"], ["unknown option '--versoin'", "'--version'"]),
        (["inspect", "--jsno", "m.onnx"], ["inspect: unknown option '--jsno'", "'--json'"]),
        (["inspect", "--jsno=1", "m.onnx"], ["inspect: unknown option '--jsno'", "'--json'"]),
        (["inspect"], ["inspect: ", "MODEL", "cycloid inspect --help"]),
        (["inspect", "a.onnx", "b.onnx"], ["inspect: unexpected argument 'b.onnx'"]),
        (["bench", "m.onnx", "--lops", "3"], ["bench: unknown option '--lops'", "'--loops'"]),
        (["run", "m.onnx", "--ouput-dir", "d"], ["run: unknown option '--ouput-dir'", "'--output-dir'"]),
    ],
)
def test_a_slip_of_the_pen_is_met_with_the_nearest_word(cycloid, args, words):
    assert_one_clear_line(cycloid(*args), *words, code=USAGE)


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(CLI), "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "standard output" in done.stderr
