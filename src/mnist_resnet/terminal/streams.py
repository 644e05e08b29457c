"""Standard streams that take any text in any encoding, and whose reader may go away."""

import codecs
import errno
import io
import os
import sys
from typing import Any, TextIO, cast

from mnist_resnet.errors import UserError

_HANDLER = "mnist_resnet.nearest"
_NEAREST = {"→": "->", "–": "-", "−": "-", "×": "x", "…": "...", "≤": "<=", "Δ": "delta"}
# Python's way to hold a byte of a file name that is no text.
_UNDECODED_BYTES = range(0xDC80, 0xDD00)
_READER_IS_GONE = {errno.EPIPE, errno.EIO}  # EIO: a terminal that has been closed


class OutputError(UserError, OSError):
    """An answer that could not be written where it was to go."""


def prepare_streams() -> None:
    """Let the process's own standard streams take whatever is shown, so that showing it fails no command.

    - What the encoding lacks is written as ``nearest_text`` has it.
    - Once the reader of a pipe or a terminal has gone, the rest is dropped. Of standard output, any other error,
      such as a full disk, is an ``OutputError``; of standard error it drops the rest, too.
    - A stream that is closed becomes the null device. Otherwise the next file that is opened would get its number,
      and with it what native libraries print.

    A stream that another program has put in the place of Python's own is left as it is.
    """
    for descriptor in range(3):
        _open_if_closed(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123  # open until the end
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _replacement(stream, 1 if name == "stdout" else 2))


def nearest_text(text: str, encoding: str) -> str:
    r"""A text as a stream of an encoding shows it.

    Args:
        text: Any text, such as ``a → b``.
        encoding: Its signs stay. Of others, a few have a stand-in, such as ``->``, the rest become an escape such as
            ``\u0394``. A byte of a file name that is no text becomes an escape, too, such as ``\xff``.
    """
    return text.encode(encoding, _HANDLER).decode(encoding)


def write_line(text: str, stream: TextIO | None = None) -> None:
    """Write a line at once.

    Args:
        text: The line, without its end.
        stream: Where to; standard output if None.

    Raises:
        OutputError: If standard output takes no more.
    """
    stream = stream or sys.stdout
    stream.write(text + "\n")
    stream.flush()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_stand_in, error.object[error.start : error.end])), error.end


def _stand_in(sign: str) -> str:
    if ord(sign) in _UNDECODED_BYTES:
        return f"\\x{ord(sign) & 0xFF:02x}"
    return _NEAREST.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(_HANDLER, _replace)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, descriptor)  # which programs that this one starts inherit
        if null != descriptor:
            os.close(null)
        os.set_inheritable(descriptor, True)


def _replacement(stream: TextIO | None, descriptor: int) -> TextIO:
    """A stream in the place of Python's own."""
    raw: Any = _Descriptor(descriptor)
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", _HANDLER, line_buffering=True)
    original = cast("io.TextIOWrapper", stream)
    original.flush()
    original.reconfigure(errors=_HANDLER)  # loggers may hold it
    direct, by_line = original.write_through, original.line_buffering
    content = raw if direct else io.BufferedWriter(raw)
    return io.TextIOWrapper(content, original.encoding, _HANDLER, line_buffering=by_line, write_through=direct)


class _Descriptor(io.FileIO):
    """The bytes of a standard stream."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, content: "bytes | memoryview") -> int | None:  # type: ignore[override]
        """Write, or drop what can be read by nobody."""
        try:
            return super().write(content)
        except OSError as error:
            _drop_the_rest(self.fileno())
            if error.errno in _READER_IS_GONE or self.fileno() != 1:
                return len(content)
            raise OutputError(f"Standard output could not be written: {error.strerror}") from error


def _drop_the_rest(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
