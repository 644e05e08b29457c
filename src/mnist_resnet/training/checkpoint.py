"""Checkpoints of a training, written after an epoch, whole or not at all, from which it goes on after a kill."""

import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import WITHOUT_INFLUENCE, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.artifacts import replacing, sha256_of_bytes, sha256_of_path
from mnist_resnet.storage.digests import digest_of_array
from mnist_resnet.storage.json_records import write_json
from mnist_resnet.storage.shards import Shards
from mnist_resnet.training.events import EpochResult, TrainingDevice
from mnist_resnet.training.trainee import Arrays, TraineeValues, set_values, values_of

logger = logging.getLogger(__name__)

_RECORD, _ARRAYS = "training.json", "arrays_{epochs}.npz"


@dataclass
class TrainingState:
    """How far a training is: one result for each epoch that ended, and the best weights so far.

    Data order and augmentation are pure functions of seed and epoch, so no random state belongs here.
    """

    history: list[EpochResult] = field(default_factory=list)
    best: Arrays | None = None


def identity(network: keras.Model, split: Split, parameters: TrainingParameters, device: TrainingDevice) -> str:
    """A digest of what decides a training, but for this package's code.

    That is the network, the parameters, the data, how the device computes, and the versions of Keras and its backend.
    """
    arrays = {name: digest_of_array(array) for name, array in split._asdict().items()}
    chosen = {name: value for name, value in asdict(parameters).items() if f"training.{name}" not in WITHOUT_INFLUENCE}
    computed = [device.kind, device.backend, device.precision, device.tf32, device.deterministic, device.count]
    decisive: dict[str, Any] = {
        "network": network.to_json(),
        "parameters": chosen,
        "arrays": arrays,
        "device": computed,
        "versions": [keras.version(), sys.modules[keras.backend.backend()].__version__],
    }
    if isinstance(split.train_images, Shards):  # which decide the order of the images
        decisive["shards"] = list(split.train_images.counts)
    return sha256_of_bytes(json.dumps(decisive, sort_keys=True).encode())


class Checkpoints:
    """The last checkpoint of one training, in a folder of its own.

    Args:
        folder: Where it is kept.
        identity: Of the training; a checkpoint of another one is never used.
        seconds: The least time from the start of the training, or from the end of writing, to what is due next.
        clock: Tells the time in seconds.
        writes: Whether this process writes them; of a training on several hosts, one does, and all read.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        *,
        writes: bool = True,
    ) -> None:
        self._folder, self.identity, self._seconds, self._clock = folder, identity, seconds, clock
        self._writes = writes
        self._due = clock() + seconds

    def save_if_due(self, trainee: keras.Model, state: TrainingState) -> None:
        """Save an epoch, unless the last one that was saved is recent."""
        if self._writes and self._clock() >= self._due:
            self.save(trainee, state)
            self._due = self._clock() + self._seconds

    def save(self, trainee: keras.Model, state: TrainingState) -> None:
        """Write weights, optimizer and state in place of the checkpoint before.

        Args:
            trainee: As ``build_trainee`` makes it.
            state: How far it is.
        """
        groups = {**values_of(trainee)._asdict(), "best": state.best or []}
        arrays = {f"{group}/{place}": array for group, members in groups.items() for place, array in enumerate(members)}
        # Whenever the process is killed, the record names arrays that are there, whole.
        name = _ARRAYS.format(epochs=len(state.history))
        with replacing(self._folder / name) as temporary:
            np.savez(temporary, **arrays)
            digest = sha256_of_path(temporary)
        record = {"identity": self.identity, "arrays": name, "arrays_sha256": digest, "history": state.history}
        write_json(self._folder / _RECORD, record, indent=1)
        for earlier in self._folder.glob(_ARRAYS.format(epochs="*")):
            if earlier.name != name:
                earlier.unlink()

    def restore(self, trainee: keras.Model) -> TrainingState:
        """Bring a training to where its checkpoint was written.

        Args:
            trainee: As ``build_trainee`` makes it; its weights and its optimizer's values are overwritten.

        Returns:
            The stored state; an empty one if there is no checkpoint of this training, whole and undamaged.
        """
        stored = self._stored()
        if stored is None:
            return TrainingState()
        history, path = stored
        with np.load(path, allow_pickle=False) as arrays:
            set_values(trainee, TraineeValues(_group(arrays, "weights"), _group(arrays, "optimizer")))
            return TrainingState(history, _group(arrays, "best") or None)

    def _stored(self) -> tuple[list[EpochResult], Path] | None:
        """The history and the path of the arrays."""
        if not (self._folder / _RECORD).exists():
            return None
        try:
            record = json.loads((self._folder / _RECORD).read_text(encoding="utf-8"))
            if record["identity"] != self.identity:
                logger.info(
                    "The checkpoint in %s belongs to another training; starting from the first epoch", self._folder
                )
                return None
            path = self._folder / record["arrays"]
            if record["arrays_sha256"] != sha256_of_path(path):
                raise ValueError(f"the SHA-256 of {path.name} is not the recorded one")
            return [EpochResult(**result) for result in record["history"]], path
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("The checkpoint in %s is damaged (%s); starting from the first epoch", self._folder, error)
            return None


def _group(stored: Any, name: str) -> Arrays:
    members: Sequence[str] = [key for key in stored.files if key.startswith(f"{name}/")]
    return [stored[f"{name}/{place}"] for place in range(len(members))]
