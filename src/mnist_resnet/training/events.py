"""News of a training while it runs, for whoever listens; training itself knows no listener."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to; the epoch is counted from 1. Without validation images there is no such figure."""

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
