"""python/tidy.py runs clang-tidy on what has changed since it was clean, and on nothing else. A program stands in for clang-tidy."""

import json
import subprocess
import sys

import pytest

STAND_IN = """#!/usr/bin/env python3
import pathlib, sys
if sys.argv[1] == "--version":
    sys.exit(print(pathlib.Path("version").read_text()))
source = pathlib.Path(sys.argv[-1])
with open("called", "a") as called:
    called.write(f"{source} {any('-clang-analyzer-*' in word for word in sys.argv)}\\n")
found = "BAD" in source.read_text()
print(f"{source}: a finding" if found else "", end="")
sys.exit(found)
"""


@pytest.fixture
def tree(tmp_path):
    files = {
        "src/a/a.cpp": '#include "a/a.h"\n',
        "src/a/a.h": '#pragma once\n#include "b.h"\n',
        "src/a/b.h": "#pragma once\n#include <vector>\n",
        "src/a/a_test.cpp": "int unrelated;\n",
        ".clang-tidy": "Checks: '*'\n",
        "version": "1\n",
        "stand_in": STAND_IN,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "stand_in").chmod(0o755)
    write_commands(tmp_path, "c++ -c a.cpp")
    return tmp_path


def write_commands(tree, command):
    (tree / "build").mkdir(exist_ok=True)
    entry = {"directory": str(tree / "build"), "file": str(tree / "src/a/a.cpp"), "command": command}
    (tree / "build/compile_commands.json").write_text(json.dumps([entry]))


@pytest.fixture
def tidy(source_dir, tree):
    def run(*arguments):
        (tree / "called").write_text("")
        command = [
            sys.executable,
            source_dir / "python/tidy.py",
            "--clang-tidy",
            "./stand_in",
            "--jobs",
            "2",
            *arguments,
        ]
        done = subprocess.run([*command, "src/a/a.cpp", "src/a/a_test.cpp"], cwd=tree, capture_output=True, text=True)
        return done, sorted((tree / "called").read_text().split("\n")[:-1])

    return run


BOTH = ["src/a/a.cpp False", "src/a/a_test.cpp True"]  # and whether without the static analyser


def test_a_second_run_looks_at_nothing(tidy):
    done, called = tidy()
    assert (done.returncode, called) == (0, BOTH)
    done, called = tidy()
    assert (done.returncode, called) == (0, [])
    assert tidy("--again")[1] == BOTH


def test_a_header_that_is_included_by_way_of_another_counts(tidy, tree):
    tidy()
    (tree / "src/a/b.h").write_text("#pragma once\nint changed;\n")
    assert tidy()[1] == BOTH[:1]
    assert tidy()[1] == []


@pytest.mark.parametrize("name", [".clang-tidy", "version"])
def test_settings_and_version_count_for_all(tidy, tree, name):
    tidy()
    (tree / name).write_text("another\n")
    assert tidy()[1] == BOTH


def test_the_command_that_compiles_a_file_counts(tidy, tree):
    tidy()
    write_commands(tree, "c++ -DOTHER -c a.cpp")
    assert tidy()[1] == BOTH[:1]


def test_a_finding_is_shown_until_it_is_mended(tidy, tree):
    (tree / "src/a/a.cpp").write_text("BAD")
    for _ in range(2):
        done, called = tidy()
        assert done.returncode == 1
        assert "src/a/a.cpp: a finding" in done.stdout
        assert "src/a/a.cpp False" in called
    (tree / "src/a/a.cpp").write_text("good")
    assert tidy()[0].returncode == 0


def test_a_program_that_fails_without_a_word_is_named(tidy, tree):
    (tree / "stand_in").write_text(STAND_IN.replace("found =", "sys.exit(3)\nfound ="))
    done, _ = tidy()
    assert done.returncode == 1
    assert "src/a/a.cpp: clang-tidy failed" in done.stdout
