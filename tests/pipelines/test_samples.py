"""Some images stand for all: they are of every class, whatever the order of the file."""

from typing import Any

import numpy as np
import pytest

from mnist_resnet.config import DataParameters, ExportParameters
from mnist_resnet.pipelines.data.nodes import plot_prepared_images
from mnist_resnet.pipelines.export.nodes import check_exports
from mnist_resnet.preprocessing import Preprocessing
from tests.conftest import MadeData


class Watched:
    """Images in the order of their classes, each as bright as its label, which say how many of them were read."""

    def __init__(self, labels: np.ndarray) -> None:
        self._labels, self.read = labels, 0

    def __getitem__(self, rows: Any) -> np.ndarray:
        chosen = self._labels[rows]
        self.read += len(chosen)
        return chosen[:, None, None] * np.ones((1, 8, 8), np.uint8)


def test_every_class_of_a_sorted_file_is_in_the_picture_and_no_other_image_is_read(
    made_data: MadeData, preprocessing: Preprocessing, data_parameters: DataParameters
) -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint8), [2000, 3, 1000])
    images: Any = Watched(labels)
    run = {"recipe": "by hand"}
    figure = plot_prepared_images(images, labels, preprocessing, made_data.dataset, data_parameters, run)
    shown = [np.asarray(picture.get_array())[5, 5] for axes in figure.axes for picture in axes.images]
    brightness = np.round(np.array(shown) / preprocessing.scale + preprocessing.mean)
    assert brightness.tolist() == [0] * 8 + [1] * 3 + [2] * 8
    assert images.read == len(shown)


@pytest.mark.parametrize("inverted", [False, True])
def test_images_that_are_dark_on_bright_are_warned_of(
    made_data: MadeData,
    preprocessing: Preprocessing,
    data_parameters: DataParameters,
    caplog: pytest.LogCaptureFixture,
    inverted: bool,
) -> None:
    images, labels = np.zeros((30, 8, 8), np.uint8), np.arange(30, dtype=np.uint8) % 3
    images[:, 3:5, 3:5] = 255
    images = 255 - images if inverted else images
    run = {"recipe": "by hand"}
    plot_prepared_images(images, labels, preprocessing, made_data.dataset, data_parameters, run)
    assert caplog.text.count("Made squares: most images look dark on bright") == inverted


def test_exports_are_checked_on_every_class_of_a_sorted_file(
    export_parameters: ExportParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.repeat(np.arange(4, dtype=np.uint8), 1000)
    images: Any = Watched(labels)
    checked = []

    def remember(network: Any, formats: Any, images: np.ndarray, export: Any) -> dict[str, float]:
        checked.extend(images[:, 0, 0].tolist())
        return {}

    monkeypatch.setattr("mnist_resnet.export.parity_check.check_parity", remember)
    monkeypatch.setattr("mnist_resnet.pipelines.export.nodes.FORMATS", {})
    check_exports(None, images, labels, export_parameters)
    assert np.bincount(checked).tolist() == [64] * 4
