from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from mnist_resnet.data.split import Split
from mnist_resnet.storage import disk_space as storage
from mnist_resnet.storage.disk_space import StorageError
from mnist_resnet.training import fit
from mnist_resnet.training.checkpoint import Checkpoints, TrainingState
from mnist_resnet.training.disk_need import require_space_for
from mnist_resnet.training.optimizers import build_optimizer

FREE = 85_000_000


@pytest.fixture
def network() -> keras.Model:
    """1,000 · 1,000 + 1,000 weights: four megabytes."""
    image = keras.Input((1000,))
    return keras.Model(image, keras.layers.Dense(1000)(image), name="dense")


@pytest.fixture
def ask(network, training_parameters):
    """Ask for the room of a training that keeps its checkpoint in a folder, with other parameters than usual."""

    def ask(checkpoint: Path, **changes: Any) -> None:
        parameters = replace(training_parameters, **changes)
        optimizer = build_optimizer(10, parameters)
        optimizer.build(network.trainable_variables)
        require_space_for(network, optimizer, parameters.keep_best_epoch, checkpoint)

    return ask


@pytest.fixture
def little_room(monkeypatch):
    """85 MB are free on every disk, as on one that is nearly full."""
    usage = storage.shutil.disk_usage("/")._replace(free=FREE)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)


def test_a_training_that_fits_is_allowed(ask, tmp_path):
    ask(tmp_path / "checkpoint")


def test_one_that_does_not_is_refused_with_its_needs(ask, tmp_path, little_room):
    with pytest.raises(StorageError) as refused:
        ask(tmp_path / "models" / "checkpoint")
    message = str(refused.value)
    # Ten models of four megabytes and fifty for the rest; eight models among temporary files.
    assert message.startswith(
        f"Training dense and exporting it needs about 90.0 MB in {tmp_path}/models and 32.0 MB in /"
    )
    assert "but 85.0 MB are free there; make room first" in message


def test_nothing_is_trained_or_written_where_there_is_no_room(
    model_parameters, preprocessing, training_parameters, made_split: Split, tmp_path, monkeypatch
):
    from mnist_resnet.models.resnet import build_network

    usage = storage.shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: usage)
    network = build_network(model_parameters, preprocessing, (8, 8), 3)
    before = [array.copy() for array in network.get_weights()]
    with pytest.raises(StorageError, match="Training resnet_tiny and exporting it needs about"):
        fit.train(network, made_split, training_parameters, "Made squares", tmp_path / "checkpoint")
    assert all((array == old).all() for array, old in zip(network.get_weights(), before, strict=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "adam"}, {"optimizer": "adam", "average_decay": 0.9, "keep_best_epoch": True}]
)
def test_two_checkpoints_fit_into_the_estimate(network, ask, training_parameters, tmp_path, monkeypatch, changes):
    parameters = replace(training_parameters, **changes)
    network.compile(optimizer=build_optimizer(10, parameters), loss="mse")
    network.optimizer.build(network.trainable_variables)
    best = network.get_weights() if parameters.keep_best_epoch else None
    Checkpoints(tmp_path / "checkpoint", "identity").save(network, TrainingState(best=best))
    size = sum(file.stat().st_size for file in (tmp_path / "checkpoint").iterdir())
    asked = {}
    monkeypatch.setattr("mnist_resnet.training.disk_need.require_space", lambda _, needs: asked.update(needs))
    ask(tmp_path / "checkpoint", **changes)
    assert asked[tmp_path] > 2 * size


def test_what_an_earlier_run_has_left_is_not_asked_for_again(ask, tmp_path, little_room):
    (tmp_path / "model.keras").write_bytes(bytes(8_000_000))
    # Without it, 90 and 32 MB would be needed of the 85; see above.
    with pytest.raises(StorageError, match=r"needs about 82\.0 MB in .* and 32\.0 MB in "):
        ask(tmp_path / "checkpoint")
