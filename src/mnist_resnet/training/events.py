"""News of a training while it runs, for whoever listens; training itself knows no listener."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True)
class TrainingStart:
    """What a training starts from, whether or not it then goes on from a checkpoint.

    Attributes:
        precision: The Keras precision policy that its layers compute in.
        initial_weights: The digest of each weight of the network, by its path.
    """

    precision: str
    initial_weights: Mapping[str, str]


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
    """Tell those who listen for it that an epoch has ended or a training starts."""
    for kind, listener in tuple(_listeners):
        if isinstance(news, kind):
            listener(news)
