"""Trainings whose batches several processes share, each with two devices, against one process with one device."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_images

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("on_hosts.py")
RANKS, DEVICES = 2, 2
VALIDATED = 1003
# The devices add up in another order, and each step makes more of that; relative to a tensor's largest value.
WEIGHTS = 1e-6


@pytest.fixture(scope="module")
def folder(training_parameters, model_parameters, tmp_path_factory) -> Path:
    """Where all of them have left their results."""
    folder: Path = tmp_path_factory.mktemp("hosts")
    parameters = replace(training_parameters, epochs=1, batch_size=64, max_shift=1, devices=DEVICES)
    (folder / "given.json").write_text(json.dumps({"model": asdict(model_parameters), "training": asdict(parameters)}))
    (images, labels), (validated, classes) = make_images(192, seed=1), make_images(VALIDATED, seed=2)
    arrays = {"train_images": images, "train_labels": labels}
    np.savez(folder / "split.npz", **arrays, validation_images=validated, validation_labels=classes)
    run_ranks(folder, 1)
    run_ranks(folder, RANKS)
    return folder


def run_ranks(folder: Path, ranks: int) -> None:
    """Train in so many processes, and wait for their end."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    variables = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    variables |= {"XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}"}
    with ExitStack() as stack:
        processes = []
        for rank in range(ranks):
            command = [sys.executable, str(SCRIPT), str(folder), *map(str, (rank, ranks, port))]
            started = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.PIPE, text=True)
            processes.append(stack.enter_context(started))
            stack.callback(started.kill)
        for process in processes:
            _, printed = process.communicate(timeout=600)
            assert process.returncode == 0, printed


def answers(folder: Path, rank: int, ranks: int, steps: int) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads((folder / f"{rank} of {ranks}.json").read_text())[f"{steps} steps"]
    return answers


def weights(folder: Path, rank: int, ranks: int, steps: int) -> list[np.ndarray]:
    with np.load(folder / f"{steps} steps, {rank} of {ranks}.npz") as stored:
        return [stored[key] for key in stored.files]


@pytest.mark.parametrize("steps", [1, 3])
class TestTwoRanks:
    def test_their_weights_are_those_of_one_device(self, folder: Path, steps: int) -> None:
        alone, shared = weights(folder, 0, 1, steps), weights(folder, 0, RANKS, steps)
        for one, other in zip(alone, shared, strict=True):
            assert np.abs(other - one).max() <= WEIGHTS * max(np.abs(one).max(), 1.0)

    def test_they_have_the_same_bits(self, folder: Path, steps: int) -> None:
        first, second = (weights(folder, rank, RANKS, steps) for rank in range(RANKS))
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_every_device_of_both_has_all_weights_and_a_part_of_each_batch(self, folder: Path, steps: int) -> None:
        for rank in range(RANKS):
            told = answers(folder, rank, RANKS, steps)
            assert told["devices"] == RANKS * DEVICES
            assert told["variables"] == [f"True on {RANKS * DEVICES}"]
            assert told["batches"] == [f"divided among {RANKS * DEVICES}"]

    def test_figures_are_exact_though_the_last_validation_batch_is_uneven(self, folder: Path, steps: int) -> None:
        assert VALIDATED % (RANKS * DEVICES)
        alone, shared = answers(folder, 0, 1, steps)["figures"], answers(folder, 0, RANKS, steps)["figures"]
        assert shared == pytest.approx(alone, rel=1e-5)
        assert shared[3] * VALIDATED == pytest.approx(round(alone[3] * VALIDATED), abs=1e-3)

    def test_the_first_alone_writes_checkpoints(self, folder: Path, steps: int) -> None:
        written = [answers(folder, rank, RANKS, steps)["written"] for rank in range(RANKS)]
        assert written == [["arrays_1.npz", "training.json"], []]
