"""The validation split, whose images choices are made by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.storage.arrays import parts
from mnist_resnet.storage.artifacts import sha256_of_pieces

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

    def correct(self, onnx_model: bytes) -> npt.NDArray[np.bool_]:
        """Whether an ONNX file classifies each image correctly, by onnxruntime."""
        session = open_session(onnx_model, self.providers)
        return np.asarray(session.probabilities(self.images, _BATCH_SIZE).argmax(axis=1) == self.labels)

    def robustness(self, onnx_model: bytes, count: int, seed: int) -> Robustness:
        """How an ONNX file does on up to ``count`` of the images, perturbed by ``seed``; see ``measure_robustness``."""
        session = open_session(onnx_model, self.providers)
        classify = partial(session.probabilities, batch_size=_BATCH_SIZE)
        return measure_robustness(classify, self.images, self.labels, count, seed)

    @property
    def digest(self) -> str:
        """The SHA-256 of images and labels."""
        return sha256_of_pieces(part.tobytes() for array in (self.images, self.labels) for part in parts(array))
