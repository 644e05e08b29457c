"""Trainings whose first epochs see smaller images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.epochs import image_placement, small_first
from mnist_resnet.training.network_spec import NetworkSpec
from mnist_resnet.training.runtime import runtime
from tests.conftest import MadeData

Trained = tuple[list[np.ndarray], list[Any]]
SIZE, SMALL = (8, 8), (6, 6)


@pytest.fixture(scope="module")
def trained(
    model_parameters: ModelParameters, preprocessing: Preprocessing, made_data: MadeData, made_split: Split
) -> Callable[..., Trained]:
    """The weights and the history of a training at 8×8 pixels."""
    classes = len(made_data.dataset.class_names)
    resizing = replace(preprocessing, method="resize", size=SIZE)
    spec = NetworkSpec(model_parameters, resizing, made_data.dataset.image_size, classes)

    def trained(parameters: TrainingParameters, checkpoint: Path | None = None) -> Trained:
        with runtime(parameters):
            network, history = spec.train(made_split, parameters, "Made squares", checkpoint)
        return network.get_weights(), [replace(each, seconds=0.0, images_per_second=0.0) for each in history]

    return trained


@pytest.fixture(scope="module")
def three_epochs(training_parameters: TrainingParameters) -> TrainingParameters:
    return replace(training_parameters, epochs=3, small_epochs=2, small_size=SMALL)


@pytest.fixture(scope="module")
def small(trained: Callable[..., Trained], three_epochs: TrainingParameters) -> Trained:
    return trained(three_epochs)


def assert_equal(one: Trained, other: Trained) -> None:
    for left, right in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(left, right)
    assert one[1] == other[1]


@pytest.mark.parametrize(
    "changes", [{"precision": "mixed_float16"}, {"average_decay": 0.5, "optimizer": "adam", "keep_best_epoch": True}]
)
def test_epochs_on_images_of_the_same_size_change_nothing(
    trained: Callable[..., Trained], three_epochs: TrainingParameters, changes: dict[str, Any]
) -> None:
    usual = trained(replace(three_epochs, small_epochs=0, **changes))
    assert_equal(trained(replace(three_epochs, small_size=SIZE, **changes)), usual)


@pytest.mark.landing
def test_nor_do_they_where_the_images_stay_on_the_device(
    trained: Callable[..., Trained], three_epochs: TrainingParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_placement, "gpu_memory", lambda: 10**12)
    changes: dict[str, Any] = {"epochs": 2, "average_decay": 0.5, "precision": "float32"}
    usual = trained(replace(three_epochs, small_epochs=0, **changes))
    assert_equal(trained(replace(three_epochs, small_epochs=1, small_size=SIZE, **changes)), usual)


def test_small_images_change_the_epochs_that_see_them_and_those_behind(
    trained: Callable[..., Trained], three_epochs: TrainingParameters, small: Trained
) -> None:
    usual = trained(replace(three_epochs, small_epochs=0))
    assert [each.epoch for each in small[1]] == [1, 2, 3]
    assert all(one.train_loss != other.train_loss for one, other in zip(usual[1], small[1], strict=True))
    assert small[1][-1].train_loss < small[1][0].train_loss


@pytest.mark.parametrize("done", [1, 2])
def test_a_training_that_is_killed_goes_on_to_the_same_bits_before_and_after_the_images_grow(
    trained: Callable[..., Trained],
    three_epochs: TrainingParameters,
    small: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    done: int,
) -> None:
    class KilledError(Exception):
        pass

    epochs: list[Any] = []
    run = small_first.SmallFirst.run

    def killed(self: Any, *arguments: Any) -> Any:
        if len(epochs) == done:
            raise KilledError
        epochs.append(arguments)
        return run(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(small_first.SmallFirst, "run", killed)
        with pytest.raises(KilledError):
            trained(three_epochs, tmp_path)
    assert_equal(trained(three_epochs, tmp_path), small)


def test_all_epochs_are_validated_on_images_of_full_size(
    model_parameters: ModelParameters,
    preprocessing: Preprocessing,
    made_data: MadeData,
    made_split: Split,
    three_epochs: TrainingParameters,
) -> None:
    classes = len(made_data.dataset.class_names)
    resizing = replace(preprocessing, method="resize", size=SIZE)
    spec = NetworkSpec(model_parameters, resizing, made_data.dataset.image_size, classes)
    parameters = replace(three_epochs, epochs=1, small_epochs=1)
    with runtime(parameters):
        network, (epoch,) = spec.train(made_split, parameters, "Made squares", None)
        shipped, accuracy = network.evaluate(made_split.validation_images, made_split.validation_labels, verbose=0)
    assert (epoch.validation_loss, epoch.validation_accuracy) == pytest.approx((shipped, accuracy), rel=1e-4)


def test_patience_begins_where_the_images_have_grown(
    trained: Callable[..., Trained], three_epochs: TrainingParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter(range(1, 6))
    monkeypatch.setattr(small_first.SmallFirst, "validate", lambda _: (float(next(losses)), 0.5))
    _, history = trained(replace(three_epochs, epochs=5, small_epochs=3, patience=1))
    assert [each.epoch for each in history] == [1, 2, 3, 4]
