"""Runners, and runs beside each other, as Kedro tells hooks of them."""

import threading

import pytest
from kedro.runner import SequentialRunner, ThreadRunner

from mnist_resnet.hooks.running_thread import RunnerError, RunningThread, check_runner


class Unnamed(SequentialRunner):
    def __str__(self) -> str:
        return "mine"


@pytest.mark.parametrize("runner", [None, SequentialRunner(), SequentialRunner(is_async=True)])
def test_the_sequential_runner_may_run(runner: object) -> None:
    check_runner(str(runner))


@pytest.mark.parametrize(("runner", "name"), [(ThreadRunner(), "ThreadRunner"), (Unnamed(), "mine")])
def test_others_are_refused_by_name(runner: object, name: str) -> None:
    with pytest.raises(RunnerError, match=f"received {name}.*Leave out --runner"):
        check_runner(str(runner))


def begin(running: RunningThread) -> None:
    running.load()
    running.check()
    running.begin()


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
    running = RunningThread()
    begin(running)
    running.check_node()
    assert "another run is active" in str(in_thread(running.load))
    assert "another run is active" in str(in_thread(running.check))
    assert "one thread" in str(in_thread(running.check_node))
    running.end()
    assert in_thread(lambda: begin(running)) is None  # and its thread ends, as if interrupted
    begin(running)


def test_a_configuration_that_another_thread_has_loaded_is_refused() -> None:
    running = RunningThread()
    running.load()
    assert in_thread(running.load) is None
    with pytest.raises(RunnerError, match="another thread loaded a configuration"):
        running.check()
