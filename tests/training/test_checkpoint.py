import json
import logging
import math
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import keras
import numpy as np
import pytest

from mnist_resnet.models.resnet import build_network
from mnist_resnet.storage.disk_space import StorageError
from mnist_resnet.training import checkpoint as module
from mnist_resnet.training.checkpoint import Checkpoints, TrainingState, identity
from mnist_resnet.training.events import EpochResult
from mnist_resnet.training.optimizers import LossScaling, build_optimizer
from mnist_resnet.training.runtime import runtime
from tests.conftest import files_up_to, flip_a_bit
from tests.made_device import DEVICE

IDENTITY = "this training"
# Neither survives being written with a fixed number of digits.
RESULT = EpochResult(1, 0.1 + 0.2, 1 / 3, 0.5, 2 / 3, 0.25, 1e-7, 123456.789)
HISTORY = [RESULT, replace(RESULT, epoch=2, validation_loss=None, validation_accuracy=None)]

OTHER_DEVICES = (
    {"kind": "CPU"},
    {"backend": "jax"},
    {"precision": "float32"},
    {"tf32": False},
    {"deterministic": False},
)

OPTIMIZERS = {
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam"},
    "average": {"average_decay": 0.9},
    "constant_rate": {"schedule": "constant"},
    "float16": {"average_decay": 0.9, "precision": "mixed_float16"},
}


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "models" / "checkpoint"


@pytest.fixture
def trainee(training_parameters):
    """A small network and its optimizer, after some steps; ``seed`` decides weights and data."""

    def trainee(seed: int, steps: int = 0, **changes) -> keras.Model:
        parameters = replace(training_parameters, **changes)
        dtype = None if parameters.precision == "auto" else parameters.precision
        kernel = keras.initializers.GlorotUniform(seed)
        layers = [
            keras.Input((4,)),
            keras.layers.Dense(3, kernel_initializer=kernel),
            keras.layers.BatchNormalization(),
        ]
        network = keras.Sequential(layers)
        optimizer = build_optimizer(10, parameters)
        if dtype == "mixed_float16":
            optimizer = LossScaling(optimizer)
        network.compile(optimizer=optimizer, loss="mse", jit_compile=False)
        optimizer.build(network.trainable_variables)
        for step in range(steps):
            one_step(network, 100 * seed + step)
        return network

    return trainee


def one_step(network: keras.Model, seed: int) -> None:
    generator = np.random.default_rng(seed)
    network.train_on_batch(generator.normal(size=(8, 4)).astype("float32"), generator.normal(size=(8, 3)))


def state_of(network: keras.Model) -> list[np.ndarray]:
    return [*network.get_weights(), *(np.asarray(variable) for variable in network.optimizer.variables)]


