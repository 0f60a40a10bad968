"""Object files compiled for AVX2 or AVX-512 share no function with the rest of the program.

A weak definition (an inline function or a template of a header) in such a file could be the copy that the linker keeps
for everyone, and would then crash on processors without that instruction set.
"""

import os
import pathlib
import shutil
import subprocess

import pytest


def shared_definitions(nm_output):
    """The lines of `nm -C` that define a symbol which other files may define too."""
    return [line for line in nm_output.splitlines() if line[17:18] in ("W", "V", "u", "w", "v") and line[:16].strip()]


def test_the_check_itself():
    weak = "0000000000000010 W std::vector<int>::push_back(int&&)"
    own = "0000000000000000 D cycloid::kernels::igemm_kernels_avx512"
    undefined = "                 U memset"
    assert shared_definitions("\n".join([weak, own, undefined])) == [weak]


def test_isa_objects_define_nothing_that_others_could_share():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed")
    if os.environ.get("CYCLOID_SANITIZE"):
        pytest.skip("sanitizers add weak symbols of their own")
    build = pathlib.Path(os.environ.get("CYCLOID_BINARY_DIR", "build"))
    objects = [path for isa in ("avx2", "avx512") for path in build.rglob(f"*_{isa}.cpp.o")]
    if not objects:
        pytest.skip(f"no AVX objects in {build}: not built yet, or another processor")
    for path in objects:
        output = subprocess.run([nm, "-C", str(path)], check=True, capture_output=True, text=True).stdout
        assert shared_definitions(output) == [], path
