import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.training.augmentation import draw_epoch
from mnist_resnet.training.batches import Batches, LookAhead, feed, training_batches, validation_batches
from mnist_resnet.training.distribution import Share
from mnist_resnet.training.runtime import runtime


@pytest.fixture
def images() -> np.ndarray:
    """Ten images that say their own index."""
    return np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(10, dtype=np.uint8) + 100


@pytest.fixture
def draws(training_parameters):
    return draw_epoch(
        10, (8, 8), 0, replace(training_parameters, max_shift=3, horizontal_flip=True, erased_fraction=0.5)
    )


def test_training_batches_follow_the_order_with_each_images_own_draw(images, labels, draws):
    batches = list(training_batches(images, labels, draws, 5))
    inputs = {key: np.concatenate([batch[key] for batch, _ in batches]) for key in batches[0][0]}
    np.testing.assert_array_equal(inputs["image"][:, 0, 0], draws.order)
    np.testing.assert_array_equal(inputs["shift"], draws.shifts[draws.order])
    np.testing.assert_array_equal(inputs["flip"], draws.flips[draws.order])
    np.testing.assert_array_equal(inputs["erased"], draws.erased[draws.order])
    np.testing.assert_array_equal(np.concatenate([label for _, label in batches]), draws.order + 100)


def test_training_batches_have_the_types_that_the_network_takes(images, labels, draws):
    inputs, targets = training_batches(images, labels, draws, 5)[0]
    assert {key: array.dtype for key, array in inputs.items()} == {
        "image": "uint8",
        "shift": "int32",
        "flip": "bool",
        "erased": "int32",
    }
    assert targets.dtype == np.int32


@pytest.mark.parametrize(("size", "count"), [(1, 10), (3, 3), (4, 2), (5, 2), (10, 1), (11, 0)])
def test_an_incomplete_training_batch_is_left_out(images, labels, draws, size, count):
    batches = list(training_batches(images, labels, draws, size))
    assert [len(targets) for _, targets in batches] == [size] * count


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_validation_covers_everything_in_order(images, labels, size):
    batches = list(validation_batches(images, labels, size))
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), images)
    np.testing.assert_array_equal(np.concatenate([targets for _, targets in batches]), labels)
    assert max(len(targets) for _, targets in batches) == min(size, 10)


