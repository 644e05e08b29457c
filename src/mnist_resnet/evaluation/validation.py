"""The images that choices are made by: exported files judged on the validation split."""

from dataclasses import dataclass

import numpy as np

from mnist_resnet.artifacts import sha256_of_bytes
from mnist_resnet.config import EvaluationParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import open_session


@dataclass(frozen=True)
class Validation:
    """The validation split, and how exported files are run on it.

    Attributes:
        images: uint8 (images, height, width); possibly none.
        labels: uint8 (images,).
        evaluation: The onnxruntime providers and the batch size.
    """

    images: UInt8Array
    labels: UInt8Array
    evaluation: EvaluationParameters

    def accuracy(self, onnx_model: bytes) -> float:
        """Share of the images that an ONNX file classifies correctly, by onnxruntime; there must be images."""
        session = open_session(onnx_model, self.evaluation.providers)
        predicted = session.probabilities(self.images, self.evaluation.batch_size).argmax(axis=1)
        return float(np.mean(predicted == self.labels))

    @property
    def digest(self) -> str:
        """The SHA-256 of images and labels."""
        return sha256_of_bytes(self.images.tobytes() + self.labels.tobytes())
