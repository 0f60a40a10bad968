"""One definition for each name: no type and no function of two layers has the same one.

Test programs link the layers that they test, so two types of one name in layers that do not see each other (plan, rewrite)
meet in the program and the Python module only, where the linker takes the inline functions of either for both.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("CYCLOID_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
BUILD = pathlib.Path(os.environ.get("CYCLOID_BINARY_DIR", SOURCE / "build"))

OPEN = re.compile(r"^(?:inline )?namespace (?:CYCLOID_API )?([\w:]*) ?\{")
CLOSE = re.compile(r"^\}  // (?:anonymous )?namespace")
# At the beginning of a line, as clang-format leaves what stands in a namespace.
TYPE = re.compile(r"^(?:struct|class|enum class|enum|union) (?:\w+\(\w*\) )?(\w+)(?: final)?(?: : [^;]*)?\s*\{")


def types_of(text):
    """Names, with their namespaces, of the types that the file defines for other files to see."""
    scopes = []
    names = []
    for line in text.splitlines():
        if opened := OPEN.match(line):
            scopes.append(opened.group(1))
            if line.rstrip().endswith("}"):
                scopes.pop()
        elif CLOSE.match(line):
            scopes.pop()
        elif (found := TYPE.match(line)) and "" not in scopes and scopes:
            names.append("::".join([*scopes, found.group(1)]))
    return names


def files_by_type(files):
    places = collections.defaultdict(set)
    for name, text in files:
        for defined in types_of(text):
            places[defined].add(name)
    return places


def test_the_search_sees_what_it_looks_for():
    a = "namespace cycloid {\nstruct Form {\n};\nnamespace {\nstruct Mine {};\n}  // namespace\n}  // namespace cycloid\n"
    b = "namespace cycloid::plan {\nstruct Form : Base {\n};\n}  // namespace cycloid::plan\n"
    c = "namespace cycloid {\nenum class Form { kA };\nstruct Mine {};\n}  // namespace cycloid\n"
    places = files_by_type([("a", a), ("b", b), ("c", c)])
    assert {k: v for k, v in places.items() if len(v) > 1} == {"cycloid::Form": {"a", "c"}}
    assert places["cycloid::plan::Form"] == {"b"} and places["cycloid::Mine"] == {"c"}


def test_no_two_files_define_a_type_of_one_name():
    paths = [p for d in ("src", "include", "python") for e in ("*.h", "*.cpp", "*.cc") for p in (SOURCE / d).rglob(e)]
    # Tests, benchmarks and fuzzers are programs of their own; plugins are libraries of their own.
    own = re.compile(r"_(test|bench|fuzz)\.cpp$|/(libtorch|openvino)/")
    places = files_by_type((str(p.relative_to(SOURCE)), p.read_text()) for p in paths if not own.search(str(p)))
    assert len(places) > 300
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
def test_no_two_libraries_define_a_function_of_one_name():
    """What the linker would not see either: an archive's member is left out where another has given its names."""
    libraries = sorted(BUILD.glob("libcycloid_*.a"))
    if not libraries:
        pytest.skip(f"no libraries in {BUILD}")
    places = collections.defaultdict(set)
    for library in libraries:
        listing = subprocess.run(["nm", "--defined-only", "--extern-only", library], capture_output=True, text=True)
        assert listing.returncode == 0, listing.stderr
        member = ""
        for line in listing.stdout.splitlines():
            if line.endswith(":"):
                member = line[:-1]
            elif (symbol := re.match(r"[0-9a-f]+ [TDBRG] (\S+)$", line)) is not None:
                places[symbol.group(1)].add(f"{library.name}({member})")
    assert len(places) > 1000
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
