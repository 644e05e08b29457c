"""Shared libraries that pretend to be NVIDIA's."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def make_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile a shared library of some name and C source into a folder."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = tmp_path_factory.mktemp("source") / "library.c"

    def make_library(folder: Path, name: str, content: str = "int nothing(void) { return 0; }\n") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        source.write_text(content)
        path = folder / name
        subprocess.run([compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", path, source], check=True)
        return path

    return make_library


@pytest.fixture
def driver(make_library: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with a driver that loads, but finds no GPU that can be used."""
    make_library(
        tmp_path / "driver",
        "libcuda.so.1",
        """
        int cuInit(unsigned flags) { return 999; }
        int cuDriverGetVersion(int *version) { *version = 12090; return 0; }
        int cuGetErrorName(int error, const char **name) { *name = "CUDA_ERROR_UNKNOWN"; return 0; }
        int cuGetErrorString(int error, const char **text) { *text = "made unusable"; return 0; }
        """,
    )
    return tmp_path / "driver"