def assert_same(one, other) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("changes", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_weights_and_optimizer_come_back_bit_for_bit_and_go_on_alike(trainee, folder, changes):
    trained, other = trainee(1, steps=3, **changes), trainee(2, **changes)
    Checkpoints(folder, IDENTITY).save(trained, TrainingState(HISTORY))
    Checkpoints(folder, IDENTITY).restore(other)
    assert_same(state_of(other), state_of(trained))
    for network in (trained, other):
        one_step(network, 7)
    assert_same(state_of(other), state_of(trained))


def test_what_a_trained_optimizer_held_is_overwritten(trainee, folder):
    trained, other = trainee(1), trainee(2, steps=2)
    Checkpoints(folder, IDENTITY).save(trained, TrainingState(HISTORY))
    Checkpoints(folder, IDENTITY).restore(other)
    assert_same(state_of(other), state_of(trained))


@pytest.mark.parametrize("best", [None, [np.float32([[1 / 3, 2]]), np.arange(12, dtype="float32"), np.zeros(())]])
def test_history_and_best_weights_come_back_exactly(trainee, folder, best):
    network = trainee(1)
    Checkpoints(folder, IDENTITY).save(network, TrainingState(HISTORY, best))
    restored = Checkpoints(folder, IDENTITY).restore(network)
    assert restored.history == HISTORY
    assert (restored.best is None) == (best is None)
    assert_same(restored.best or [], best or [])


def test_more_than_ten_arrays_keep_their_order(trainee, folder):
    best = [np.full(2, number) for number in range(23)]
    Checkpoints(folder, IDENTITY).save(trainee(1), TrainingState(HISTORY, best))
    assert_same(Checkpoints(folder, IDENTITY).restore(trainee(1)).best, best)


def test_a_figure_that_is_no_number_comes_back(trainee, folder):
    history = [replace(RESULT, validation_loss=math.nan), replace(RESULT, epoch=2, validation_loss=math.inf)]
    Checkpoints(folder, IDENTITY).save(trainee(1), TrainingState(history))
    losses = [result.validation_loss for result in Checkpoints(folder, IDENTITY).restore(trainee(1)).history]
    assert math.isnan(losses[0])
    assert losses[1] == math.inf


def test_a_later_checkpoint_takes_the_place_of_the_earlier(trainee, folder):
    network, checkpoints = trainee(1), Checkpoints(folder, IDENTITY)
    checkpoints.save(network, TrainingState(HISTORY[:1]))
    files = sum(1 for _ in folder.iterdir())
    network.set_weights([weights + 1 for weights in network.get_weights()])
    checkpoints.save(network, TrainingState(HISTORY))
    other = trainee(2)
    assert Checkpoints(folder, IDENTITY).restore(other).history == HISTORY
    assert_same(state_of(other), state_of(network))
    assert sum(1 for _ in folder.iterdir()) == files


def test_a_checkpoint_is_due_again_so_many_seconds_after_the_last_was_written(trainee, folder):
    now = 1000.0

    class Slow(Checkpoints):
        def save(self, trainee, state):
            nonlocal now
            super().save(trainee, state)
            now += 5

    network, checkpoints = trainee(1), Slow(folder, IDENTITY, 30, lambda: now)
    saved = []
    for now in (1010.0, 1029.0, 1030.0, 1060.0, 1064.0, 1065.0, 1200.0, 1234.0, 1236.0):
        moment = now
        checkpoints.save_if_due(network, TrainingState([replace(RESULT, epoch=int(moment))]))
        if now > moment:
            saved.append(moment)
    assert saved == [1030, 1065, 1200, 1236]
    assert [result.epoch for result in Checkpoints(folder, IDENTITY).restore(network).history] == [1236]


def test_without_a_least_time_each_checkpoint_is_written(trainee, folder):
    network, checkpoints = trainee(1), Checkpoints(folder, IDENTITY, 0, lambda: 1.0)
    for epochs in (1, 2):
        checkpoints.save_if_due(network, TrainingState(HISTORY[:epochs]))
        assert len(Checkpoints(folder, IDENTITY).restore(network).history) == epochs


def test_nothing_is_left_beside_a_checkpoint(trainee, folder):
    checkpoints = Checkpoints(folder, IDENTITY)
    for epochs in (1, 2):
        checkpoints.save(trainee(1), TrainingState(HISTORY[:epochs]))
        assert list(folder.parent.iterdir()) == [folder]
        assert all(not file.name.startswith(".") for file in folder.iterdir())


@pytest.mark.parametrize("writer", ["savez", "dumps"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_earlier_one(trainee, folder, monkeypatch, writer):
    network, checkpoints = trainee(1), Checkpoints(folder, IDENTITY)
    checkpoints.save(network, TrainingState(HISTORY[:1]))
    before = state_of(network)

    def refuse(*arguments, **_):
        if writer == "savez":
            Path(arguments[0]).write_bytes(b"the first half")
        raise OSError("No space left on device")

    network.set_weights([weights + 1 for weights in network.get_weights()])
    with monkeypatch.context() as patch:
        patch.setattr(module.np if writer == "savez" else module.json, writer, refuse)
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(network, TrainingState(HISTORY))
    other = trainee(2)
    assert checkpoints.restore(other).history == HISTORY[:1]
    assert_same(state_of(other), before)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_kill_at_any_moment_of_writing_leaves_a_whole_checkpoint(trainee, folder, tmp_path, monkeypatch, caplog):
    network, checkpoints = trainee(1), Checkpoints(folder, IDENTITY)
    checkpoints.save(network, TrainingState(HISTORY[:1]))
    earlier = state_of(network)
    network.set_weights([weights + 1 for weights in network.get_weights()])
    moments = []

    def watched(method):
        def call(*arguments, **options):
            for _ in range(2):
                moments.append(tmp_path / f"moment{len(moments)}")
                shutil.copytree(folder.parent, moments[-1])
                if len(moments) % 2:
                    outcome = method(*arguments, **options)
            return outcome

        return call

    # What is on the disk before and after each change of a name: a killed process leaves just that.
    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "unlink"):
            patch.setattr(Path, name, watched(getattr(Path, name)))
        checkpoints.save(network, TrainingState(HISTORY))
    assert len(moments) >= 2

    for moment in moments:
        other = trainee(2)
        restored = Checkpoints(moment / folder.name, IDENTITY).restore(other)
        assert restored.history in (HISTORY[:1], HISTORY)
        assert_same(state_of(other), earlier if len(restored.history) == 1 else state_of(network))
        # The next checkpoint is written over whatever was left.
        Checkpoints(moment / folder.name, IDENTITY).save(network, TrainingState(HISTORY))
        assert Checkpoints(moment / folder.name, IDENTITY).restore(other).history == HISTORY
        assert len(list((moment / folder.name).glob("*.npz"))) == 1
    assert caplog.records == []


def assert_starts_anew(network: keras.Model, folder: Path, identity: str = IDENTITY) -> None:
    before = state_of(network)
    restored = Checkpoints(folder, identity).restore(network)
    assert restored == TrainingState([], None)
    assert_same(state_of(network), before)


def test_without_a_checkpoint_a_training_starts_anew_without_a_word(trainee, folder, caplog):
    caplog.set_level(logging.INFO)
    assert_starts_anew(trainee(1), folder)
    folder.mkdir(parents=True)
    assert_starts_anew(trainee(1), folder)
    assert caplog.records == []


def test_another_trainings_checkpoint_is_not_used(trainee, folder, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    Checkpoints(folder, "another training").save(trainee(1), TrainingState(HISTORY))
    assert_starts_anew(trainee(2), folder)
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert (
        record.getMessage() == f"The checkpoint in {folder} belongs to another training; starting from the first epoch"
    )


def arrays_in(folder: Path) -> Path:
    (arrays,) = folder.glob("*.npz")
    return arrays


def record_in(folder: Path) -> Path:
    (record,) = folder.glob("*.json")
    return record


def change_record(folder: Path, change) -> None:
    record = json.loads(record_in(folder).read_text())
    change(record)
    record_in(folder).write_text(json.dumps(record))


DAMAGES = {
    "one bit of the arrays": lambda folder: flip_a_bit(arrays_in(folder)),
    "half of the arrays": lambda folder: arrays_in(folder).write_bytes(arrays_in(folder).read_bytes()[:500]),
    "no bytes of arrays": lambda folder: arrays_in(folder).write_bytes(b""),
    "no arrays": lambda folder: arrays_in(folder).unlink(),
    "half of the record": lambda folder: record_in(folder).write_text(record_in(folder).read_text()[:-40]),
    "an empty record": lambda folder: record_in(folder).write_bytes(b""),
    "no text": lambda folder: record_in(folder).write_bytes(b"\xff\xfe{}"),
    "a record of another kind": lambda folder: record_in(folder).write_text("[]"),
    "a record without its keys": lambda folder: record_in(folder).write_text("{}"),
    "no digest": lambda folder: change_record(folder, lambda record: record.pop("arrays_sha256")),
    "no history": lambda folder: change_record(folder, lambda record: record.update(history=None)),
    "a stranger history": lambda folder: change_record(folder, lambda record: record["history"][0].update(loss=1)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_said_to_be_and_not_used(trainee, folder, caplog, damage):
    Checkpoints(folder, IDENTITY).save(trainee(1), TrainingState(HISTORY))
    damage(folder)
    assert_starts_anew(trainee(2), folder)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"The checkpoint in {folder} is damaged (")
    assert record.getMessage().endswith("; starting from the first epoch")


def test_a_full_disk_leaves_the_checkpoint_before_it(trainee, folder):
    first, later = trainee(1), trainee(2)
    Checkpoints(folder, IDENTITY).save(first, TrainingState(HISTORY[:1]))
    with files_up_to(100), pytest.raises(StorageError, match=f"{folder}/arrays_2.npz could not be written: "):
        Checkpoints(folder, IDENTITY).save(later, TrainingState(HISTORY))
    assert sorted(path.name for path in folder.iterdir()) == ["arrays_1.npz", "training.json"]
    assert Checkpoints(folder, IDENTITY).restore(later).history == HISTORY[:1]
    assert all(map(np.array_equal, later.get_weights(), first.get_weights()))


class Burglar:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_nothing_is_unpickled(trainee, folder, tmp_path):
    Checkpoints(folder, IDENTITY).save(trainee(1), TrainingState(HISTORY))
    trace = tmp_path / "trace"
    with np.load(arrays_in(folder)) as stored:
        arrays = {**stored, "weights/0": np.array([Burglar(trace)], dtype=object)}
    np.savez(arrays_in(folder), **arrays)
    digest = sha256(arrays_in(folder).read_bytes()).hexdigest()
    change_record(folder, lambda record: record.update(arrays_sha256=digest))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Checkpoints(folder, IDENTITY).restore(trainee(2))
    assert not trace.exists()


@pytest.fixture
def network(model_parameters, preprocessing, training_parameters):
    """The tiny network, built as a training does."""

    def network(precision="float32", **changes) -> keras.Model:
        with runtime(replace(training_parameters, precision=precision)):
            return build_network(replace(model_parameters, **changes), preprocessing, (8, 8), 3)

    return network


def test_another_version_of_the_backend_makes_another_training(
    network, made_split, training_parameters, monkeypatch: pytest.MonkeyPatch
):
    first = identity(network(), made_split, training_parameters, DEVICE)
    monkeypatch.setattr("tensorflow.__version__", "0.1")
    assert identity(network(), made_split, training_parameters, DEVICE) != first


def test_the_same_training_has_the_same_identity(network, made_split, training_parameters, tmp_path):
    first = identity(network(), made_split, training_parameters, DEVICE)
    np.save(tmp_path / "images.npy", made_split.train_images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert identity(network(), made_split._replace(train_images=mapped), replace(training_parameters), DEVICE) == first
    assert identity(network(), made_split, replace(training_parameters, checkpoint_seconds=7), DEVICE) == first
    assert identity(network(), made_split, replace(training_parameters, require_gpu=True), DEVICE) == first


def test_another_network_data_or_recipe_makes_another_training(network, made_split, training_parameters):
    pixel = made_split.validation_images.copy()
    pixel[-1, -1, -1] ^= 1
    label = made_split.train_labels.copy()
    label[0] = (label[0] + 1) % 3
    plain, none = network(), np.zeros((0, 8, 8), np.uint8)
    identities = [
        identity(plain, made_split, training_parameters, DEVICE),
        identity(plain, made_split._replace(validation_images=pixel), training_parameters, DEVICE),
        identity(plain, made_split._replace(train_labels=label), training_parameters, DEVICE),
        identity(plain, made_split._replace(train_images=made_split.train_images[::-1]), training_parameters, DEVICE),
        identity(plain, made_split._replace(validation_images=none), training_parameters, DEVICE),
        identity(plain, made_split, replace(training_parameters, seed=1), DEVICE),
        identity(plain, made_split, replace(training_parameters, epochs=3), DEVICE),
        identity(plain, made_split, replace(training_parameters, average_decay=0.5), DEVICE),
        identity(network(batch_norm_momentum=0.8), made_split, training_parameters, DEVICE),
        identity(network(preactivation=True), made_split, training_parameters, DEVICE),
        identity(network("mixed_bfloat16"), made_split, training_parameters, DEVICE),
        *(identity(plain, made_split, training_parameters, replace(DEVICE, **other)) for other in OTHER_DEVICES),
    ]
    assert len(set(identities)) == len(identities)


def test_of_several_ranks_only_one_writes(trainee, folder):
    network, checkpoints = trainee(1), Checkpoints(folder, IDENTITY, writes=False)
    checkpoints.save_if_due(network, TrainingState(HISTORY))
    assert not folder.exists() or list(folder.iterdir()) == []
