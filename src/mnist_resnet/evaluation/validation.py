"""The images that choices are made by: exported files judged on the validation split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_resnet.arrays import parts
from mnist_resnet.artifacts import sha256_of_pieces
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import open_session

_BATCH_SIZE = 256


@dataclass(frozen=True)
class Validation:
    """The validation split, and how exported files are run on it.

    Attributes:
        images: uint8 (images, height, width); possibly none.
        labels: uint8 (images,).
        providers: onnxruntime provider names, in order of preference.
    """

    images: UInt8Array
    labels: UInt8Array
    providers: Sequence[str]

    def accuracy(self, onnx_model: bytes) -> float:
        """Share of the images that an ONNX file classifies correctly, by onnxruntime; there must be images."""
        session = open_session(onnx_model, self.providers)
        predicted = session.probabilities(self.images, _BATCH_SIZE).argmax(axis=1)
        return float(np.mean(predicted == self.labels))

    @property
    def digest(self) -> str:
        """The SHA-256 of images and labels."""
        return sha256_of_pieces(part.tobytes() for array in (self.images, self.labels) for part in parts(array))
