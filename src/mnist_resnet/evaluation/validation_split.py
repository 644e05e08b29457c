"""The validation split, whose images choices are made by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np

from mnist_resnet.config import CudaParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.paired import Correct
from mnist_resnet.evaluation.providers import usable_providers
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness
from mnist_resnet.evaluation.session import CLASSIFIED_AT_ONCE, Session, open_session
from mnist_resnet.storage.arrays import parts
from mnist_resnet.storage.artifacts import sha256_of_bytes, sha256_of_pieces

# By the digests of a file and of the images and labels, the provider, and CUDA's settings: a byte for each image.
_known: dict[tuple[str, str, str, CudaParameters | None], Correct] = {}


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

    def by(self, provider: str) -> Self:
        """The same images, on which files are run by one provider and by no other."""
        return replace(self, providers=[provider], require_gpu=False)

    def open(self, onnx_model: bytes, takes_turns: bool = False) -> Session:
        """Load an ONNX file as it is run on these images; ``takes_turns`` is that of ``open_session``.

        Raises:
            ProviderError: As ``open_session``.
        """
        return open_session(onnx_model, self.providers, self.require_gpu, self.cuda, takes_turns=takes_turns)

    def probabilities(self, onnx_model: bytes) -> Probabilities:
        """What an ONNX file answers to the images, by onnxruntime: float32 (images, classes)."""
        return self.open(onnx_model).probabilities(self.images, CLASSIFIED_AT_ONCE)

    def correct(self, onnx_model: bytes) -> Correct:
        """Whether an ONNX file classifies each image correctly, by onnxruntime; it is not asked twice in a process.

        A run needs that of its fp32 file twice: beside the variants, and for the release.
        """
        provider = usable_providers(self.providers, self.require_gpu)[0]
        settings = self.cuda if provider == CUDA_PROVIDER else None
        asked = sha256_of_bytes(onnx_model), self.digest, provider, settings
        if asked not in _known:
            _known[asked] = self.are_correct(self.probabilities(onnx_model))
            _known[asked].setflags(write=False)
        return _known[asked]

    def are_correct(self, probabilities: Probabilities) -> Correct:
        """Whether each answer to the images is right: bool (images,)."""
        return np.asarray(probabilities.argmax(axis=1) == self.labels)

    def robustness(self, onnx_model: bytes, count: int, seed: int, untouched: Correct | None = None) -> Robustness:
        """How an ONNX file does on up to ``count`` of the images, perturbed by ``seed``; see ``measure_robustness``."""
        classify = partial(self.open(onnx_model).probabilities, batch_size=CLASSIFIED_AT_ONCE)
        return measure_robustness(classify, self.images, self.labels, count, seed, untouched)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of images and labels."""
        return sha256_of_pieces(part.tobytes() for array in (self.images, self.labels) for part in parts(array))
