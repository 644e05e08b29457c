"""Log messages on their way from one process to another, whose settings decide what is shown."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple


class LoggedElsewhere(NamedTuple):
    """A message that another process has logged."""

    logger: str
    level: int
    message: str

    def log(self) -> None:
        """Log it in this process."""
        logging.getLogger(self.logger).log(self.level, "%s", self.message)


class Forwarding(logging.Handler):
    """Sends the messages of this process to another one.

    Args:
        send: Takes a ``LoggedElsewhere`` to that process.
    """

    def __init__(self, send: Callable[[Any], object]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a message."""
        self._send(LoggedElsewhere(record.name, record.levelno, record.getMessage()))
