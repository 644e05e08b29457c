"""Trainings on several hosts by Ray, where processes of this machine stand for hosts."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, cluster
from mnist_resnet.computing.device import DeviceError
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.storage.disk_space import StorageError
from mnist_resnet.training.epochs.watch import TrainingError
from mnist_resnet.training.events import EpochResult, TrainingStart, listening
from mnist_resnet.training.hosts.driver import require_hosts, train_on_hosts
from mnist_resnet.training.hosts.rank import Trained
from mnist_resnet.training.network_spec import NetworkSpec
from tests.conftest import make_images
from tests.integration.conftest import listening_sockets
from tests.integration.scale.processes import RANK, processes_below, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.scale]

REFERENCE = Path(__file__).parents[2] / "training" / "hosts" / "on_hosts.py"
# The devices add up in another order, and each step makes more of that; relative to a tensor's largest value.
WEIGHTS = 1e-6
SECONDS = 300


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(ADDRESS_VARIABLE, raising=False)
        patch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
        with cluster(cpus=2):
            yield


@pytest.fixture(scope="module")
def on_two(training_parameters) -> TrainingParameters:
    return replace(training_parameters, epochs=1, batch_size=64, max_shift=1, hosts=2, devices=2)


@pytest.fixture(scope="module")
def spec(model_parameters) -> NetworkSpec:
    return NetworkSpec(model_parameters, Preprocessing("pad", (10, 10), 50.0, 0.02), (8, 8), 3)


def made(images: int) -> Split:
    return Split(*make_images(images, seed=1), *make_images(45, seed=2))


def trained(spec: NetworkSpec, split: Split, parameters: TrainingParameters, folder: Path) -> Trained:
    return train_on_hosts(spec, split, parameters, "Made squares", folder)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_two_hosts_with_two_devices_train_as_one_device_and_tell_how_it_goes(spec, on_two, tmp_path, caplog) -> None:
    split, news = made(192), []
    (tmp_path / "given.json").write_text(json.dumps({"model": asdict(spec.model), "training": asdict(on_two)}))
    np.savez(tmp_path / "split.npz", **split._asdict())
    variables = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(REFERENCE), str(tmp_path), "0", "1", "0"]
    with subprocess.Popen(command, env=os.environ | variables) as alone:
        with listening(news.append, TrainingStart), listening(news.append), caplog.at_level("INFO"):
            shared = trained(spec, split, on_two, tmp_path / "checkpoint")
        assert alone.wait(SECONDS) == 0
    with np.load(tmp_path / "3 steps, 0 of 1.npz") as stored:
        for one, other in zip((stored[key] for key in stored.files), shared.weights, strict=True):
            assert np.abs(other - one).max() <= WEIGHTS * max(np.abs(one).max(), 1.0)

    start, *epochs = news
    assert (start.device.backend, start.device.count, start.device.asked["hosts"]) == ("jax", 4, 2)
    assert epochs == shared.history
    assert "Made squares, epoch 1 of 1: loss" in caplog.text
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == ["arrays_1.npz", "training.json"]


@pytest.mark.usefixtures("ray_here")
def test_a_cluster_that_has_too_few_hosts_is_refused_before_any_work(on_two, monkeypatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "127.0.0.1:6379")
    with pytest.raises(DeviceError, match=r"received 2, but the cluster at 127\.0\.0\.1:6379 has 1"):
        require_hosts(on_two)


def ranks_of(process: int) -> list[int]:
    """The numbers of the processes that train for this one."""
    return processes_below(process, RANK)


@pytest.fixture(scope="module")
def long(on_two) -> TrainingParameters:
    return replace(on_two, epochs=6, learning_rate=0.01)


@pytest.fixture(scope="module")
def undisturbed(spec, long, ray_here, tmp_path_factory) -> Trained:
    return trained(spec, made(640), long, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def _no_rank_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not ranks_of(os.getpid()), SECONDS)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here", "_no_rank_is_left")
class TestOnTwoHosts:
    @pytest.mark.parametrize("which", [0, 1])
    def test_a_rank_that_is_killed_costs_no_bit(self, spec, long, undisturbed, tmp_path, caplog, which) -> None:
        told: list[EpochResult] = []

        def kill(result: EpochResult) -> None:
            told.append(result)
            if result.epoch == 2:
                os.kill(ranks_of(os.getpid())[which], signal.SIGKILL)

        with listening(kill):
            resumed = trained(spec, made(640), long, tmp_path / "killed")
        assert "A rank was lost; all ranks have started again" in caplog.text
        assert [result.epoch for result in told] == [1, 2, 3, 4, 5, 6]
        assert [result.train_loss for result in told] == [result.train_loss for result in undisturbed.history]
        for one, other in zip(undisturbed.weights, resumed.weights, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_nobody_elsewhere_reaches_ranks_of_one_machine(self, spec, on_two, tmp_path) -> None:
        where: list[set[str]] = []

        def look(_: TrainingStart) -> None:
            where.extend({address for address, _ in listening_sockets(rank)} for rank in ranks_of(os.getpid()))

        with listening(look, TrainingStart):
            trained(spec, made(64), on_two, tmp_path / "checkpoint")
        assert len(where) == 2
        assert all(addresses and not addresses & {"0.0.0.0", "::"} for addresses in where), where  # noqa: S104

    def test_a_loss_that_is_not_finite_is_the_error_of_one_host(self, spec, on_two, tmp_path) -> None:
        with pytest.raises(TrainingError, match=r"^Made squares: the loss is nan at step \d+, the learning rate"):
            trained(spec, made(640), replace(on_two, learning_rate=1e30), tmp_path / "checkpoint")

    def test_a_checkpoint_that_cannot_be_written_is_the_error_of_one_host(self, spec, on_two, tmp_path) -> None:
        checkpoint = tmp_path / "checkpoint"

        def lose(_: TrainingStart) -> None:
            shutil.rmtree(checkpoint)
            checkpoint.touch()

        with (
            listening(lose, TrainingStart),
            pytest.raises(StorageError, match=r"^\S+/arrays_1\.npz could not be written: File exists"),
        ):
            trained(spec, made(640), on_two, checkpoint)

    def test_devices_that_a_host_does_not_have_are_refused(self, spec, on_two, tmp_path) -> None:
        with pytest.raises(DeviceError, match=r"^training\.devices: received 4, but JAX finds 2: cpu:0, cpu:1"):
            trained(spec, made(640), replace(on_two, devices=4), tmp_path / "checkpoint")
