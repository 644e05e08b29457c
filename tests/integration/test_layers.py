"""`kedro layers`, as typed in a project."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from tests.integration.conftest import make_project

pytestmark = pytest.mark.integration


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    project = make_project(tmp_path)
    monkeypatch.chdir(project.folder)
    return partial(project.typed, "layers")


def test_a_recipes_network_is_printed_with_shapes_and_parameters(typed) -> None:
    answer = typed("--env", "mnist_32", "--namespaces", "mnist")
    assert answer.exit_code == 0, answer.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in answer.output.splitlines() if "│" in line]
    assert ["stem_conv", "Convolution", "16×16×64", "3,200"] in rows
    assert ["hidden", "Dense", "1000", "513,000"] in rows
    assert "11,707,394 parameters, 11,697,922 of them trainable" in answer.output
    assert "Fashion-MNIST" not in answer.output


def test_an_unknown_data_set_is_refused_by_name(typed) -> None:
    answer = typed("--namespaces", "letters")
    assert answer.exit_code == 2
    assert "received 'letters'; the data sets are mnist, fashion_mnist" in answer.output
