"""News of a training while it runs, for whoever listens; training itself knows no listener."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnist_resnet.errors import UserError


class TrainingStopped(UserError):  # noqa: N818  # nothing is wrong with it
    """A listener has asked a training to stop; what it came to so far is kept, the run counts as KILLED."""


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to; the epoch is counted from 1. Without validation images there is no such figure.

    The learning rate is the schedule's at the step after the epoch.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float
    images_per_second: float

    def in_words(self) -> str:
        """All figures in one line."""
        words = f"loss {self.train_loss:.4f}, accuracy {self.train_accuracy:.4f}"
        if self.validation_loss is not None:
            words += f"; validation loss {self.validation_loss:.4f}, accuracy {self.validation_accuracy:.4f}"
        return f"{words}; {self.images_per_second:.0f} images/s"


History = list[EpochResult]


@dataclass(frozen=True, kw_only=True)
class TrainingDevice:
    """What a training computes on and how, as the backend has it, beside what was asked for.

    Attributes:
        name: Of the device, such as ``NVIDIA H100 80GB HBM3`` or ``the CPU (2 cores)``.
        kind: ``CPU``, ``GPU``, or what else JAX has.
        backend: ``tensorflow`` or ``jax``.
        precision: The Keras precision policy that its layers compute in.
        tf32: Whether products of float32 are computed in TF32.
        deterministic: Whether the operations give equal results from equal inputs.
        asked: The parameters ``precision``, ``tf32``, ``deterministic``, ``require_gpu``, ``devices`` and
            ``hosts``.
        count: How many such devices share each batch.
    """

    name: str
    kind: str
    backend: str
    precision: str
    tf32: bool
    deterministic: bool
    asked: Mapping[str, Any]
    count: int = 1

    def names(self) -> str:
        """The device, or how many of its kind."""
        return self.name if self.count == 1 else f"{self.count} × {self.name}"

    def in_words(self) -> str:
        """All of it in two sentences."""
        asked = ", ".join(f"{name} {_as_in_yaml(value)}" for name, value in self.asked.items())
        return f"{self.names()}, by {self.backend} in {self.precision}, {self._ways()}. Asked for: {asked}."

    def told_apart_by(self) -> str:
        """What makes it another device, but for the precision; processors are told apart elsewhere."""
        name = "CPU" if self.kind == "CPU" else self.name
        return f"{name if self.count == 1 else f'{self.count} × {name}'} by {self.backend}, {self._ways()}"

    def _ways(self) -> str:
        tf32 = "with TF32" if self.tf32 else "without TF32"
        return f"{tf32}, {'deterministic' if self.deterministic else 'not deterministic'}"


def _as_in_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class TrainingStart:
    """What a training starts from.

    Attributes:
        device: What it computes on and how.
        initial_weights: The digest of each weight of the network, by its path.
        resumed_epochs: How many epochs an earlier process has trained; 0 without a checkpoint.
    """

    device: TrainingDevice
    initial_weights: Mapping[str, str]
    resumed_epochs: int = 0


_listeners: list[tuple[type, Callable[..., None]]] = []


@contextmanager
def listening(listener: Callable[[Any], None], kind: type[EpochResult | TrainingStart] = EpochResult) -> Iterator[None]:
    """Tell ``listener`` of each epoch that ends, or each training that starts, within the block."""
    entry = (kind, listener)
    _listeners.append(entry)
    try:
        yield
    finally:
        _listeners.remove(entry)


def announce(news: EpochResult | TrainingStart) -> None:
    """Tell those who listen for it that an epoch has ended or a training starts.

    Raises:
        TrainingStopped: If a listener wants the training to stop; all others have been told then.
    """
    stopped = None
    for kind, listener in tuple(_listeners):
        if isinstance(news, kind):
            try:
                listener(news)
            except TrainingStopped as wanted:
                stopped = wanted
    if stopped is not None:
        raise stopped
