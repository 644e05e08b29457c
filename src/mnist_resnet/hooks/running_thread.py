"""The rule that nodes run one after another, in one thread, for one run at a time."""

import re
import sys
import threading

from kedro.runner import SequentialRunner

from mnist_resnet.errors import UserError

# As Python describes an object whose class says nothing else.
_OBJECT = re.compile(r"<([\w.]+)\.(\w+) object at 0x[0-9a-fA-F]+>")
_BESIDE = "to run recipes at the same time, start each with a `kedro run` of its own"


class RunnerError(UserError, ValueError):
    """Nodes would run beside each other, or in another process than this one."""


class RunningThread:
    """The thread of the present run of this process.

    Seeds, Keras' precision policy, TensorFlow's determinism and the record of a run belong to the process, so no other
    thread may run a pipeline or load a configuration meanwhile. A thread that has ended runs nothing any more.
    """

    def __init__(self) -> None:
        self._loaded_by: threading.Thread | None = None
        self._running: threading.Thread | None = None

    def load(self) -> None:
        """Note that this thread loads the configuration of its next run."""
        self._refuse_second_run()
        self._loaded_by = threading.current_thread()

    def check(self) -> None:
        """Refuse a run beside another one, or with a configuration that another thread has loaded."""
        self._refuse_second_run()
        if self._loaded_by is not threading.current_thread():
            raise RunnerError(f"another thread loaded a configuration while this run was starting; {_BESIDE}")

    def begin(self) -> None:
        """Note that this thread runs a pipeline from now on."""
        self._running = threading.current_thread()

    def check_node(self) -> None:
        """Refuse a node in another thread, as of a runner that says nothing of its threads."""
        if threading.current_thread() is not self._running:
            raise RunnerError(f"nodes run in one thread; leave out the runner: {_BESIDE}")

    def end(self) -> None:
        """Let the next run begin."""
        self._running = None

    def _refuse_second_run(self) -> None:
        running = self._running
        if running is not None and running.is_alive() and running is not threading.current_thread():
            raise RunnerError(f"another run is active in this process, in thread {running.name}; {_BESIDE}")


def check_runner_class(kind: object, name: str) -> None:
    """Let only Kedro's sequential runner pass, and what is derived from it.

    Args:
        kind: The runner's class; anything else if it is not known.
        name: As the user gave it.

    Raises:
        RunnerError: With what to do instead.
    """
    if not (isinstance(kind, type) and issubclass(kind, SequentialRunner)):
        raise RunnerError(
            f"runner: received {name}, but only the sequential runner works here: seeds and the record belong to the "
            f"process. Leave out --runner; {_BESIDE}"
        )


def check_runner(runner: str) -> None:
    """Check a runner as Kedro describes it to hooks: by what ``str`` makes of it.

    Raises:
        RunnerError: If it is not the sequential one.
    """
    if runner == str(None):
        return
    found = _OBJECT.fullmatch(runner)
    kind = getattr(sys.modules.get(found[1]), found[2], None) if found else None
    check_runner_class(kind, found[2] if found else runner)
