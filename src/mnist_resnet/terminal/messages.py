"""Log messages: how Kedro shows them, those that a process writes once, and those that it sends to another process."""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_VARIABLE = "KEDRO_LOGGING_CONFIG"


def choose_logging(project: Path) -> None:
    """Have Kedro show messages as in this project, where there is no ``conf/logging.yml`` that says it.

    It must precede Kedro's import.

    Args:
        project: The folder that may have one.
    """
    if not (project / "conf/logging.yml").exists():
        os.environ.setdefault(_VARIABLE, str(Path(__file__).parents[1] / "logging.yml"))


@cache
def log_once(logger: logging.Logger, message: str, level: int = logging.INFO) -> None:
    """Log a message, for information by default, unless this process has logged the same before."""
    logger.log(level, message)


class LoggedElsewhere(NamedTuple):
    """A message that another process has logged, and that this one's settings show or not."""

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
