from dataclasses import replace

import pytest

from mnist_resnet.training.events import EpochResult, TrainingStart, TrainingStopped, announce, listening
from tests.made_device import DEVICE


def result(epoch: int) -> EpochResult:
    return EpochResult(
        epoch=epoch,
        learning_rate=0.1,
        train_loss=0.5,
        train_accuracy=0.8,
        validation_loss=0.6,
        validation_accuracy=0.7,
        seconds=2.0,
        images_per_second=100.0,
    )


def test_a_listener_hears_of_each_epoch_within_the_block_only():
    heard = []
    announce(result(1))
    with listening(heard.append):
        announce(result(2))
        announce(result(3))
    announce(result(4))
    assert heard == [result(2), result(3)]


def test_all_listeners_hear():
    first, second = [], []
    with listening(first.append):
        announce(result(1))
        with listening(second.append):
            announce(result(2))
        announce(result(3))
    assert [heard.epoch for heard in first] == [1, 2, 3]
    assert [heard.epoch for heard in second] == [2]


def test_a_listener_is_forgotten_after_an_error():
    heard = []
    with pytest.raises(KeyError), listening(heard.append):
        raise KeyError
    announce(result(1))
    assert heard == []


def test_a_listeners_error_reaches_whoever_announces():
    def refuse(_):
        raise ValueError("full disk")

    with listening(refuse), pytest.raises(ValueError, match="full disk"):
        announce(result(1))


def test_the_same_listener_twice_hears_twice_and_leaves_one_at_a_time():
    heard = []
    with listening(heard.append):
        with listening(heard.append):
            announce(result(1))
        announce(result(2))
    assert [each.epoch for each in heard] == [1, 1, 2]


def test_a_result_is_put_in_one_line():
    assert result(1).in_words() == (
        "loss 0.5000, accuracy 0.8000; validation loss 0.6000, accuracy 0.7000; 100 images/s"
    )


def test_a_result_without_validation_says_nothing_of_it():
    unvalidated = replace(result(1), validation_loss=None, validation_accuracy=None)
    assert unvalidated.in_words() == "loss 0.5000, accuracy 0.8000; 100 images/s"


def test_who_listens_for_starts_hears_of_no_epoch_and_the_other_way_round():
    start = TrainingStart(DEVICE, initial_weights={"stem/kernel": "00"})
    starts, epochs = [], []
    with listening(starts.append, TrainingStart), listening(epochs.append):
        announce(start)
        announce(result(1))
    announce(start)
    assert starts == [start]
    assert epochs == [result(1)]


def test_a_device_is_put_in_two_sentences():
    assert DEVICE.in_words() == (
        "a made GPU, by tensorflow in mixed_bfloat16, with TF32, deterministic. "
        "Asked for: precision auto, tf32 true, deterministic true, require_gpu false."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "a made GPU by tensorflow, with TF32, deterministic"),
        ({"precision": "float32", "asked": {}}, "a made GPU by tensorflow, with TF32, deterministic"),
        ({"tf32": False}, "a made GPU by tensorflow, without TF32, deterministic"),
        ({"backend": "jax", "deterministic": False}, "a made GPU by jax, with TF32, not deterministic"),
        # How many cores there are is told elsewhere.
        ({"name": "the CPU (2 cores)", "kind": "CPU"}, "CPU by tensorflow, with TF32, deterministic"),
    ],
)
def test_devices_are_told_apart_by_what_they_are_and_how_they_compute(changes, words):
    assert replace(DEVICE, **changes).told_apart_by() == words


def test_several_devices_are_counted_and_are_another_device_than_one():
    four = replace(DEVICE, count=4)
    assert four.in_words().startswith("4 × a made GPU, by tensorflow in mixed_bfloat16")
    assert four.told_apart_by() == "4 × a made GPU by tensorflow, with TF32, deterministic"


def test_a_listener_that_stops_a_training_does_so_after_all_others_have_heard():
    heard = []

    def stop(_: EpochResult) -> None:
        raise TrainingStopped("enough")

    with listening(stop), listening(heard.append), pytest.raises(TrainingStopped, match="enough"):
        announce(result(1))
    assert heard == [result(1)]
