"""Log messages that a process writes once."""

import logging
from functools import cache


@cache
def log_once(logger: logging.Logger, message: str) -> None:
    """Log a message for information, unless this process has logged the same before."""
    logger.info(message)
