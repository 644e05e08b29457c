"""The published files and the split at an address instead of a folder of the project."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from mnist_resnet.storage.addresses import Address
from tests.conftest import flip_a_bit
from tests.integration.conftest import Planner, Project, times_of

pytestmark = pytest.mark.integration

UNTRACKED = {"tracking": {"enabled": False}}
SHARDED = {**UNTRACKED, "squares": {"data": {"shard_images": 50}, "training": {"shuffle_shards": 2}}}


@pytest.fixture
def root() -> str:
    """A folder at an address within this process."""
    return f"memory://{uuid4()}"


@pytest.fixture
def placed(squares: Project, root: str) -> Project:
    """The project with data at the address."""
    return place(squares, root)


def place(project: Project, root: str) -> Project:
    names = {"recipe": "base", "outputs": "data", "raw": f"{root}/raw", "model_input": f"{root}/split"}
    (project.folder / "conf/local/globals.yml").write_text(yaml.safe_dump(names))
    return project


def planned(project: Project, params: dict) -> set[str]:
    planner = Planner()
    project.run(params, namespaces=["squares"], pipeline_names=["data"], only_missing_outputs=True, runner=planner)
    return planner.planned


@pytest.mark.parametrize("params", [UNTRACKED, SHARDED], ids=["arrays", "shards"])
def test_a_run_has_its_data_at_an_address(placed: Project, root: str, tmp_path: Path, params: dict) -> None:
    placed.run(params, namespaces=["squares"], pipeline_names=["data"])
    raw, split = Address(f"{root}/raw/squares"), Address(f"{root}/split/base/05_model_input/squares")
    assert len(raw.sizes()) == 4
    assert {"train_labels.npy", "preprocessing.json", "test_images.npy"} < split.sizes().keys()
    assert ("train_images.npy" in split.sizes()) == (params is UNTRACKED)
    assert (split / "train_images/index.json").exists() == (params is SHARDED)
    folders = {each.name for each in (tmp_path / "data").iterdir()}
    assert folders == {"copies", "08_reporting", "fingerprints"}
    # What is there is used; what is removed there is made again, though its copy is here.
    assert planned(placed, params) == set()
    if params is SHARDED:
        placed.run(params, namespaces=["squares"], pipeline_names=["train"])
    (split / "validation_images.npy").remove()
    assert "split" in planned(placed, params)


def test_another_project_uses_the_files_that_are_there(placed: Project, root: str, monkeypatch) -> None:
    placed.run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    shutil.rmtree(placed.folder / "data")
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(placed.folder / "nothing"))
    before = Address(f"{root}/raw/squares/train-images-idx3-ubyte").version()
    placed.run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    assert Address(f"{root}/raw/squares/train-images-idx3-ubyte").version() == before


def test_a_damaged_copy_is_fetched_again(placed: Project) -> None:
    placed.run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    (copy,) = (placed.folder / "data/copies").rglob("train_images.npy")
    content = copy.read_bytes()
    flip_a_bit(copy)
    assert planned(placed, UNTRACKED) == set()
    assert copy.read_bytes() == content


def test_the_split_is_the_same_in_a_folder_and_at_an_address(squares: Project, root: str) -> None:
    squares.run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    place(squares, root).run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    local = squares.folder / "data/05_model_input/squares"
    there = Address(f"{root}/split/base/05_model_input/squares")
    assert there.sizes().keys() == {each.name for each in local.iterdir()}
    for file in local.iterdir():
        assert (there / file.name).read() == file.read_bytes()


def test_what_is_recorded_is_where_the_data_are(placed: Project, root: str) -> None:
    placed.run(namespaces=["squares"], pipeline_names=["data"])
    (run,) = placed.runs()
    provenance = json.loads(placed.recorded(run.info.run_id, "provenance.json").read_text())
    filed = provenance["catalog"]["squares.published_images"]["filepath"]
    assert filed == f"{root}/raw/squares/train-images-idx3-ubyte"
    assert set(provenance["namespaces"]["squares"]["split"]) >= {"train_images", "test_labels"}
    assert placed.recorded(run.info.run_id, "squares/preprocessing.json").is_file()


def test_kedro_viz_previews_what_is_at_an_address(placed: Project) -> None:
    placed.run(UNTRACKED, namespaces=["squares"], pipeline_names=["data"])
    bootstrap_project(placed.folder)
    with KedroSession.create(placed.folder, save_on_close=False) as session:
        preprocessing = session.load_context().catalog.get("squares.preprocessing")
        assert json.loads(preprocessing.preview())["size"] == [12, 12]


def wrong_scheme(_: str) -> str:
    return "nowhere://bucket"


def without_client(_: str) -> str:
    return "gs://bucket"


@pytest.mark.parametrize(
    ("root_of", "said"),
    [(wrong_scheme, "fsspec knows no addresses that begin with nowhere://"), (without_client, "pip install gcsfs")],
)
def test_an_address_that_cannot_be_used_is_one_line(squares: Project, root_of: Callable[[str], str], said: str) -> None:
    ended = place(squares, root_of("")).kedro("run", "--namespaces", "squares", "--pipelines", "data")
    assert ended.returncode != 0
    (line,) = [line for line in ended.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: globals.raw: received")
    assert said in line


def test_an_address_of_another_file_system_works_across_processes(squares: Project, tmp_path: Path) -> None:
    placed = place(squares, f"local://{tmp_path}/elsewhere")
    asked = ("run", "--namespaces", "squares", "--pipelines", "data", "--params", "tracking.enabled=false")
    ended = placed.kedro(*asked)
    assert ended.returncode == 0, ended.stderr
    split = tmp_path / "elsewhere/split/base/05_model_input/squares"
    assert np.load(split / "train_images.npy").shape == (192, 8, 8)
    assert not [each.name for each in split.iterdir() if each.name.startswith(".")]
    before = times_of(tmp_path / "elsewhere")
    assert placed.kedro(*asked, "--only-missing-outputs").returncode == 0
    assert times_of(tmp_path / "elsewhere") == before
