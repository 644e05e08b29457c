import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_resnet.computing.cuda_libraries import gpus_hidden

# All that TensorFlow opens; it finds each in the folder of its package, but cuSOLVER's.
OTHERS = ("cudart.so.12", "cublas.so.12", "cublasLt.so.12", "cufft.so.11", "cusparse.so.12", "cudnn.so.9")
# TensorFlow's own check of CUDA's libraries. It gives absl::Status, of which 1 is OK.
CHECK = """
import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path
from mnist_resnet.computing.cuda_libraries import load_cusolver
if "loaded" in sys.argv:
    load_cusolver()
assert "tensorflow" not in sys.modules
framework = Path(find_spec("tensorflow").origin).with_name("libtensorflow_framework.so.2")
check = ctypes.CDLL(str(framework))._ZN3tsl8internal9DsoLoader26MaybeTryDlopenGPULibrariesEv
status = ctypes.c_uint64()
check.restype = None
check(ctypes.byref(status))
print("OK" if status.value == 1 else "missing")
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow uses NVIDIA's GPUs on Linux only")


def checked(folder: Path, driver: Path, *arguments: str) -> str:
    """What TensorFlow says of the libraries in a folder of Python packages, in a new process."""
    environment = os.environ | {"LD_LIBRARY_PATH": f"{folder / 'lib'}:{driver}", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", CHECK, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def packages(make_library, tmp_path: Path) -> Path:
    """A folder as pip leaves it, but for the libraries that TensorFlow finds by itself, which are in ``lib``."""
    for name in OTHERS:
        make_library(tmp_path / "lib", f"lib{name}")
    make_library(tmp_path / "nvidia" / "cusolver" / "lib", "libcusolver.so.11")
    return tmp_path


def test_tensorflow_finds_cusolver_where_pip_has_put_it(packages, driver):
    assert checked(packages, driver, "loaded") == "OK"


@pytest.mark.slow
def test_by_itself_tensorflow_does_not_find_it(packages, driver):
    assert checked(packages, driver) == "missing"


def test_where_it_is_not_installed_nothing_is_loaded(packages, driver):
    (packages / "nvidia" / "cusolver" / "lib" / "libcusolver.so.11").unlink()
    assert checked(packages, driver, "loaded") == "missing"


def test_a_library_that_cannot_be_loaded_is_named(packages, driver):
    library = packages / "nvidia" / "cusolver" / "lib" / "libcusolver.so.11"
    library.write_bytes(b"no library")
    program = "from mnist_resnet.computing.cuda_libraries import load_cusolver\nload_cusolver()"
    environment = os.environ | {"LD_LIBRARY_PATH": str(driver), "PYTHONPATH": str(packages)}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"{library} cannot be loaded, so TensorFlow may find no GPU" in ended.stderr


@pytest.mark.parametrize(
    ("environment", "hidden"),
    [
        ({}, False),
        ({"CUDA_VISIBLE_DEVICES": "0"}, False),
        ({"CUDA_VISIBLE_DEVICES": ""}, True),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, True),
    ],
)
def test_gpus_are_hidden_by_cudas_variable(environment, hidden):
    assert gpus_hidden(environment) == hidden
