"""The command that continues an interrupted run, printed when it is interrupted."""

import functools
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_resnet.terminal.signals import stopping_orderly
from mnist_resnet.terminal.streams import write_line

_PACKAGE = __name__.partition(".")[0]
_ONLY_MISSING = "--only-missing-outputs"


def resumably(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let Ctrl-C and SIGTERM end ``kedro run`` within seconds, with the command that continues it."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        with stopping_orderly(_say_how_to_resume):
            return command(*arguments, **options)

    return wrapped


def resuming_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The shell command that goes on where an interrupted one has stopped.

    Args:
        arguments: As in ``sys.argv`` of that one: the program's path, ``run``, and what follows.
        environment: The variables that it ran with.
    """
    as_module = Path(arguments[0]).name == "__main__.py"  # where the package is installed without the project
    words = ["python", "-m", _PACKAGE, *arguments[2:]] if as_module else ["kedro", *arguments[1:]]
    words += [] if _ONLY_MISSING in words else [_ONLY_MISSING]
    recipe = environment.get("KEDRO_ENV")
    return (f"KEDRO_ENV={shlex.quote(recipe)} " if recipe else "") + shlex.join(words)


def _say_how_to_resume(signal: str) -> None:
    write_line(f"Interrupted by {signal}. To continue: {resuming_command(sys.argv, os.environ)}", sys.stderr)
