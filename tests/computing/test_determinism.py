import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorflow.python.framework import config

from mnist_resnet.computing.determinism import are_deterministic, deterministic_operations
from tests.integration.conftest import make_project

# XLA reads its flags once and ends the process at one that it does not know, which shows when it reads them.
BY_JAX = """
import logging
import os
import sys
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
logging.getLogger("mnist_resnet").setLevel(logging.INFO)
import jax
from mnist_resnet.computing import determinism
for asked in map(eval, sys.argv[1:]):
    if asked is None:
        jax.devices()
        continue
    with determinism.deterministic_operations(asked):
        print("within", os.environ.get("XLA_FLAGS"))
    print("after", os.environ.get("XLA_FLAGS"))
"""


def by_jax(driver: Path, *asked: bool | None, flags: str | None = None, pretended: str = "") -> list[str]:
    """What a process says that trains by JAX, where None stands for a start of JAX by somebody else."""
    variables = {"KERAS_BACKEND": "jax", "LD_LIBRARY_PATH": str(driver)}
    variables |= {} if flags is None else {"XLA_FLAGS": flags}
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | variables
    command = [sys.executable, "-c", BY_JAX.replace("import jax\n", f"import jax\n{pretended}"), *map(str, asked)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_tensorflow_is_deterministic_within_the_block_only() -> None:
    with deterministic_operations(asked=True):
        assert are_deterministic()
        with deterministic_operations(asked=True):
            pass
        assert are_deterministic()
    assert not are_deterministic()
    with deterministic_operations(asked=False):
        assert not are_deterministic()


def test_determinism_of_somebody_else_stays() -> None:
    config.enable_op_determinism()
    try:
        with deterministic_operations(asked=True):
            pass
        assert are_deterministic()
    finally:
        config.disable_op_determinism()


def test_it_is_switched_off_after_an_error() -> None:
    with pytest.raises(KeyError), deterministic_operations(asked=True):
        raise KeyError
    assert not are_deterministic()


FLAG = "--xla_gpu_deterministic_ops=true"
GPU = "from types import SimpleNamespace\njax_devices = jax.devices\n" + (
    "jax.devices = lambda: jax_devices() and [SimpleNamespace(platform='gpu')]\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "asked", "within"),
    [
        (None, True, FLAG),
        (None, False, None),
        ("--xla_cpu_enable_fast_math=false", True, f"--xla_cpu_enable_fast_math=false {FLAG}"),
        ("--xla_gpu_deterministic_ops=false", True, "--xla_gpu_deterministic_ops=false"),
    ],
)
def test_jax_starts_with_its_flag_which_is_put_back(driver: Path, flags, asked, within) -> None:
    assert by_jax(driver, asked, flags=flags) == [f"within {within}", f"after {flags}"]


@pytest.mark.slow
def test_what_jax_has_started_without_is_told_to_be_missing(driver: Path) -> None:
    told = by_jax(driver, None, True, pretended=GPU)
    assert told[0].startswith("WARNING training.deterministic: received true, but JAX has started without ")
    assert told[1:] == ["within None", "after None"]


@pytest.mark.slow
def test_what_jax_has_started_with_holds_for_the_process(driver: Path) -> None:
    told = by_jax(driver, True, False, pretended=GPU)
    assert told[:2] == [f"within {FLAG}", "after None"]
    assert told[2].startswith("INFO training.deterministic: received false, but JAX has started with ")


# A package of jax_plugins adds devices to JAX, which asks each for them when it starts.
NOTES_STARTS = """
import os
from pathlib import Path

def initialize(noted=Path(__file__).with_name("starts")):
    with noted.open("a") as file:
        file.write(os.environ.get("XLA_FLAGS", "nothing") + "\\n")
"""


@pytest.mark.landing
def test_a_run_starts_jax_with_the_flag_although_it_draws_images_before_it_trains(
    driver: Path, tmp_path: Path, made_data, empty_store
) -> None:
    plugin = tmp_path / "packages" / "jax_plugins" / "noting"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(NOTES_STARTS)
    project = make_project(tmp_path / "project", made_data, empty_store)
    made_data.write(project.folder / "data/01_raw/squares")
    packages = str(tmp_path / "packages")
    variables = {"KERAS_BACKEND": "jax", "LD_LIBRARY_PATH": str(driver), "PYTHONPATH": packages}
    ended = project.kedro("run", "--namespaces", "squares", "--pipelines", "data,train", **variables)
    assert ended.returncode == 0, ended.stderr
    assert (plugin / "starts").read_text().splitlines()[0] == FLAG
