import mlflow
import pytest

from mnist_resnet.evaluation.champion import Champion, Decision, NoChampion, Release
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.offline.spool import read_spool
from mnist_resnet.tracking.registry import RegisterCandidate
from mnist_resnet.tracking.registry_datasets import ChampionDataset, ReleaseDataset
from mnist_resnet.tracking.tracked_run import TrackedRun
from tests.made_model import CLASS_NAMES, bright_half, halves_model, linear_model

MODEL = halves_model()
WINNER = Release(Decision(True, "it wins"), sha256_of_bytes(MODEL), {"test_accuracy": "1.0"})


@pytest.fixture
def entries(project, open_run):
    """Open a run; answers it with the two entries, which use it."""

    def entries(offline: bool = False) -> tuple[TrackedRun, ChampionDataset, ReleaseDataset]:
        champion = ChampionDataset(model="squares")
        release = ReleaseDataset(filepath=str(project / "release.json"), model="squares")
        champion.run = release.run = open_run(offline=offline)
        return champion.run, champion, release

    return entries


def undecided(reason: str) -> dict[str, object]:
    return {"model": "squares", "version": None, "champion": False, "reason": reason}


def test_a_release_that_is_saved_is_registered_and_crowned_and_then_loaded_as_champion(entries):
    run, champion, release = entries()
    run.log_model(LoggedModel("squares", MODEL, bright_half("left")[None], CLASS_NAMES, ("CPUExecutionProvider",)))
    assert champion.load() is NoChampion.NONE
    release.save(WINNER)
    decided = {"model": "squares", "version": "1", "champion": True}
    assert release.load() == decided | {"reason": "it wins", "champion_before": None, "contest": {}}
    assert champion.load() == Champion("1", MODEL)
    assert mlflow.MlflowClient().get_model_version("squares", "1").tags.items() >= WINNER.tags.items()
    release.save(Release(Decision(False, "no better"), WINNER.onnx_sha256, champion_before="1"))
    assert release.load() == decided | {"reason": "it is the champion already"}


@pytest.mark.parametrize(("before", "crowned"), [(None, False), ("9", False), ("1", True)])
def test_no_model_takes_the_place_of_a_champion_that_it_was_not_compared_with(entries, before, crowned):
    run, champion, release = entries()
    models = [MODEL, linear_model()]
    for model in models:
        run.log_model(LoggedModel("squares", model, bright_half("left")[None], CLASS_NAMES, ("CPUExecutionProvider",)))
    release.save(WINNER)
    release.save(Release(Decision(True, "it wins"), sha256_of_bytes(models[1]), champion_before=before))
    outcome = release.load()
    assert (outcome["version"], outcome["champion"]) == ("2", crowned)
    assert champion.load().version == ("2" if crowned else "1")
    assert crowned or outcome["reason"].startswith("version 1, with which it was not compared, became champion")


def test_a_file_that_was_never_recorded_is_not_registered(entries):
    _, _, release = entries()
    release.save(WINNER)
    assert "no run of this experiment recorded this file" in release.load()["reason"]
    assert mlflow.MlflowClient().search_registered_models() == []


def test_without_a_registry_the_release_is_kept_for_later(entries):
    run, champion, release = entries(offline=True)
    assert champion.load() is NoChampion.AWAY
    release.save(WINNER)
    assert release.load() == undecided(release.load()["reason"])
    assert "kedro sync-tracking" in release.load()["reason"]
    *_, kept = read_spool(run.recorder.spool_folder)[1]
    assert isinstance(kept, RegisterCandidate)
    assert (kept.name, kept.onnx_sha256, kept.tags) == ("squares", WINNER.onnx_sha256, WINNER.tags)


def test_without_an_open_run_nothing_is_registered(tmp_path):
    assert ChampionDataset(model="squares").load() is NoChampion.UNUSED
    release = ReleaseDataset(filepath=str(tmp_path / "release.json"), model="squares")
    release.save(WINNER)
    assert release.load() == undecided("nothing is registered in this run")
