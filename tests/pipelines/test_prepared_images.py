"""The picture of the prepared images shows every class, whatever the order of the file."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_resnet.config import DataParameters
from mnist_resnet.pipelines.data.nodes import plot_prepared_images
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


def test_every_class_of_a_sorted_file_is_shown_and_no_other_image_is_read(
    made_data: MadeData, preprocessing: Preprocessing, data_parameters: DataParameters
) -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint8), [2000, 3, 1000])
    images: Any = Watched(labels)
    run = {"recipe": "by hand"}
    figure = plot_prepared_images(images, labels, asdict(preprocessing), made_data.dataset, data_parameters, run)
    shown = [np.asarray(picture.get_array())[5, 5] for axes in figure.axes for picture in axes.images]
    brightness = np.round(np.array(shown) / preprocessing.scale + preprocessing.mean)
    assert brightness.tolist() == [0] * 8 + [1] * 3 + [2] * 8
    assert images.read == len(shown)
