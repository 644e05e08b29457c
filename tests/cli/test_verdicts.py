"""The exit codes of the commands that end with a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from mnist_resnet.cli.verdicts import ending_with_verdict


@pytest.fixture
def typed(empty_store: Path) -> Callable[[BaseException], Result]:
    """A command that ends by an error instead of a verdict."""

    def typed(error: BaseException) -> Result:
        def command(**_: Any) -> None:
            raise error

        uri = f"sqlite:///{empty_store}"
        return CliRunner().invoke(click.command()(ending_with_verdict(command)), ["--tracking-uri", uri])

    return typed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_whoever_interrupts_is_told_so(typed: Callable[[BaseException], Result], error: BaseException) -> None:
    ended = typed(error)
    assert (ended.exit_code, ended.stderr) == (130, "Interrupted\n")


def test_an_error_of_ours_is_no_verdict(typed: Callable[[BaseException], Result]) -> None:
    ended = typed(ZeroDivisionError("of ours"))
    assert ended.exit_code == 2
    assert ended.stderr.endswith("ZeroDivisionError: of ours\n")
