"""Every include points the way CMakeLists.txt's cycloid_layer lines allow, and public headers show no dependency."""

import pathlib
import re

import pytest

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
LAYER_LINE = re.compile(r"^cycloid_layer\((\w+)([^)]*)\)", re.MULTILINE)


def allowed_layers(cmake_text):
    """{layer: every layer it may include}, itself and what its layers use included.

    Kernels are the exception to 'and what these use': only the layers that name them see them, so that dispatch stays
    in one place.
    """
    direct = {}
    for name, rest in LAYER_LINE.findall(cmake_text):
        words = rest.split()
        uses = []
        if "USES" in words:
            for word in words[words.index("USES") + 1 :]:
                if word == "LIBRARIES":
                    break
                uses.append(word)
        direct[name] = uses

    def reachable(name):
        layers = {name}
        for used in direct[name]:
            layers |= reachable(used)
        return layers

    allowed = {name: reachable(name) for name in direct}
    for name in direct:
        if "kernels" not in direct[name] and name not in ("kernels", "runtime"):
            allowed[name].discard("kernels")
    return allowed


def wrong_includes(path, layer, text, allowed):
    """Messages for the includes in `text` that `layer` may not make."""
    for quote, target in INCLUDE.findall(text):
        parts = target.split("/")
        if quote != '"' or len(parts) < 2 or parts[0] == "cycloid":
            continue
        if parts[0] not in allowed:
            yield f'{path}: "{target}" is in no layer'
        elif parts[0] not in allowed[layer]:
            yield f'{path}: {layer} may not include "{target}" (it may use: {", ".join(sorted(allowed[layer]))})'


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cpp", ".cc", ".inc"))


@pytest.fixture(scope="module")
def allowed(source_dir):
    layers = allowed_layers((source_dir / "CMakeLists.txt").read_text())
    assert {"base", "tensor", "graph", "cli"} <= layers.keys()
    return layers


def test_every_include_points_to_an_allowed_layer(source_dir, allowed):
    wrong = []
    for layer in allowed:
        for path in sources(source_dir / "src" / layer):
            wrong += wrong_includes(path.relative_to(source_dir), layer, path.read_text(), allowed)
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_folder_of_src_is_a_layer(source_dir, allowed):
    folders = {p.name for p in (source_dir / "src").iterdir() if p.is_dir() and sources(p)}
    assert folders <= allowed.keys()


def test_public_headers_include_the_standard_library_and_each_other_alone(source_dir):
    wrong = []
    for path in sources(source_dir / "include"):
        for quote, target in INCLUDE.findall(path.read_text()):
            standard = quote == "<" and re.fullmatch(r"[a-z_0-9]+", target)
            if not standard and not target.startswith("cycloid/"):
                wrong.append(f"{path.relative_to(source_dir)}: {target}")
    assert not wrong, "\n" + "\n".join(wrong)


CMAKE_EXAMPLE = """
cycloid_layer(base LIBRARIES fmt::fmt)
cycloid_layer(tensor USES base)
cycloid_layer(graph USES tensor)
cycloid_layer(kernels USES tensor)
cycloid_layer(plan USES graph kernels LIBRARIES x)
cycloid_layer(runtime USES plan)
cycloid_layer(bench USES runtime)
"""


def test_the_check_itself_allows_what_is_below():
    allowed = allowed_layers(CMAKE_EXAMPLE)
    assert allowed["graph"] == {"graph", "tensor", "base"}
    assert allowed["plan"] == {"plan", "graph", "kernels", "tensor", "base"}
    assert not list(wrong_includes("f", "graph", '#include "tensor/tensor.h"\n#include <vector>\n', allowed))


@pytest.mark.parametrize(
    "layer, include",
    [("tensor", "graph/graph.h"), ("kernels", "graph/graph.h"), ("bench", "kernels/gemm.h"), ("base", "nowhere/x.h")],
)
def test_the_check_itself_finds_a_wrong_arrow(layer, include):
    found = list(wrong_includes(pathlib.Path("f.cpp"), layer, f'#include "{include}"\n', allowed_layers(CMAKE_EXAMPLE)))
    assert len(found) == 1 and include in found[0]
