"""The shared parts of the commands: the project's configuration, and errors without tracebacks."""

import functools
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TextIO, cast

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.utils import validate_conf_source
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from kedro.utils import find_kedro_project
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mnist_resnet.config import CONF_SOURCE_VARIABLE
from mnist_resnet.errors import UserError
from mnist_resnet.terminal import signals
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.terminal.streams import write_line

CONF_SOURCE_HELP = (
    "Folder, tar.gz or zip of the configuration. Default: conf/ in the project's folder, or in the present one if "
    "there is no project."
)
# A container or a repository stands where others have a user.
_WITH_NAMES_BEFORE_THE_HOST = {"abfs", "abfss", "adl", "az", "wasb", "wasbs", "github"}
# All but tabs and ends of lines.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONF_SOURCE = f"{__name__}.conf_source"


class CommandError(click.ClickException):
    """The message that ends a command; click itself would write it in UTF-8 where the stream is ASCII."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, on standard error unless told otherwise, without what a terminal would obey."""
        message = _CONTROLS.sub(" ", self.format_message())
        write_line(f"Error: {message}", cast("TextIO | None", file) or sys.stderr)


def without_traceback(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command end with the message of an error that a user can mend, without a traceback.

    Of any other error the traceback is shown, as Python shows it. Neither shows the credentials of an address.
    """

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (UserError, DatasetError, MissingConfigException, YAMLError) as error:
            raise CommandError(without_credentials(str(error))) from error
        except OmegaConfBaseException as error:
            said = "; ".join(line.strip() for line in str(error).splitlines())
            raise CommandError(f"conf/ cannot be read: {said}. To write ${{ as text, escape it: \\${{") from error
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            if signals.requested():  # which a library has made an error of
                raise
            if isinstance(error, ValueError) and raised_in(error).startswith("kedro.config"):
                raise CommandError(f"conf/ cannot be read: {error}") from error
            show_traceback()
            raise SystemExit(1) from None

    return wrapped


def show_traceback() -> None:
    """Print the traceback of the error that is being handled, without the credentials of addresses."""
    write_line(without_credentials(traceback.format_exc()).rstrip(), sys.stderr)


def raised_in(error: Exception) -> str:
    """The name of the module that raised an error."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals["__name__"]) if frames else ""


def checked_conf_source(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """What ``--conf-source`` names, as Kedro checks it; commands and sweeps are recorded with it.

    Raises:
        click.BadParameter: If it is no folder or file that is there, or is an address with credentials.
    """
    if value and _has_credentials(value):
        raise click.BadParameter(
            "received an address with credentials, but these are taken from the environment alone: remove them from "
            "the address",
            context,
            option,
        )
    checked: str | None = validate_conf_source(context, option, value or "")
    return checked


def _has_credentials(address: str) -> bool:
    """Whether an address has a password, or a query that says more than a version."""
    place, _, query = address.partition("?")
    scheme, separator, _ = place.partition("://")
    has_user = scheme not in _WITH_NAMES_BEFORE_THE_HOST and without_credentials(place) != place
    return bool(separator) and (has_user or not re.fullmatch("(versionId=[^&]*)?", query))


def _keep_conf_source(context: click.Context, option: click.Parameter, value: str | None) -> None:
    context.meta[_CONF_SOURCE] = checked_conf_source(context, option, value)


# For commands that call load_context(), which asks click for the value.
conf_source_option = click.option(
    "--conf-source",
    envvar=CONF_SOURCE_VARIABLE,
    show_envvar=True,
    expose_value=False,
    callback=_keep_conf_source,
    help=CONF_SOURCE_HELP,
)


def given_conf_source() -> str | None:
    """What ``--conf-source`` of the present command names, as an absolute path or an address; None without it."""
    command = click.get_current_context(silent=True)
    return command.meta.get(_CONF_SOURCE) if command else None


def load_context(env: str | None) -> KedroContext:
    """The project's context, with its checked configuration; ``--conf-source`` of the present command names another.

    Args:
        env: The recipe, a folder of ``conf/``; the base recipe if None.
    """
    with KedroSession.create(env=env, conf_source=given_conf_source(), save_on_close=False) as session:
        assert isinstance(session, KedroSession)
        return session.load_context()


def current_project() -> Path:
    """The folder of the project that the present folder is in; the present one if it is in none."""
    return find_kedro_project(Path.cwd()) or Path.cwd()


def require_known(namespace: str, known: Iterable[str]) -> None:
    """Refuse the name of a data set that is not configured.

    Raises:
        click.BadParameter: With the names that are known.
    """
    if namespace not in known:
        raise click.BadParameter(f"received '{namespace}'; the data sets are {', '.join(known)}")


def write_json(document: Any) -> None:
    r"""Answer a program with one JSON document on standard output, in ASCII, which all encodings have.

    Args:
        document: Plain values. A byte of a file name that is no text becomes ``\udc80`` to ``\udcff``, as Python's
            ``os.fsencode`` takes it back. A number that is not finite becomes null, since JSON has no such numbers.
    """
    finite = json.loads(json.dumps(document), parse_constant=lambda _: None)
    write_line(json.dumps(finite, indent=2))
