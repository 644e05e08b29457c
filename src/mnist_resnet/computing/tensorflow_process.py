"""A process of its own in which Keras runs on TensorFlow, beside one in which it runs on another backend.

Calls and answers are plain values, bytes and arrays. The process ends with the one that has started it, however that
ends; what it had begun to write is removed first.
"""

import atexit
import logging
import os
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE, DEFAULT_BACKEND
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.messages import Forwarding, LoggedElsewhere

# The same modules as in the process that starts it.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from mnist_resnet.computing.tensorflow_process import serve; "
    "serve(int(sys.argv[1]))"
)
_VARIABLES = {BACKEND_VARIABLE: DEFAULT_BACKEND, "CUDA_VISIBLE_DEVICES": "-1"}
_FOR_JAX = "XLA_FLAGS"  # TensorFlow would end at a flag that it does not know
_SECONDS_TO_END = 3.0


class TensorFlowProcessError(UserError, RuntimeError):
    """The process on TensorFlow has ended by itself, or failed in a way that no user can mend."""


class TensorFlowProcess:
    """A process that calls functions of this package with TensorFlow as Keras' backend, and without a GPU.

    What it logs is logged here. An error that a user can mend is raised here as it is.
    """

    def __init__(self) -> None:
        self._connection, its_end = Pipe()
        number = its_end.fileno()
        command = [sys.executable, "-P", "-c", _PROGRAM, str(number), *map(str, sys.path)]
        variables = {name: value for name, value in os.environ.items() if name != _FOR_JAX} | _VARIABLES
        try:
            self._process = subprocess.Popen(
                command, env=variables, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=sys.__stderr__
            )
        finally:
            its_end.close()
        atexit.register(self.end)

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return not self._connection.closed and self._process.poll() is None

    def call(self, function: str, *arguments: Any) -> Any:
        """What a function answers there.

        Args:
            function: Its module and name, as in ``package.module:function``.
            arguments: Such as can be pickled.

        Raises:
            UserError: As the function raises it.
            TensorFlowProcessError: If the function raises another error, or the process has ended.
        """
        try:
            self._connection.send((function, arguments))
            error, answer = self._answer()
        except (EOFError, ConnectionError):
            code = self.end()
            raise TensorFlowProcessError(_why_ended(code)) from None
        except BaseException:  # it would take the next call for an answer to this one
            self.end()
            raise
        if error is not None:
            raise error
        return answer

    def end(self) -> int:
        """End it, within seconds, and wait for that; its exit code, negative for a signal."""
        atexit.unregister(self.end)
        self._connection.close()  # which it notices
        try:
            return self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _answer(self) -> tuple[Exception | None, Any]:
        while True:
            received = self._connection.recv()
            if not isinstance(received, LoggedElsewhere):
                error, answer = received
                return error, answer
            received.log()


def _why_ended(code: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return (
        f"The process that exports by TensorFlow {how}; it may have had too little memory. "
        f"To try again: kedro run --only-missing-outputs"
    )


_present: TensorFlowProcess | None = None


def tensorflow_process() -> TensorFlowProcess:
    """The process of this one; it is started when it is first asked for, and lives until it is ended."""
    global _present  # noqa: PLW0603  # importing TensorFlow takes seconds, too long for each call
    if _present is None or not _present.alive:
        _present = TensorFlowProcess()
    return _present


def end_tensorflow_process() -> None:
    """End the process of this one, if there is any."""
    if _present is not None and _present.alive:
        _present.end()


def serve(descriptor: int) -> None:
    """Answer calls until nobody can call any more.

    Args:
        descriptor: The number of the open connection to the process that calls.
    """
    connection, calls, sending = Connection(descriptor), SimpleQueue[tuple[str, tuple[Any, ...]]](), Lock()

    def send(message: Any) -> None:
        with sending:
            connection.send(message)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C; the process that calls decides what becomes of this one
    signal.signal(signal.SIGTERM, _leave)
    logging.basicConfig(level=logging.INFO, handlers=[Forwarding(send)])
    logging.captureWarnings(capture=True)
    Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while True:
        send(_answered(*calls.get()))


def _receive(connection: Connection, calls: SimpleQueue[tuple[str, tuple[Any, ...]]]) -> None:
    """Pass calls on; when there can be no more, have the main thread leave what it is at, and clean up."""
    with suppress(EOFError, OSError):
        while True:
            calls.put(connection.recv())
    os.kill(os.getpid(), signal.SIGTERM)
    Event().wait(_SECONDS_TO_END)
    os._exit(1)


def _leave(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _answered(function: str, arguments: tuple[Any, ...]) -> tuple[Exception | None, Any]:
    """An error or an answer."""
    module, _, name = function.partition(":")
    try:
        return None, getattr(import_module(module), name)(*arguments)
    except UserError as error:
        return error, None
    except Exception:  # noqa: BLE001  # its class may be TensorFlow's, which is not imported where it is raised
        return TensorFlowProcessError(f"Exporting by TensorFlow failed:\n{traceback.format_exc()}"), None
