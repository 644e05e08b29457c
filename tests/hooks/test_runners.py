"""Runners, and runs beside each other, as Kedro tells hooks of them."""

import threading
from contextlib import suppress

import pytest
from kedro.runner import SequentialRunner, ThreadRunner

from mnist_resnet.hooks import RunnerHooks
from mnist_resnet.hooks.runners import RunnerError


class Unnamed(SequentialRunner):
    def __str__(self) -> str:
        return "mine"


def begin(hooks: RunnerHooks, runner: object = None, refusal: Exception | None = None) -> None:
    """What Kedro does until the first node, unless another hook refuses the run."""
    hooks.after_context_created()
    wrapper = hooks.before_pipeline_run({"runner": str(runner)})
    next(wrapper)
    with suppress(StopIteration):
        wrapper.throw(refusal) if refusal else next(wrapper)


@pytest.mark.parametrize("runner", [None, SequentialRunner(), SequentialRunner(is_async=True)])
def test_the_sequential_runner_may_run(runner: object) -> None:
    hooks = RunnerHooks()
    begin(hooks, runner)
    hooks.before_node_run()


@pytest.mark.parametrize(("runner", "name"), [(ThreadRunner(), "ThreadRunner"), (Unnamed(), "mine")])
def test_others_are_refused_by_name(runner: object, name: str) -> None:
    with pytest.raises(RunnerError, match=f"received {name}.*Leave out --runner"):
        begin(RunnerHooks(), runner)


def in_thread(action) -> BaseException | None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            action()
        except RunnerError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return errors[0] if errors else None


def test_a_second_run_beside_one_is_refused_until_that_ends() -> None:
    hooks = RunnerHooks()
    begin(hooks)
    assert "another run is going on" in str(in_thread(hooks.after_context_created))
    assert "one thread" in str(in_thread(hooks.before_node_run))
    list(hooks.after_pipeline_run())
    assert in_thread(lambda: begin(hooks)) is None


def test_after_a_run_that_failed_was_refused_or_interrupted_the_next_may_run() -> None:
    hooks = RunnerHooks()
    begin(hooks)
    list(hooks.on_pipeline_error())
    with pytest.raises(ValueError, match="refused"):
        begin(hooks, refusal=ValueError("refused"))
    assert in_thread(lambda: begin(hooks)) is None  # and its thread ends, as if interrupted
    begin(hooks)
