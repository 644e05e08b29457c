"""Log messages that a process writes once."""

import logging
from functools import cache


@cache
def log_once(logger: logging.Logger, message: str, level: int = logging.INFO) -> None:
    """Log a message, for information by default, unless this process has logged the same before."""
    logger.log(level, message)
