"""Trainings whose batches several devices share."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.computing.training_devices import devices_for
from mnist_resnet.training import distribution
from mnist_resnet.training.batches import NO_CLASS, filling, validation_batches
from mnist_resnet.training.distribution import Share, require_agreement
from tests.conftest import make_images

SCRIPT = Path(__file__).with_name("on_several_devices.py")
VALIDATED = 1003
# The devices add up in another order, and each step makes more of that: after three, 1.2e-7 was seen.
TOLERANCE = 1e-6


class Trained:
    """What the process has left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.answers: dict[str, Any] = json.loads((folder / "answers.json").read_text())

    def weights(self, name: object) -> list[np.ndarray]:
        stored = np.load(self._folder / f"{name}.npz")
        return [stored[key] for key in stored.files]


@pytest.fixture(scope="module")
def trained(training_parameters, model_parameters, made_split, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("devices")
    parameters = replace(training_parameters, epochs=1, batch_size=64, max_shift=1)
    (folder / "given.json").write_text(json.dumps({"model": asdict(model_parameters), "training": asdict(parameters)}))
    images, labels = make_images(VALIDATED, seed=2)
    split = made_split._replace(validation_images=images, validation_labels=labels)
    np.savez(folder / "split.npz", **split._asdict())
    variables = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    ended = subprocess.run(
        [sys.executable, SCRIPT, folder],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    return Trained(folder)


@pytest.mark.landing
@pytest.mark.parametrize("devices", [2, 8])
class TestOnJax:
    def test_each_device_has_all_weights(self, trained: Trained, devices: int) -> None:
        assert trained.answers[f"sharding {devices}"] == {"devices": [devices], "replicated": True}

    @pytest.mark.parametrize("steps", [1, 3])
    def test_the_weights_are_those_of_one_device(self, trained: Trained, devices: int, steps: int) -> None:
        alone, shared = trained.weights(f"1 after {steps}"), trained.weights(f"{devices} after {steps}")
        assert [one.shape for one in alone] == [other.shape for other in shared]
        for one, other in zip(alone, shared, strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=TOLERANCE)

    @pytest.mark.parametrize("steps", [1, 3])
    def test_figures_are_those_of_one_device_though_the_last_validation_batch_is_uneven(
        self, trained: Trained, devices: int, steps: int
    ) -> None:
        alone, shared = trained.answers[f"1 after {steps}"], trained.answers[f"{devices} after {steps}"]
        assert VALIDATED % devices
        for figure in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            assert shared[figure] == pytest.approx(alone[figure], rel=TOLERANCE), figure
        right = shared["validation_accuracy"] * VALIDATED
        assert right == pytest.approx(round(right), rel=TOLERANCE)


@pytest.mark.landing
def test_a_resumed_training_on_eight_devices_has_the_same_bits(trained: Trained) -> None:
    for one, other in zip(trained.weights("undisturbed"), trained.weights("resumed"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.landing
def test_devices_that_are_not_there_or_cannot_share_a_batch_are_refused(trained: Trained) -> None:
    assert trained.answers["nine"].startswith("training.devices: received 9, but JAX finds 8: cpu:0, cpu:1,")
    assert trained.answers["indivisible"].startswith(
        "training.batch_size: received 60, which 8 devices cannot share evenly; choose a multiple of 8"
    )


@pytest.mark.landing
def test_afterwards_nothing_is_distributed(trained: Trained) -> None:
    assert trained.answers["sharding 1"] == {"devices": [1], "replicated": True}
    assert trained.answers["left behind"] is False


def test_on_tensorflow_several_devices_are_refused_with_the_reason() -> None:
    with pytest.raises(DeviceError, match=r"^training\.devices: received 2, but on TensorFlow .* batch norm .*=jax"):
        devices_for(2, 256)


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_on_tensorflow_all_devices_may_be_one(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"] * gpus)
    if gpus < 2:
        assert devices_for("all", 255) == []
    else:
        with pytest.raises(DeviceError, match="received all, but on TensorFlow one device trains"):
            devices_for("all", 255)


def test_one_device_needs_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mnist_resnet.computing.training_devices.chosen_backend", lambda: pytest.fail("it was asked for")
    )
    assert devices_for(1, 255) == []


@pytest.mark.parametrize(
    ("images", "size", "devices", "sizes", "missing"),
    [(10, 4, 1, [4, 4, 2], 0), (10, 4, 4, [4, 4, 4], 2), (10, 3, 2, [4, 4, 2], 0), (9, 500, 8, [16], 7)],
)
def test_validation_batches_are_filled_up_for_the_devices(images, size, devices, sizes, missing) -> None:
    pixels = np.arange(1, images + 1, dtype=np.uint8)[:, None, None]
    batches = list(validation_batches(pixels, np.ones(images, np.uint8), size, devices))
    assert [len(raw) for raw, _ in batches] == sizes
    raw, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
    np.testing.assert_array_equal(raw[:images], pixels)
    assert labels.tolist() == [1] * images + [NO_CLASS] * missing
    assert filling(images, devices) == (images + missing) / images


@pytest.mark.parametrize("images", [8, 45, 1003])
@pytest.mark.parametrize(("devices", "ranks"), [(2, 2), (8, 2), (8, 4)])
def test_ranks_feed_each_batch_together(images, devices, ranks) -> None:
    pixels, labels = np.arange(images, dtype=np.uint16)[:, None, None], np.ones(images, np.uint8)
    whole = list(validation_batches(pixels, labels, 500, devices))
    shares = [Share(rank, ranks) for rank in range(ranks)]
    parts = [list(validation_batches(pixels, labels, 500, devices, share)) for share in shares]
    for batch, of_ranks in zip(whole, zip(*parts, strict=True), strict=True):
        for one, others in zip(batch, zip(*of_ranks, strict=True), strict=True):
            assert len({len(other) for other in others}) == 1
            np.testing.assert_array_equal(np.concatenate(others), one)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (("ab" * 32, 5), None),
        (("cd" * 32, 5), "the hosts would not compute alike"),
        (("ab" * 32, 0), r"the hosts could read 5, 0 epochs of the checkpoint; type the command again"),
    ],
)
def test_ranks_that_would_not_take_the_same_steps_are_refused(
    monkeypatch: pytest.MonkeyPatch, others: tuple[str, int], said: str | None
) -> None:
    from jax.experimental import multihost_utils

    identity, epochs = others
    theirs = np.append(np.frombuffer(bytes.fromhex(identity), np.int32), np.int32(epochs))
    monkeypatch.setattr(multihost_utils, "process_allgather", lambda own: np.stack([own, theirs]))
    monkeypatch.setattr(distribution, "own_share", lambda: Share(0, 2))
    with pytest.raises(DeviceError, match=said) if said else nullcontext():
        require_agreement("ab" * 32, 5)


def test_a_training_by_one_process_agrees_with_itself() -> None:
    require_agreement("ab" * 32, 5)


def test_the_rows_of_ranks_make_up_the_batch() -> None:
    assert [Share(rank, 3).rows(2, 12) for rank in range(3)] == [slice(24, 28), slice(28, 32), slice(32, 36)]
    assert Share().rows(2, 12) == slice(24, 36)
