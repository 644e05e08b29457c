"""Data that trials share: prepared once for all that need the same, and linked into their outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.cli.run import run
from mnist_resnet.config import flatten
from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.shared_data import PreparationError, SharedData
from tests.sweep.made_results import RATE, SEED
from tests.sweep.test_plan import PLAN

FILES = ("05_model_input/mnist/train_images.npy", "08_reporting/mnist/prepared_images.png", "fingerprints/data.json")


class MadePipelines:
    """Stands for the process that prepares data: writes its files, or fails with a message."""

    def __init__(self, message: str = "") -> None:
        self.message = message
        self.params: list[Mapping[str, Any]] = []

    def __call__(self, project, command: Sequence[str], outputs: Path, cpus: int, log: Path, variables) -> int:
        self.params.append(flatten(run.make_context("run", list(command[1:])).params["params"]))
        log.write_text(self.message)
        for name in (*FILES, "fingerprints/run.lock", "06_models/mnist/model.keras"):
            (outputs / name).parent.mkdir(parents=True, exist_ok=True)
            (outputs / name).write_text(f"{len(self.params)}")
        return 1 if self.message else 0


def shared(tmp_path: Path, pipelines: MadePipelines) -> SharedData:
    folder = tmp_path / "data/sweeps/abc"
    return SharedData(replace(PLAN, params={"mnist.training.epochs": 1}), tmp_path, folder, run=pipelines)


def test_trials_that_differ_in_training_alone_have_links_to_the_same_files(tmp_path: Path) -> None:
    pipelines = MadePipelines()
    data = shared(tmp_path, pipelines)
    for number in range(2):
        data.give(Trial(number, {RATE: 0.1, SEED: number}), tmp_path / f"{number}")
    assert pipelines.params == [{"mnist.training.epochs": 1, "tracking.enabled": False}]
    for name in FILES:
        assert (tmp_path / "0" / name).samefile(tmp_path / "1" / name)
    assert not (tmp_path / "0/06_models").exists()
    assert not (tmp_path / "0/fingerprints/run.lock").exists()


def test_other_data_and_preprocessing_are_prepared_anew(tmp_path: Path) -> None:
    pipelines = MadePipelines()
    data = shared(tmp_path, pipelines)
    varied = [{"mnist.preprocessing.size": size, SEED: seed} for size in ([28, 28], [32, 32]) for seed in (0, 1)]
    for number, overrides in enumerate(varied):
        data.give(Trial(number, overrides), tmp_path / f"{number}")
    assert [params["mnist.preprocessing.size"] for params in pipelines.params] == [[28, 28], [32, 32]]
    assert SEED not in pipelines.params[0]
    assert [(tmp_path / f"{number}" / FILES[0]).read_text() for number in range(4)] == ["1", "1", "2", "2"]


def test_what_a_trial_has_already_stays(tmp_path: Path) -> None:
    own = tmp_path / "0" / FILES[0]
    own.parent.mkdir(parents=True)
    own.write_text("own")
    shared(tmp_path, MadePipelines()).give(Trial(0, {SEED: 0}), tmp_path / "0")
    assert own.read_text() == "own"


def test_where_there_are_no_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    shared(tmp_path, MadePipelines()).give(Trial(0, {SEED: 0}), tmp_path / "0")
    assert (tmp_path / "0" / FILES[0]).read_text() == "1"


def test_a_failure_is_told_to_all_trials_that_need_the_same_and_not_tried_again(tmp_path: Path) -> None:
    pipelines = MadePipelines("12:00:00 Fetching\nError: mnist could not be fetched from any source\n\n")
    data = shared(tmp_path, pipelines)
    for number in range(2):
        with pytest.raises(PreparationError) as raised:
            data.give(Trial(number, {SEED: number}), tmp_path / f"{number}")
        said = str(raised.value)
        assert said.startswith("the data could not be prepared: mnist could not be fetched from any source; see data/")
        assert (tmp_path / said.rpartition("see ")[2]).read_text() == pipelines.message
    assert len(pipelines.params) == 1


def test_a_sweep_that_goes_on_has_them_in_the_same_place(tmp_path: Path) -> None:
    for number in range(2):
        shared(tmp_path, MadePipelines()).give(Trial(number, {SEED: number}), tmp_path / f"{number}")
    assert len(list((tmp_path / "data/sweeps/abc").iterdir())) == 1
