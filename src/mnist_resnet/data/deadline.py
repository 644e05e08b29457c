"""A limit on the time that something takes as a whole, whatever it waits for."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class Deadline:
    """A moment, so many seconds from now.

    A time-out for each read is no such limit: a server that sends a byte now and then never exceeds it.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def wait_for(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns, or raises, in a thread of its own.

        Args:
            work: Something that may wait for ever; it is then left behind, and ends with the process at the latest.

        Raises:
            TimeoutError: If it has not ended by then.
        """
        outcomes: SimpleQueue[Result | BaseException] = SimpleQueue()

        def run() -> None:
            try:
                outcomes.put(work())
            except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
                outcomes.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            outcome = outcomes.get(timeout=max(0.0, self._end - time.monotonic()))
        except Empty:
            raise TimeoutError(f"it took more than {self.seconds:g} s in all") from None
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
