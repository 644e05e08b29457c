"""The rule that nodes run one after another, in one thread, for one run at a time."""

import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.runner import SequentialRunner

from mnist_resnet.errors import UserError

# As Python describes an object whose class says nothing else.
_OBJECT = re.compile(r"<([\w.]+)\.(\w+) object at 0x[0-9a-fA-F]+>")
_BESIDE = "recipes run beside each other as `kedro run` commands of their own"


class RunnerError(UserError, ValueError):
    """Nodes would run beside each other, or in another process than this one."""


class RunnerHooks:
    """Refuse, before any work, whatever would run two nodes at a time in this process, or any in another.

    Seeds, Keras' precision policy, TensorFlow's determinism and the record of a run belong to the process.
    """

    def __init__(self) -> None:
        self._loaded_by: threading.Thread | None = None
        self._running: threading.Thread | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Let no other thread change the configuration of a run that goes on."""
        self._refuse_second_run()
        self._loaded_by = threading.current_thread()

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> Iterator[None]:
        """Refuse other runners, and a second run beside one that goes on."""
        _require_sequential(run_params["runner"])
        self._refuse_second_run()
        if self._loaded_by is not threading.current_thread():
            raise RunnerError(f"another thread has loaded a configuration since this run was asked for; {_BESIDE}")
        self._running = threading.current_thread()
        try:
            return (yield)
        except BaseException:
            self._running = None
            raise

    @hook_impl(tryfirst=True)
    def before_node_run(self) -> None:
        """Refuse a runner that says nothing of its threads."""
        if threading.current_thread() is not self._running:
            raise RunnerError(f"nodes run in one thread; leave out the runner: {_BESIDE}")

    @hook_impl(wrapper=True, tryfirst=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Let the next run begin."""
        try:
            return (yield)
        finally:
            self._running = None

    @hook_impl(wrapper=True, tryfirst=True)
    def on_pipeline_error(self) -> Iterator[None]:
        """Let the next run begin."""
        try:
            return (yield)
        finally:
            self._running = None

    def _refuse_second_run(self) -> None:
        """Kedro does not tell of an interrupted run: one of this same thread must have been."""
        running = self._running
        if running is not None and running.is_alive() and running is not threading.current_thread():
            raise RunnerError(f"another run is going on in this process, in thread {running.name}; {_BESIDE}")


def refuse_unless_sequential(kind: object, name: str) -> None:
    """Let only Kedro's sequential runner pass, and what is derived from it.

    Args:
        kind: The runner's class; anything else if it is not known.
        name: As the user gave it.

    Raises:
        RunnerError: With what to do instead.
    """
    if not (isinstance(kind, type) and issubclass(kind, SequentialRunner)):
        raise RunnerError(
            f"runner: received {name}, but here nodes run one after another, since seeds and the record belong to the "
            f"process. Leave out --runner; {_BESIDE}"
        )


def _require_sequential(runner: str) -> None:
    """Check a runner as Kedro describes it to hooks: by what ``str`` makes of it."""
    if runner == str(None):
        return
    found = _OBJECT.fullmatch(runner)
    kind = getattr(sys.modules.get(found[1]), found[2], None) if found else None
    refuse_unless_sequential(kind, found[2] if found else runner)
