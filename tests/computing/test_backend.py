import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, recipe_parameters

SOURCE = PROJECT / "src" / "mnist_resnet"
# Their own file imports the backend before any module in them.
PREPARED_PACKAGES = ("models", "export")
OTHER_PROJECTS = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}
BUILD = """
import json
import os
import sys
before = dict(os.environ)
from mnist_resnet.config import ModelParameters
from mnist_resnet.training.batches import Batches
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.computing.backend import keras
after = dict(os.environ)  # libraries add variables of their own, unless they were imported where this was started
changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
assert not {name for name in changed if name in before or name.startswith("KERAS_")}, changed
parameters = ModelParameters(**json.loads(sys.argv[1]))
network = build_network(parameters, Preprocessing("pad", (12, 12), 50.0, 0.02), (8, 8), 3)
config = keras.config
print(config.backend(), config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy().name)
print(network.get_layer("pad").output.shape, network.get_layer("stem_conv").kernel.shape)
"""
AS_NEEDED = "tensorflow float32 1e-07 channels_last float32\n(None, 12, 12, 1) (3, 3, 1, 16)\n"


def built(before: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """What a new process says of Keras and a network, with no other variables for Keras than these."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    parameters = recipe_parameters("base")["mnist"]["model"] | {"architecture": "resnet_tiny", "stem": "3x3"}
    command = [sys.executable, "-c", before + BUILD, json.dumps(parameters)]
    return subprocess.run(command, env=others | variables, capture_output=True, text=True, check=False)


def write_settings(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / "keras.json").write_text(content)


@pytest.mark.landing
def test_on_jax_keras_imports_tensorflow_to_describe_a_layer_but_its_chatter_is_not_shown() -> None:
    described = (
        "from mnist_resnet.computing.backend import keras\nprint(keras.layers.Reshape((1,)).get_config()['name'])"
    )
    command = [sys.executable, "-c", described]
    ended = subprocess.run(
        command, env=os.environ | {"KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("reshape\n", "")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({**OTHER_PROJECTS, "backend": "jax"}, id="jax", marks=pytest.mark.landing),
        pytest.param({"floatx": "float8"}, id="wrong", marks=pytest.mark.slow),
    ],
)
def test_the_users_settings_of_keras_are_neither_followed_nor_changed(tmp_path: Path, settings: dict) -> None:
    content = json.dumps(settings)
    write_settings(tmp_path / ".keras", content)
    ended = built(HOME=str(tmp_path), KERAS_MAX_STEPS_PER_EPOCH="x")
    assert (ended.stdout, ended.stderr) == (AS_NEEDED, "")
    assert (tmp_path / ".keras" / "keras.json").read_text() == content


@pytest.mark.slow
@pytest.mark.parametrize("data_type", ["float16", "float64", "bfloat16"])
@pytest.mark.parametrize("backend", ["torch", "jax", "unknown", "tensorflow"])
def test_no_settings_of_keras_are_followed(tmp_path: Path, data_type: str, backend: str) -> None:
    write_settings(tmp_path / "keras", json.dumps({**OTHER_PROJECTS, "floatx": data_type, "backend": backend}))
    ended = built(KERAS_HOME=str(tmp_path / "keras"))
    assert (ended.stdout, ended.stderr) == (AS_NEEDED, "")


@pytest.mark.slow
def test_settings_that_keras_has_read_before_are_overruled(tmp_path: Path) -> None:
    write_settings(tmp_path / "keras", json.dumps(OTHER_PROJECTS))
    before = "import keras\nassert keras.config.floatx() == 'float16'\n"
    ended = built(before, KERAS_HOME=str(tmp_path / "keras"), TF_CPP_MIN_LOG_LEVEL="3")
    assert ended.stdout == AS_NEEDED


@pytest.mark.slow
@pytest.mark.parametrize("mode", [None, 0o555])
def test_a_home_that_is_missing_or_read_only_is_no_matter(tmp_path: Path, mode: int | None) -> None:
    home = tmp_path / "home"
    if mode is not None:
        home.mkdir(mode)
    ended = built(HOME=str(home))
    assert (ended.stdout, ended.stderr) == (AS_NEEDED, "")
    assert not (home / ".keras").exists()


def test_a_backend_that_is_not_known_is_refused_before_keras_is_imported() -> None:
    program = (
        "import sys\n"
        "try:\n    import mnist_resnet.models.resnet\n"
        "except Exception as error:\n    print(type(error).__name__, error, 'keras' in sys.modules)"
    )
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("BackendError KERAS_BACKEND: received 'torch', but this project runs on tensorflow")
    assert ended.stdout.endswith("False\n")


def test_keras_is_only_imported_by_way_of_the_backend() -> None:
    direct = [
        f"{path.relative_to(SOURCE)}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] not in PREPARED_PACKAGES
        for name in _imported_at_the_top(path)
        if name.split(".")[0] in {"keras", "tensorflow"}
    ]
    assert direct == []
    for package in PREPARED_PACKAGES:
        assert "mnist_resnet.computing.backend" in _imported_at_the_top(SOURCE / package / "__init__.py")


def _imported_at_the_top(path: Path) -> list[str]:
    """The modules that a module imports when it is imported itself."""
    names = []
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Import):
            names += [each.name for each in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            names.append(statement.module or "")
    return names
