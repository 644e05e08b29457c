"""``kedro run``: Kedro's own command, with refusals in one line, and the command that continues an interrupted run."""

import copy
import functools
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.utils import load_obj
from omegaconf import OmegaConf

from mnist_resnet.cli.project import CONF_SOURCE_HELP, checked_conf_source, raised_in, without_traceback
from mnist_resnet.config import CONF_SOURCE_VARIABLE
from mnist_resnet.errors import UserError
from mnist_resnet.pipelines.wiring import dataset_of
from mnist_resnet.terminal.program import program_words, variables_before
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.terminal.signals import graceful_shutdown
from mnist_resnet.terminal.streams import write_line

_ONLY_MISSING = "--only-missing-outputs"
_BETWEEN_PARAMETERS = re.compile(r",(?![^\[\]]*\])")  # a comma that is not within a list
# The modules of Kedro that look for the pipelines, namespaces, nodes and tags that are asked for.
_SELECTING = {KedroSession.__module__, Pipeline.__module__}


class SelectionError(UserError, ValueError):
    """There is nothing to run by the names that were given."""


def resuming_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The shell command that goes on where an interrupted one has stopped, without the credentials of addresses.

    Args:
        arguments: As in ``sys.argv`` of that one: the program's path, ``run``, and what follows.
        environment: The variables that it ran with.
    """
    words = [*program_words(arguments[0]), *arguments[1:]]
    words += [] if _ONLY_MISSING in words else [_ONLY_MISSING]
    return " ".join([*variables_before(environment), shlex.join(map(without_credentials, words))])


def saying_how_to_resume(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let Ctrl-C and SIGTERM end a command within seconds, and print the command that continues it."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        continued = resuming_command(sys.argv, os.environ)

        def say(signal: str) -> None:
            write_line(f"Interrupted by {signal}. To continue: {continued}", sys.stderr)

        with graceful_shutdown(say):
            return command(*arguments, **options)

    return wrapped


@functools.wraps(kedro_run.callback or kedro_run)
def _run(*arguments: Any, **options: Any) -> Any:
    assert kedro_run.callback is not None
    # Refused before it is made: Kedro's ParallelRunner starts a process as soon as it is.
    if runner := options.get("runner"):
        from mnist_resnet.hooks.running_thread import check_runner_class

        check_runner_class(_class_of(runner), runner)
    try:
        return kedro_run.callback(*arguments, **options)
    except ValueError as error:
        if raised_in(error) not in _SELECTING:
            raise
        said, _, _ = str(error).partition(". ")  # what follows tells how to write a pipeline
        names = ", ".join(name for name in pipelines if name != "__default__")
        datasets = ", ".join(sorted({dataset_of(node) for node in pipelines["__default__"].nodes} - {""}))
        raise SelectionError(f"{said.rstrip('.')}; the pipelines are {names}, the data sets {datasets}") from error


def _ours(option: click.Parameter) -> click.Parameter:
    """Kedro's option, but ``--conf-source`` as the other commands have it, and ``--params`` that may hold lists."""
    ours = copy.copy(option)
    if option.name == "conf_source":
        assert isinstance(ours, click.Option)
        ours.envvar, ours.show_envvar, ours.help = CONF_SOURCE_VARIABLE, True, CONF_SOURCE_HELP
        ours.callback = checked_conf_source
    if option.name == "params":
        assert option.callback is not None
        ours.callback = functools.partial(_read_params, option.callback)
    return ours


def _read_params(by_kedro: Callable[..., Any], context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Parameters as Kedro reads them, which ends each at the next comma, also within ``size=[28,28]``."""
    if not isinstance(value, str) or "[" not in value:
        return by_kedro(context, option, value)
    read = []
    for each in filter(str.strip, _BETWEEN_PARAMETERS.split(value)):
        key, equals, typed = each.partition("=")
        if not key.strip() or not equals:
            return by_kedro(context, option, each)  # which refuses it
        read.append(f"{key.strip()}={typed}")
    return OmegaConf.to_container(OmegaConf.from_dotlist(read))


run = copy.copy(kedro_run)
run.params = [_ours(option) for option in kedro_run.params]
run.callback = saying_how_to_resume(without_traceback(_run))


def _class_of(runner: str) -> Any:
    """The class by its name, as Kedro finds it; None if there is none."""
    try:
        return load_obj(runner, "kedro.runner")
    except (ImportError, AttributeError, ValueError):
        return None
