"""Files that can only be read from their start: kept open, so that chunks read in order read them once."""

import gzip
import threading
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol, TypeVar, cast

_PIECE_BYTES = 1 << 20

_opened = threading.local()


class _Stream(Protocol):
    def close(self) -> None: ...


_S = TypeVar("_S", bound=_Stream)


def opened_once(key: Any, open_again: Callable[[], _S], usable: Callable[[_S], bool]) -> _S:
    """The stream that this thread read last, if it is the one that is asked for; else a new one.

    Args:
        key: What is read, to be compared.
        open_again: Opens it from its start.
        usable: Whether the open one has not gone too far.
    """
    kept = getattr(_opened, "stream", None)
    if kept is not None and _opened.key == key and usable(kept):
        return cast(_S, kept)
    close_stream()
    stream = open_again()
    _opened.stream, _opened.key = stream, key
    return stream


def close_stream() -> None:
    """Close what this thread has open."""
    stream, _opened.stream, _opened.key = getattr(_opened, "stream", None), None, None
    if stream is not None:
        stream.close()


class GzipStream:
    """A gzip file, expanded piece by piece; what lies before a damaged place is read.

    Args:
        file: The compressed file, which is closed with the stream.

    Attributes:
        position: How many expanded bytes were read.
        fault: What is wrong with the stream where reading stopped; empty as long as nothing is.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._expanded = gzip.GzipFile(fileobj=file)
        self._ended = False
        self.position = 0
        self.fault = ""

    def read(self, length: int) -> bytes:
        """The next bytes; fewer at the end, or where the stream is damaged."""
        pieces: list[bytes] = []
        missing = length
        while missing and not self._ended:
            piece = self._expand(min(missing, _PIECE_BYTES))
            pieces.append(piece)
            missing -= len(piece)
        self.position += length - missing
        return b"".join(pieces)

    def skip_to(self, position: int) -> None:
        """Read on to a position, or to the end."""
        while self.position < position and not self._ended:
            self.read(min(_PIECE_BYTES, position - self.position))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _expand(self, most: int) -> bytes:
        try:
            piece = self._expanded.read1(most)
        except EOFError:
            return self._stop("the gzip stream is cut short")
        except (zlib.error, gzip.BadGzipFile) as error:
            return self._stop(f"the gzip stream is damaged ({error})")
        return piece or self._stop("")

    def _stop(self, fault: str) -> bytes:
        self._ended, self.fault = True, fault
        return b""
