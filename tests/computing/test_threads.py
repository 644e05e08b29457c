"""Cores, and the threads that are asked for."""

import os

import pytest

from mnist_resnet.computing import device
from mnist_resnet.computing.device import found_device
from mnist_resnet.computing.threads import THREADS_VARIABLE, asked_threads, usable_cores


@pytest.mark.parametrize(
    ("asked", "threads"), [(None, 0), ("", 0), ("0", 0), ("1", 1), ("16", 16), ("-1", 0), ("two", 0)]
)
def test_the_threads_are_those_that_a_variable_asks_for(asked: str | None, threads: int) -> None:
    assert asked_threads({} if asked is None else {THREADS_VARIABLE: asked}) == threads


def test_cores_that_this_process_may_not_use_do_not_count() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("Linux alone tells of the cores that a process is held to")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:1])
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("asked", "cores", "name"),
    [
        ("", 2, "the CPU (2 cores)"),
        ("2", 2, "the CPU (2 cores)"),
        ("1", 2, "the CPU (1 of 2 cores)"),
        ("8", 2, "the CPU (2 cores)"),
        ("", 1, "the CPU (1 core)"),
    ],
)
def test_the_processor_is_named_with_the_cores_that_compute(
    asked: str, cores: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv(THREADS_VARIABLE, asked)
    monkeypatch.setattr(device, "usable_cores", lambda: cores)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
    assert found_device().name == name
