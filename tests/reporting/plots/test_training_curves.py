from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mnist_resnet.reporting.plots import learning_curves
from mnist_resnet.training.events import EpochResult, History
from tests.reporting.plots.conftest import texts


def history(epochs: int) -> History:
    return [
        EpochResult(epoch, 0.1, 2.0 / epoch, 1 - 0.5 / epoch, 2.2 / epoch, 1 - 0.6 / epoch, 3.0, 100.0)
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_learning_curves_show_both_parts_of_both_quantities(epochs):
    entries = history(epochs)
    figure = learning_curves(entries, "Learning")
    read = texts(figure)
    assert {"Learning", "loss", "accuracy", "epoch", "train", "validation"} <= set(read)
    drawn = {
        (axes.get_ylabel(), line.get_label()): (line.get_xdata(), line.get_ydata())
        for axes in figure.axes
        for line in axes.lines
    }
    assert len(drawn) == 4
    for (quantity, part), (places, values) in drawn.items():
        np.testing.assert_array_equal(places, np.arange(1, epochs + 1))
        np.testing.assert_array_equal(values, [getattr(entry, f"{part}_{quantity}") for entry in entries])
        assert any(f"{values[-1]:.4f}" in text for text in read)


@pytest.mark.parametrize("epochs", [1, 4, 34, 300])
def test_epochs_are_whole_numbers_that_do_not_touch(epochs):
    figure = learning_curves(history(epochs), "Learning")
    figure.draw_without_rendering()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        labels = [each for each in axes.get_xticklabels() if low <= each.get_position()[0] <= high]
        assert [each.get_text() for each in labels] == [str(int(each.get_position()[0])) for each in labels]
        boxes = [each.get_window_extent() for each in labels]
        assert labels
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_learning_curves_without_validation_images_show_the_training_alone():
    entries = [replace(entry, validation_loss=None, validation_accuracy=None) for entry in history(3)]
    figure = learning_curves(entries, "Learning")
    read = texts(figure)
    assert {"loss", "accuracy", "train"} <= set(read)
    assert not any("validation" in text or "None" in text for text in read)
    assert {f"in the end {getattr(entries[-1], key):.4f}" for key in ("train_loss", "train_accuracy")} <= set(read)
    assert [(axes.get_ylabel(), line.get_label()) for axes in figure.axes for line in axes.lines] == [
        ("loss", "train"),
        ("accuracy", "train"),
    ]
