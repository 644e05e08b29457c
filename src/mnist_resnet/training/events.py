"""News of a training while it runs, for whoever listens; training itself knows no listener."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to; the epoch is counted from 1."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


Listener = Callable[[EpochResult], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of each epoch that ends within the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def announce(result: EpochResult) -> None:
    """Tell all listeners that an epoch has ended."""
    for listener in tuple(_listeners):
        listener(result)
