import io
import sys

import pytest
from rich import box
from rich.table import Table

from mnist_resnet.terminal.tables import show
from tests.terminal.pseudo_terminal import on_terminal

TABLE = """
from rich.table import Table
from mnist_resnet.terminal.tables import show
from mnist_resnet.terminal.streams import prepare_streams
prepare_streams()
table = Table("data set", "test accuracy", "parity", "time in each pipeline", title="Summary")
table.add_row("fashion_mnist", "0.9138", "≤ 4e-07", "train 101 s, export 22 s")
table.add_row("mnist", "0.9942", "", "train 99 s")
show(table, "Report: data/a/b")
"""


@pytest.mark.parametrize("variables", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LC_ALL": "C"}])
def test_forty_columns_hold_every_figure_in_one_piece(variables: dict[str, str]) -> None:
    shown = on_terminal(TABLE, 40, **{"TERM": "xterm", "NO_COLOR": "1", **variables})
    lines = shown.splitlines()
    for piece in ("0.9138", "4e-07", "train 101 s, export", "0.9942", "fashion_mnist", "test accuracy"):
        assert any(piece in line for line in lines), shown
    assert max(map(len, lines)) <= 48  # of which at most 8 are a colour's


def test_columns_states_the_width_where_the_terminal_does_not() -> None:
    assert on_terminal(TABLE, 0, COLUMNS="40", TERM="dumb") == on_terminal(TABLE, 40, TERM="dumb")


def test_a_terminal_that_is_wide_enough_shows_a_table() -> None:
    lines = on_terminal(TABLE, 100, TERM="dumb").splitlines()
    assert any("fashion_mnist │ 0.9138        │ ≤ 4e-07 │ train 101 s, export 22 s" in line for line in lines)


def test_words_are_folded_before_a_table_is_given_up() -> None:
    lines = on_terminal(TABLE, 66, TERM="dumb").splitlines()
    assert any("fashion_mnist │ 0.9138 " in line for line in lines)
    assert max(map(len, lines)) <= 66


def test_a_pipe_is_never_too_narrow(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("a", "b")
    table.add_row("x" * 300, "y z " * 200)
    show(table, "w " * 200)
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_cells_that_say_nothing_are_left_out_of_a_narrow_terminal() -> None:
    lines = [line.split() for line in on_terminal(TABLE, 40, TERM="dumb").splitlines()]
    assert sum(line[:1] == ["parity"] for line in lines) == 1


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_columns_stay_aligned_where_signs_have_stand_ins(encoding: str, monkeypatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    table = Table("max |Δ|", "→", box=box.HEAVY_HEAD, title="a – b")
    table.add_row("≤ 1", "1 → 2")
    table.add_row("0.25", "[b]")
    show(table)
    stream.flush()
    title, *lines = stream.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]
    assert title.strip() == "a - b"
    assert {len(line) for line in lines} == {len(lines[0])}
    assert lines[3].split() == ["|", "<=", "1", "|", "1", "->", "2", "|"]
    assert lines[4].split() == ["|", "0.25", "|", "[b]", "|"]
