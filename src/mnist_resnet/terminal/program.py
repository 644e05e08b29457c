"""The program and the command that a user has typed, also where another command has started this process."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from mnist_resnet.terminal.redaction import without_credentials

# Set for a run that another command makes: what was typed after the program's name.
COMMAND_VARIABLE = "MNIST_RESNET_COMMAND"
# By these the same words do something else.
_DECIDING = (
    *("KEDRO_ENV", "MNIST_RESNET_CONF_SOURCE", "KERAS_BACKEND", "RAY_ADDRESS"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"),
)
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


def variables_before(environment: Mapping[str, str]) -> list[str]:
    """The variables that are to be set before a command's words for it to do the same, quoted for a shell.

    Args:
        environment: As the command was started with; MLflow sets variables of its own later.
    """
    decisive = {name: environment[name] for name in _DECIDING if environment.get(name)}
    return [f"{name}={shlex.quote(without_credentials(value))}" for name, value in decisive.items()]


def typed_command() -> list[str]:
    """The words after the program's name, without the credentials of addresses."""
    words = shlex.split(os.environ.get(COMMAND_VARIABLE, "")) or sys.argv[1:]
    return [without_credentials(word) for word in words]


def command_line() -> str:
    """The whole command, quoted for a shell, without the credentials of addresses."""
    return shlex.join([*program_words(sys.argv[0]), *typed_command()])
