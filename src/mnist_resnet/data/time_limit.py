"""A limit to the time that a source takes as a whole."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

_AHEAD = 16  # items, while those before are verified

Item = TypeVar("Item")


def in_time(items: Iterator[Item], seconds: float) -> Generator[Item]:
    """What ``items`` yields in so many seconds, made in a thread of its own.

    A time-out for each read is no such limit: a server that sends a byte now and then never exceeds it. The thread is
    left behind then, and ends with the process at the latest. It is only a few items ahead of who asks for them.

    Args:
        items: Such as the pieces of a download.
        seconds: For all of them.

    Raises:
        TimeoutError: If they do not end in time.
    """
    made: Queue[Item | BaseException | None] = Queue(maxsize=_AHEAD)
    over, end = Event(), time.monotonic() + seconds

    def put(item: Item | BaseException | None) -> None:
        while not over.is_set():
            with suppress(Full):
                made.put(item, timeout=0.1)
                return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if over.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            put(error)

    Thread(target=make, daemon=True).start()
    try:
        while (item := made.get(timeout=max(0.0, end - time.monotonic()))) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    except Empty:
        raise TimeoutError(f"it took more than {seconds:g} s in all") from None
    finally:
        over.set()
