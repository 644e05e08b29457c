"""The error stream of native libraries, which write to it whatever Python's logging is set to."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def captured_native_output() -> Iterator[Callable[[], str]]:
    """Keep what native code writes to the error stream, and show it only if the block raises.

    Yields:
        A function that returns what has been kept so far.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)

        def kept() -> str:
            # At a place of its own: the stream goes on writing where it is.
            return os.pread(held.fileno(), os.fstat(held.fileno()).st_size, 0).decode(errors="replace")

        try:
            yield kept
        except BaseException:
            os.dup2(original, 2)
            os.write(2, kept().encode(errors="replace"))
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
