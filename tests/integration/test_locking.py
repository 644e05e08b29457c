"""One run at a time for each folder of outputs, also within one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_resnet.evaluation.providers import ProviderError
from mnist_resnet.storage.artifacts import replacing
from mnist_resnet.storage.lock import LOCK_FILE, LockedError, folder_lock
from tests.integration.conftest import Project

pytestmark = pytest.mark.integration
UNTRACKED = {"tracking": {"enabled": False}}
DATA = {"namespaces": ["squares"], "pipeline_names": ["data"]}
NO_GPU = {"squares": {"evaluation": {"require_gpu": True}}}


@pytest.fixture
def _locked_by_others(squares: Project) -> Iterator[None]:
    with folder_lock(squares.folder / "data"):
        yield


@pytest.mark.usefixtures("_locked_by_others")
def test_a_run_is_refused_before_any_work_and_before_it_is_recorded(squares: Project) -> None:
    with pytest.raises(LockedError, match="Another run is using"):
        squares.run(**DATA)
    assert [path.name for path in (squares.folder / "data").iterdir()] == [LOCK_FILE]
    assert squares.client.get_experiment_by_name("mnist_resnet") is None


@pytest.mark.usefixtures("_locked_by_others")
def test_another_recipe_runs_beside_it(squares: Project) -> None:
    squares.run(UNTRACKED, env="smoke", **DATA)
    assert (squares.folder / "data/recipes/smoke/05_model_input/squares/preprocessing.json").exists()
    assert (squares.folder / "data" / LOCK_FILE).exists()


def test_a_run_that_a_later_hook_refuses_gives_the_lock_back_before_any_work(squares: Project) -> None:
    # After which Kedro calls no other hook.
    with pytest.raises(ProviderError, match=r"evaluation\.require_gpu is true"):
        squares.run(NO_GPU, namespaces=["squares"])
    assert not (squares.folder / "data").exists()
    assert squares.runs() == []


def test_after_an_interrupted_run_the_next_one_of_this_process_is_whole(
    squares: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("mnist_resnet.pipelines.data.nodes.split", _interrupt)
        with pytest.raises(KeyboardInterrupt):  # of which Kedro tells no hook
            squares.run(**DATA)
    assert (squares.folder / "data" / LOCK_FILE).exists()
    squares.run(**DATA)
    assert not (squares.folder / "data" / LOCK_FILE).exists()
    assert [run.info.status for run in squares.runs()] == ["FINISHED", "KILLED"]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_killed_runs_had_begun_to_write_is_removed_but_not_what_others_write(squares: Project) -> None:
    outputs = squares.folder / "data"
    others = [outputs / "06_models/mine", outputs / "recipes/fast/06_models/squares", outputs / "01_raw"]
    folders = [outputs / "06_models/squares", *others]
    contexts = [replacing(folder / "model.keras") for folder in folders]
    for context in contexts:
        context.__enter__().touch()  # as far as a kill lets it come
    squares.run(UNTRACKED, **DATA)
    assert [_hidden(folder) for folder in folders] == [0, 1, 1, 1]


def _hidden(folder: Path) -> int:
    return len(list(folder.glob(".*")))
