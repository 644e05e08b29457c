"""The validation split, whose images choices are made by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import CudaParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness
from mnist_resnet.evaluation.session import Session, open_session
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
        require_gpu: Refuse to run a file on the CPU.
        cuda: How CUDA is to run it; None leaves that to onnxruntime.
    """

    images: UInt8Array
    labels: UInt8Array
    providers: Sequence[str]
    require_gpu: bool = False
    cuda: CudaParameters | None = None

    def open(self, onnx_model: bytes) -> Session:
        """Load an ONNX file as it is run on these images.

        Raises:
            ProviderError: As ``open_session``.
        """
        return open_session(onnx_model, self.providers, self.require_gpu, self.cuda)

    def correct(self, onnx_model: bytes) -> npt.NDArray[np.bool_]:
        """Whether an ONNX file classifies each image correctly, by onnxruntime."""
        session = self.open(onnx_model)
        return np.asarray(session.probabilities(self.images, _BATCH_SIZE).argmax(axis=1) == self.labels)

    def robustness(self, onnx_model: bytes, count: int, seed: int) -> Robustness:
        """How an ONNX file does on up to ``count`` of the images, perturbed by ``seed``; see ``measure_robustness``."""
        classify = partial(self.open(onnx_model).probabilities, batch_size=_BATCH_SIZE)
        return measure_robustness(classify, self.images, self.labels, count, seed)

    @property
    def digest(self) -> str:
        """The SHA-256 of images and labels."""
        return sha256_of_pieces(part.tobytes() for array in (self.images, self.labels) for part in parts(array))