def test_memory_mapped_images_are_read_batch_by_batch(images, labels, draws, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    (expected, _), (read, _) = (training_batches(source, labels, draws, 4)[0] for source in (images, mapped))
    np.testing.assert_array_equal(read["image"], expected["image"])
    np.testing.assert_array_equal(validation_batches(mapped, labels, 4)[0][0], images[:4])


def test_feed_gives_the_same_batches_through_tf_data(images, labels, draws):
    expected = training_batches(images, labels, draws, 3)
    with feed(expected) as dataset:
        assert isinstance(dataset, tf.data.Dataset)
        fed = list(dataset.as_numpy_iterator())
    assert len(fed) == 3
    for (inputs, targets), (fed_inputs, fed_targets) in zip(expected, fed, strict=True):
        assert inputs.keys() == fed_inputs.keys()
        for key, array in inputs.items():
            np.testing.assert_array_equal(fed_inputs[key], array)
        np.testing.assert_array_equal(fed_targets, targets)


def test_feed_knows_its_length_and_leaves_autotune_off(images, labels):
    with feed(validation_batches(images, labels, 4)) as dataset:
        assert dataset.cardinality() == 3
        assert dataset.options().autotune.enabled is False


def test_feed_takes_a_smaller_last_batch(images, labels):
    with feed(validation_batches(images, labels, 4)) as dataset:
        assert dataset.element_spec[0] == tf.TensorSpec((None, 8, 8), tf.uint8)
        assert [len(targets) for _, targets in dataset] == [4, 4, 2]


def test_a_dataset_can_be_gone_through_again(images, labels, draws):
    with feed(training_batches(images, labels, draws, 3)) as dataset:
        first, second = ([targets.tolist() for _, targets in dataset.as_numpy_iterator()] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("number", [-1, 3])
def test_a_batch_that_is_not_there_is_refused(images, labels, number):
    batches = validation_batches(images, labels, 4)
    assert len(batches) == 3
    with pytest.raises(IndexError, match=f"batch {number} of 3"):
        batches[number]


def test_feed_gives_another_backend_the_same_batches_by_number(images, labels, draws, monkeypatch):
    monkeypatch.setattr(keras, "backend", SimpleNamespace(backend=lambda: "jax"))
    batches = training_batches(images, labels, draws, 4)
    with feed(batches) as fed:
        assert isinstance(fed, keras.utils.PyDataset)
        assert len(fed) == fed.num_batches == 2
        for number, (inputs, targets) in enumerate(batches):
            fed_inputs, fed_targets = fed[number]
            assert fed_inputs.keys() == inputs.keys()
            for key, array in inputs.items():
                np.testing.assert_array_equal(fed_inputs[key], array)
            np.testing.assert_array_equal(fed_targets, targets)


def batches_of(count: int, make: Callable[[int], None]) -> Batches:
    """Batches of one number each, their own; ``make`` is told of each that is made."""

    def made(number: int) -> tuple[np.ndarray, np.ndarray]:
        make(number)
        return np.full((1, 1), number, "float32"), np.full(1, number, np.int32)

    return Batches(count, made)


@pytest.fixture(params=["tensorflow", "another backend"])
def backend(request, monkeypatch):
    """The input of TensorFlow, and of a backend that takes batches by number."""
    if request.param != "tensorflow":
        monkeypatch.setattr(keras, "backend", SimpleNamespace(backend=lambda: "jax"))


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.usefixtures("precision_before")
def test_batches_are_made_before_they_are_asked_for(training_parameters, deterministic):
    ahead = threading.Event()
    batches = batches_of(9, lambda number: number == 2 and ahead.set())
    with runtime(replace(training_parameters, deterministic=deterministic)), feed(batches) as fed:
        next(iter(fed))
        assert ahead.wait(10)


class AtOnce(Executor):
    """Makes a batch in the moment that it is ordered."""

    def submit(self, make, number):
        future = Future()
        future.set_result(make(number))
        return future


@pytest.mark.parametrize(("count", "so_far"), [(0, [1, 2, 3, 4, 5]), (2, [3, 4, 5, 5, 5])])
def test_so_many_batches_are_made_ahead_and_each_one_once(count, so_far):
    made = []
    ahead = LookAhead(batches_of(5, made.append), AtOnce(), count)
    assert len(ahead) == ahead.num_batches == 5
    for number in range(5):
        assert ahead[number][1].item() == number
        assert made == list(range(so_far[number]))
    with pytest.raises(IndexError, match="batch 5 of 5"):
        ahead[5]


def test_any_batch_can_be_asked_for():
    ahead = LookAhead(batches_of(9, lambda _: None), AtOnce(), 2)
    order = [0, 0, 5, 6, 1, 8, 0, 1, 2]
    assert [ahead[number][1].item() for number in order] == order


def makers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("taken", [0, 1, 9])
def test_the_thread_ends_with_the_block(taken):
    with feed(batches_of(9, lambda _: None)) as fed:
        assert len(list(islice(fed, taken))) == taken
        assert len(makers()) <= 1
    assert makers() == []


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_the_thread_ends_with_a_block_that_is_left_by_an_error(error):
    def leave() -> None:
        with feed(batches_of(9, lambda _: None)) as fed:
            next(iter(fed))
            raise error

    with pytest.raises(error):
        leave()
    assert makers() == []


class DiskError(Exception):
    """Of reading a batch."""


@pytest.fixture
def network() -> keras.Model:
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", jit_compile=False)
    return network


@pytest.mark.parametrize("failing", [0, 1, 8])
def test_an_error_of_making_a_batch_is_raised_as_it_is(network, failing):
    def fail(number: int) -> None:
        if number == failing:
            raise DiskError(number)

    with pytest.raises(DiskError, match=str(failing)), feed(batches_of(9, fail)) as fed:
        network.fit(fed, shuffle=False, verbose=0)
    assert makers() == []


def test_an_error_of_using_a_batch_is_raised_as_it_is(network):
    def refuse(step: int, logs: dict[str, float]) -> None:
        if step == 4:
            raise ZeroDivisionError

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=refuse)
    with pytest.raises(ZeroDivisionError), feed(batches_of(9, lambda _: None)) as fed:
        network.fit(fed, shuffle=False, verbose=0, callbacks=[callback])
    assert makers() == []


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_feed_each_training_batch_together(images, labels, draws, ranks):
    whole = training_batches(images, labels, draws, 8)
    parts = [training_batches(images, labels, draws, 8, Share(rank, ranks)) for rank in range(ranks)]
    for number, (inputs, classes) in enumerate(whole[each] for each in range(len(whole))):
        fed = [part[number] for part in parts]
        assert {len(own) for _, own in fed} == {8 // ranks}
        np.testing.assert_array_equal(np.concatenate([own for _, own in fed]), classes)
        for name, values in inputs.items():
            np.testing.assert_array_equal(np.concatenate([own[name] for own, _ in fed]), values)
