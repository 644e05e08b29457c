import os
import subprocess
import sys

import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.streams import OutputError, nearest_text, write_line

PREPARED = "import sys, os; from mnist_resnet.terminal.streams import prepare_streams, write_line; prepare_streams()\n"


def ran(program: str, redirection: str = "", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A program after ``prepare_streams``, with its streams as a shell redirects them."""
    command = ["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {redirection}', sys.executable, PREPARED + program]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "0.1 → 0.2, |Δ| ≤ 3×10 … – é 数"),
        ("latin-1", r"0.1 -> 0.2, |delta| <= 3×10 ... - é \u6570"),
        ("cp1252", r"0.1 -> 0.2, |delta| <= 3×10 … – é \u6570"),
        ("ascii", r"0.1 -> 0.2, |delta| <= 3x10 ... - \xe9 \u6570"),
    ],
)
def test_signs_that_an_encoding_lacks_have_a_readable_stand_in(encoding: str, shown: str) -> None:
    assert nearest_text("0.1 → 0.2, |Δ| ≤ 3×10 … – é 数", encoding) == shown


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_bytes_of_a_file_name_that_are_no_text_are_shown_as_such(encoding: str) -> None:
    assert nearest_text(os.fsdecode(b"caf\xe9.png"), encoding) == r"caf\xe9.png"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "cp1252", "cp932", "ascii"])
def test_both_streams_take_any_text_in_any_encoding(encoding: str) -> None:
    program = r"text = 'a → \udcff é 数 ┃'; write_line(text); write_line(text, sys.stderr); import warnings; "
    ended = ran(program + "warnings.warn(text)", PYTHONIOENCODING=encoding)
    assert ended.returncode == 0
    for stream in (ended.stdout, ended.stderr):
        assert stream.decode(encoding).splitlines()[0] == nearest_text("a → \udcff é 数 ┃", encoding)


def test_a_logger_that_was_there_before_says_it_as_well() -> None:
    program = (
        "import logging, sys; logging.basicConfig(format='%(message)s'); " + PREPARED + r"logging.warning('a → \udcff')"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.stderr == b"a -> \\xff\n"


def test_what_a_user_has_asked_of_buffers_stays() -> None:
    ended = ran("os.write(1, b'2'); os._exit(0)", PYTHONUNBUFFERED="1")
    assert ended.stdout == b"2"
    program = "sys.stdout.write('1'); os.write(1, b'2'); sys.stdout.flush(); os._exit(0)"
    assert [ran(program, PYTHONUNBUFFERED=value).stdout for value in ("1", "")] == [b"12", b"21"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_who_goes_away_ends_what_is_shown_and_not_the_work(stream: str, tmp_path) -> None:
    done = tmp_path / "done"
    program = f"[write_line('line ' * 1000, sys.{stream}) for _ in range(100)]; open({str(done)!r}, 'w').close()"
    redirection = "| head -c 4" if stream == "stdout" else "2>&1 >/dev/null | head -c 4"
    ended = ran(program, redirection)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"line", b"")
    assert done.exists()


def test_an_answer_that_does_not_fit_on_a_disk_is_an_error_that_names_the_reason() -> None:
    ended = ran("write_line('answer')", "> /dev/full")
    assert ended.returncode == 1
    assert (
        ended.stderr.decode()
        .splitlines()[-1]
        .endswith("OutputError: Standard output could not be written: No space left on device")
    )
    assert b"Exception ignored" not in ended.stderr
    assert issubclass(OutputError, UserError)


def test_what_is_said_beside_is_dropped_where_it_does_not_fit() -> None:
    ended = ran("write_line('said', sys.stderr); write_line('answer')", "2> /dev/full")
    assert (ended.returncode, ended.stdout) == (0, b"answer\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed: str, tmp_path) -> None:
    program = (
        "file = open('file', 'w'); write_line('a'); write_line('b', sys.stderr); sys.stdin.read()\n"
        "import subprocess; os.system('echo native; echo native >&2')\n"
        "assert file.fileno() > 2; file.write('content')"
    )
    command = ["bash", "-c", f'"$0" -c "$1" {closed}', sys.executable, PREPARED + program]
    assert subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, check=False).returncode == 0
    assert (tmp_path / "file").read_text(encoding="utf-8") == "content"


@pytest.mark.parametrize("before", ["", "import io; sys.stdout = io.StringIO(); "], ids=["prepared", "somebody else's"])
def test_a_stream_that_is_not_pythons_own_is_left_alone(before: str) -> None:
    program = "mine = sys.stdout, sys.stderr; prepare_streams(); assert mine == (sys.stdout, sys.stderr)"
    assert ran(before + program).returncode == 0


def test_a_line_is_written_at_once(capsys) -> None:
    write_line("one")
    write_line("two", sys.stderr)
    assert capsys.readouterr() == ("one\n", "two\n")
