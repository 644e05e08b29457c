from types import SimpleNamespace

import numpy as np
import pytest

from mnist_resnet.config import LatencyParameters
from mnist_resnet.evaluation import latency as module
from mnist_resnet.evaluation.latency import classify_timed, measure_speed, relative_speeds

PARAMETERS = LatencyParameters(warm_up=2, calls=100, latency_batch_sizes=(1, 4), throughput_batch_sizes=(8, 16))
IMAGES = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)


class MadeSession:
    """Answers nothing, notes each batch, and moves a clock by a planned time for each call."""

    def __init__(self, plan):
        self.now, self.plan, self.batches = 0.0, plan, []

    def run(self, batch: np.ndarray):
        self.batches.append(batch)
        self.now += self.plan(len(self.batches))


@pytest.fixture
def timed(monkeypatch):
    """A session on a clock of its own; the plan gives the seconds of each call, counted from one."""

    def timed(plan) -> MadeSession:
        session = MadeSession(plan)
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: session.now))
        return session

    return timed


def test_every_batch_size_has_its_figures(timed):
    speed = measure_speed(timed(lambda _: 0.002), IMAGES, PARAMETERS)
    assert list(speed.latency_ms) == ["1", "4"]
    assert list(speed.throughput_images_per_s) == ["8", "16"]
    for times in speed.latency_ms.values():
        assert times == pytest.approx({"p50": 2, "p95": 2, "p99": 2})
    assert speed.throughput_images_per_s == pytest.approx({"8": 4000, "16": 8000})


def test_each_size_is_warmed_up_and_then_called(timed):
    session = timed(lambda _: 0.001)
    measure_speed(session, IMAGES, PARAMETERS)
    sizes = [len(batch) for batch in session.batches]
    assert sizes == [size for size in (1, 4, 8, 16) for _ in range(2 + 100)]


def test_the_warm_up_is_not_timed(timed):
    speed = measure_speed(timed(lambda call: 9.0 if call % 102 in (1, 2) else 0.001), IMAGES, PARAMETERS)
    assert speed.latency_ms["4"]["p99"] == pytest.approx(1)


def test_percentiles_are_of_single_calls_and_in_order(timed):
    # After two calls of warm-up, the timed calls take 1, 2, ... 100 ms.
    parameters = LatencyParameters(warm_up=2, calls=100, latency_batch_sizes=(1,), throughput_batch_sizes=())
    speed = measure_speed(timed(lambda call: (call - 2) / 1000 if call > 2 else 5.0), IMAGES, parameters)
    # numpy interpolates: the p-th percentile of 1..100 is 1 + 0.99 p.
    assert speed.latency_ms == {"1": pytest.approx({"p50": 50.5, "p95": 95.05, "p99": 99.01})}
    assert speed.throughput_images_per_s == {}


def test_throughput_is_that_of_the_median_call(timed):
    parameters = LatencyParameters(warm_up=1, calls=5, latency_batch_sizes=(), throughput_batch_sizes=(10,))
    speed = measure_speed(timed(lambda call: [7, 0.1, 0.1, 0.2, 0.4, 60][call - 1]), IMAGES, parameters)
    assert speed.throughput_images_per_s == pytest.approx({"10": 10 / 0.2})


@pytest.mark.parametrize("size", [1, 4, 5, 8, 16])
def test_images_are_repeated_where_a_batch_needs_more(timed, size):
    session = timed(lambda _: 0.001)
    parameters = LatencyParameters(warm_up=1, calls=2, latency_batch_sizes=(size,), throughput_batch_sizes=())
    measure_speed(session, IMAGES, parameters)
    batch = session.batches[0]
    assert (batch.dtype, batch.shape) == (np.uint8, (size, 8, 8))
    np.testing.assert_array_equal(batch, np.stack([IMAGES[index % len(IMAGES)] for index in range(size)]))


def test_calls_that_classify_are_timed_if_their_batch_is_whole(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def run(batch):
        clock.now += len(batch) / 1000
        return batch[:, 0, :3]

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    answers, seconds = classify_timed(SimpleNamespace(run=run), IMAGES, 2)
    np.testing.assert_array_equal(answers, IMAGES[:, 0, :3])
    assert seconds == pytest.approx([0.002, 0.002])


def test_calls_that_have_been_timed_are_not_made_again(timed):
    session = timed(lambda _: 0.001)
    enough, too_few = [9.0, 9.0, *[0.004] * 100], [0.004] * 101
    speed = measure_speed(session, IMAGES, PARAMETERS, {8: enough, 16: too_few})
    assert speed.throughput_images_per_s == pytest.approx({"8": 2000, "16": 16000})
    assert {len(batch) for batch in session.batches} == {1, 4, 16}


def test_on_a_real_clock_calls_take_time():
    speed = measure_speed(SimpleNamespace(run=lambda batch: batch.sum()), IMAGES, PARAMETERS)
    for times in speed.latency_ms.values():
        assert 0 < times["p50"] <= times["p95"] <= times["p99"]
    assert min(speed.throughput_images_per_s.values()) > 0


def test_two_sessions_take_turns_and_are_compared_turn_by_turn(monkeypatch):
    clock, order = SimpleNamespace(now=0.0), []

    def session(name, seconds):
        def run(batch):
            order.append((name, len(batch)))
            # The machine is three times as slow in every second turn, and the first call is slow for another reason.
            clock.now += 9.0 if len(order) == 1 else seconds * (3 if (len(order) - 1) // 2 % 2 else 1)

        return SimpleNamespace(run=run)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    ratios = relative_speeds({"int8": session("int8", 0.01)}, session("fp32", 0.015), IMAGES, (8, 16), calls=4)
    assert ratios["int8"] == pytest.approx({"8": 1.5, "16": 1.5})
    turns = {8: 1 + 8, 16: 1 + 4}  # after a first one as many images of each size
    assert order == [(name, size) for size, calls in turns.items() for _ in range(calls) for name in ("fp32", "int8")]


def test_all_sessions_are_compared_with_one_call_of_the_reference_in_each_turn(monkeypatch):
    clock, order = SimpleNamespace(now=0.0), []

    def session(name, seconds):
        def run(batch):
            order.append(name)
            clock.now += seconds

        return SimpleNamespace(run=run)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    others = {"int8": session("int8", 0.01), "gemm": session("gemm", 0.06)}
    speeds = relative_speeds(others, session("fp32", 0.03), IMAGES, (8,), calls=4)
    assert speeds == {"int8": {"8": pytest.approx(3.0)}, "gemm": {"8": pytest.approx(0.5)}}
    assert order == ["fp32", "int8", "gemm"] * 5
