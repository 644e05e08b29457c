"""The program and the command that a user has typed, also where another command has started this process."""

import os
import shlex
import sys
from pathlib import Path

from mnist_resnet.terminal.redaction import without_credentials

# Set for a run that another command makes: what was typed after the program's name.
COMMAND_VARIABLE = "MNIST_RESNET_COMMAND"
_PACKAGE = __name__.partition(".")[0]


def program_words(path: str) -> list[str]:
    """The words to type that start the same program again.

    Args:
        path: The program's path, as ``sys.argv`` has it first.

    Returns:
        ``mnist_resnet`` or ``python -m mnist_resnet``, which need no project; ``kedro`` for all others.
    """
    match Path(path).parts[-2:]:
        case [*_, "mnist_resnet"]:
            return [_PACKAGE]
        case ["mnist_resnet", "__main__.py"]:
            return ["python", "-m", _PACKAGE]
    return ["kedro"]


def typed_command() -> list[str]:
    """The words after the program's name, without the credentials of addresses."""
    words = shlex.split(os.environ.get(COMMAND_VARIABLE, "")) or sys.argv[1:]
    return [without_credentials(word) for word in words]


def command_line() -> str:
    """The whole command, quoted for a shell, without the credentials of addresses."""
    return shlex.join([*program_words(sys.argv[0]), *typed_command()])
