import io
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mnist_resnet.terminal.progress import progress
from tests.terminal.pseudo_terminal import on_terminal


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def lines(monkeypatch, caplog):
    """The plain lines so far; a line is due at every advance."""
    monkeypatch.setattr("mnist_resnet.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    caplog.set_level(logging.INFO, logger="mnist_resnet")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr("mnist_resnet.terminal.progress.time", SimpleNamespace(perf_counter=lambda: now.seconds))
    return now


def use_stderr(monkeypatch, stream):
    """Called in the test itself, because pytest puts its own stream back between fixtures and test."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.mark.parametrize(
    ("advances", "due", "expected"),
    [
        (
            [(10, 1000, "loss 0.5"), (10, 2000, "loss 0.4")],
            0,
            ["1,000/4,000 images, loss 0.5, 30 s left", "3,000/4,000 images, loss 0.4, 7 s left"],
        ),
        ([(1, 2000, "")], 0, ["2,000/4,000 images, 1 s left"]),
        ([(0, 0, "starting")], 0, ["0/4,000 images, starting, nan s left"]),
        (
            [(1, 160, "")] * 25,
            10,
            ["160/4,000 images, 24 s left", "1,760/4,000 images, 14 s left", "3,360/4,000 images, 4 s left"],
        ),
    ],
    ids=["with a detail", "without a detail", "nothing done", "only now and then"],
)
def test_without_a_terminal_lines_say_how_far_the_work_is_and_how_long_it_will_take(
    lines, clock, monkeypatch, advances, due, expected
):
    stream = use_stderr(monkeypatch, io.StringIO())
    monkeypatch.setattr("mnist_resnet.terminal.progress.SECONDS_BETWEEN_LINES", due)
    with progress("Training", 4000, "images") as advance:
        for seconds, amount, detail in advances:
            clock.seconds += seconds
            advance(amount, detail)
    assert lines() == [f"Training: {line}" for line in expected]
    assert stream.getvalue() == ""


def test_a_terminal_shows_a_bar_and_no_lines(lines, monkeypatch):
    terminal = use_stderr(monkeypatch, Terminal())
    with progress("Training", 4000, "images") as advance:
        advance(1000, "loss 0.6")
        advance(2000, "loss 0.5")
    shown = terminal.getvalue()
    assert "Training" in shown
    assert "3,000/4,000 images" in shown
    assert "loss 0.5" in shown
    assert lines() == []


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_an_error_in_the_work_passes_through(monkeypatch, stream):
    def fail():
        with progress("Training", 10, "steps") as advance:
            advance(1)
            raise ZeroDivisionError

    used = use_stderr(monkeypatch, stream())
    with pytest.raises(ZeroDivisionError):
        fail()
    assert sys.stderr is used


@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"TERM": "unknown"}, {"COLUMNS": "40"}])
def test_a_terminal_that_cannot_hold_a_live_line_gets_plain_ones(lines, clock, monkeypatch, settings):
    terminal = use_stderr(monkeypatch, Terminal())
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with progress("Training", 54_000, "images") as advance:
        clock.seconds += 1
        advance(1_000, "loss 0.6")
    assert terminal.getvalue() == ""
    assert lines() == ["Training: 1,000/54,000 images, loss 0.6, 53 s left"]


def test_eighty_columns_hold_every_figure(lines, monkeypatch):
    terminal = use_stderr(monkeypatch, Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    with progress("Fashion-MNIST, epoch 12 of 40", 54_000, "images") as advance:
        advance(12_345, "loss 0.5123, accuracy 0.9231, 812 images/s")
    for piece in ("epoch 12 of 40", "12,345/54,000 images", "loss 0.5123", "accuracy", "0.9231", "812 images/s"):
        assert piece in terminal.getvalue()
    assert "…" not in terminal.getvalue()


@pytest.mark.parametrize(("columns", "live"), [(40, False), (120, True)])
def test_the_width_is_that_of_standard_error(columns, live):
    """Also where standard output goes to a file, of which Python would say that it has 80 columns."""
    program = (
        "from mnist_resnet.terminal.progress import progress\n"
        "with progress('Training', 10, 'steps') as advance: advance(5)"
    )
    assert ("5/10 steps" in on_terminal(program, columns, subprocess.DEVNULL, TERM="xterm")) == live
