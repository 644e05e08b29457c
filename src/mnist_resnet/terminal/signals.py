"""SIGINT and SIGTERM: work stops within seconds, what is open is closed, and no traceback is shown."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SECONDS_TO_UNWIND, _SECONDS_TO_CLOSE = 5.0, 3.0
_SECONDS_TO_REPEAT = 0.01

_DEFAULT = (signal.SIG_DFL, signal.default_int_handler)

_closing: list[Callable[[], None]] = []
_watches: "list[_Watch]" = []
# A forked process must not report its signals to this one.
os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))


class Interrupted(SystemExit):
    """A signal has asked this process to stop; the exit code is 128 and the signal's number."""


def register(close: Callable[[], None]) -> None:
    """Have something closed when ``graceful_shutdown`` is interrupted; it may be called from another thread."""
    _closing.append(close)


def unregister(close: Callable[[], None]) -> None:
    """Take back ``register``; nothing happens if it was not called."""
    with suppress(ValueError):
        _closing.remove(close)


def requested() -> bool:
    """Whether a signal has asked this process to stop, within ``graceful_shutdown``."""
    return any(watch.received is not None for watch in _watches)


@contextmanager
def graceful_shutdown(say: Callable[[str], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block within seconds, with all that is registered closed.

    The signal is raised where the main thread is, and once more if that is a callback of the garbage
    collector, which no exception leaves. Where that takes too long, as in a long call that knows no
    Python, or where somebody swallows it, another thread closes what is registered and ends the
    process. A second signal ends it at once. Signals that are ignored or handled already stay so.

    Args:
        say: Told the name of the signal, before anything is closed.

    Raises:
        Interrupted: Once the block has ended because of a signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = _Watch(say)
    _watches.append(watch)
    try:
        yield
    except BaseException:
        if watch.received is None:
            raise
        watch.close_all()
        raise Interrupted(128 + watch.received) from None
    finally:
        if watch.received is None:  # else the process is ending, and has a few seconds left
            watch.stop()
            _watches.remove(watch)


@contextmanager
def exiting_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an orderly exit within the block, if nobody handles it and this is the main thread."""
    before = signal.getsignal(signal.SIGTERM)
    if before != signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Watch:
    """The signals of one block, as the main thread and as a thread of its own see them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.received: int | None = None
        self._raised, self._repeats = False, 0
        self._say, self._said = say, threading.Lock()
        handled = [number for number in _SIGNALS if signal.getsignal(number) in _DEFAULT]
        self._before = {number: signal.signal(number, self._raise) for number in handled}
        # The interpreter writes each signal's number there at once, whatever the main thread does.
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._report, sys.unraisablehook = sys.unraisablehook, self._repeat
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Put everything back as it was."""
        sys.unraisablehook = self._report
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    def close_all(self) -> None:
        """Say what happens, and close what is registered, the last one first; only the first call does so."""
        if self.received is None or not self._said.acquire(blocking=False):
            return
        self._say(signal.Signals(self.received).name)
        for close in reversed(_closing):
            with suppress(Exception):  # there is nobody left to tell, and the others are to be closed, too
                close()

    def _raise(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or number
        if not self._raised:
            self._raised = True
            raise Interrupted(128 + number)

    def _repeat(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Send the signal again, to be raised elsewhere, if what cannot be raised here is its exception."""
        if self.received is None or not issubclass(ignored.exc_type, Interrupted):
            self._report(ignored)
            return
        self._raised, self._repeats = False, self._repeats + 1
        again = (threading.get_ident(), self.received)
        threading.Timer(_SECONDS_TO_REPEAT, signal.pthread_kill, again).start()

    def _watch(self) -> None:
        number = self._next()
        if number is None:
            return
        if self._next(_SECONDS_TO_UNWIND) is None:
            self.received = number
            closing = threading.Thread(target=self.close_all, daemon=True)
            closing.start()
            closing.join(_SECONDS_TO_CLOSE)
        sys.stderr.flush()
        os._exit(128 + number)

    def _next(self, seconds: float | None = None) -> int | None:
        """Wait for one of the signals; None if there was none in time, or the watch has been stopped."""
        while select.select([self._reading], [], [], seconds)[0] and (number := os.read(self._reading, 1)):
            if number[0] in self._before and not self._is_repeated():
                return number[0]
        return None

    def _is_repeated(self) -> bool:
        repeated = self._repeats > 0
        self._repeats -= repeated
        return repeated
