"""The worker that reads a chunk, classifies its images and writes its part; one of a pool."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.batch_inference.answer_files import write_part
from mnist_resnet.batch_inference.job import Job
from mnist_resnet.batch_inference.sources.chunks import Chunk, ChunkImages
from mnist_resnet.batch_inference.sources.reading import read_chunk
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.classifier import open_classifier
from mnist_resnet.terminal.printable_text import in_words

ATTEMPTS, MODEL_FILE = ".attempts", ".model.onnx"
_MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class WorkerSettings:
    """All that a worker needs besides the chunks.

    Attributes:
        folder: Of the job, which all workers see; holds the model.
        job: What is done.
        threads: Of onnxruntime, in each worker.
        batch_size: Images in a call.
    """

    folder: Path
    job: Job
    threads: int
    batch_size: int


class Worker:
    """Makes one part after another from chunks.

    Args:
        order: What is done.
    """

    def __init__(self, order: WorkerSettings) -> None:
        self._order = order
        model = (order.folder / MODEL_FILE).read_bytes()
        self._classifier = open_classifier(model, order.job.model, order.threads)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Make the parts of some chunks; called by Ray Data.

        Args:
            batch: ``number`` and ``chunk``, pickled, of each.

        Returns:
            ``number``, ``rows`` done, and the ``error`` that stopped it or an empty text, of each.
        """
        made = [
            self.make(int(number), pickle.loads(chunk))  # noqa: S301  # made by the process that started this one
            for number, chunk in zip(batch["number"], batch["chunk"], strict=True)
        ]
        rows, errors = zip(*made, strict=True)
        return {"number": list(batch["number"]), "rows": list(rows), "error": list(errors)}

    def make(self, number: int, chunk: Chunk) -> tuple[int, str]:
        """Make one part; how many rows are done, and the user's error that hinders it, if any."""
        order = self._order
        try:
            attempt = _begin(order.folder, number, chunk)
            images = read_chunk(chunk, order.job.image_size, order.job.invert, order.job.fit)
            write_part(order.folder, number, images, self.classify(images), order.job)
            _end(order.folder, number, attempt)
        except UserError as error:
            return 0, str(error)
        except Exception as error:  # noqa: BLE001  # such as of a model that takes one image only
            return 0, f"part {number} cannot be made: {in_words(error)}"
        return chunk.rows, ""

    def classify(self, images: ChunkImages) -> npt.NDArray[np.float32]:
        """The probabilities of a chunk's images, float32 (images, classes); there may be none."""
        if not len(images.images):
            return np.zeros((0, len(self._order.job.class_names)), np.float32)
        return self._classifier.session.probabilities(images.images, self._order.batch_size)


class PoisonedChunkError(UserError, RuntimeError):
    """A chunk at which one worker after another has died."""


def _begin(folder: Path, number: int, chunk: Chunk) -> int:
    """Note that a chunk is begun, on the disk, where the note survives this process; the number of the attempt."""
    attempts = folder / ATTEMPTS
    attempts.mkdir(exist_ok=True)
    attempt = 1 + len(list(attempts.glob(f"{number}-*")))
    if attempt > _MOST_ATTEMPTS:
        first, last = chunk.slices[0], chunk.slices[-1]
        raise PoisonedChunkError(
            f"part {number} has ended its worker {_MOST_ATTEMPTS} times; something between {first.path} and "
            f"{last.path} does it, or there is too little memory: try a smaller --rows-per-part, or fewer --workers"
        )
    (attempts / f"{number}-{attempt}").touch()
    return attempt


def _end(folder: Path, number: int, attempt: int) -> None:
    for each in range(1, attempt + 1):
        (folder / ATTEMPTS / f"{number}-{each}").unlink(missing_ok=True)
