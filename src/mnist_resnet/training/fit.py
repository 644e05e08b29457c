"""The training itself: epochs of steps, validated, reported and written down."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.terminal.progress import progress
from mnist_resnet.training.checkpoint import Checkpoints, TrainingState, identity
from mnist_resnet.training.disk_need import require_space_for
from mnist_resnet.training.distribution import own_share, require_agreement
from mnist_resnet.training.epochs.image_placement import make_suitable_epochs
from mnist_resnet.training.epochs.interface import Epochs
from mnist_resnet.training.epochs.small_first import SmallFirst
from mnist_resnet.training.epochs.watch import StepWatch, TrainingError
from mnist_resnet.training.events import EpochResult, TrainingStart, announce
from mnist_resnet.training.runtime import device_in_use
from mnist_resnet.training.schedule import rate_at
from mnist_resnet.training.streaming import draws_for
from mnist_resnet.training.trainee import Arrays, build_trainee, compile_network

logger = logging.getLogger(__name__)

MakeEpochs = Callable[[keras.Model, keras.Model, Split, TrainingParameters], Epochs]


def train(
    network: keras.Model,
    split: Split,
    parameters: TrainingParameters,
    title: str,
    checkpoint: Path | None = None,
    make_epochs: MakeEpochs = make_suitable_epochs,
    small_network: keras.Model | None = None,
) -> list[EpochResult]:
    """Train a network in place.

    Args:
        network: From raw uint8 images to probabilities; see ``build_network``.
        split: Training and validation arrays.
        parameters: The training parameters.
        title: The data set's name, for progress.
        checkpoint: A folder for what is needed to go on after an interruption. A training of the same
            network, data and parameters that finds it there goes on from it, to the same weights.
        make_epochs: Makes what runs the epochs, from the trainee, the network, ``split`` and ``parameters``.
        small_network: The same for ``parameters.small_size``, which ``parameters.small_epochs`` are trained by, if any.

    Returns:
        One result for each epoch.

    Raises:
        StorageError: If the disks have no room for the checkpoint and what is made of the network later.
        TrainingError: If there are fewer images than one batch, or the loss is no longer finite.
        DeviceError: If the hosts that train together do not compute alike.
    """
    trainee = build_trainee(network, _steps(split, parameters) * parameters.epochs, parameters)
    compile_network(network)
    device, initial_weights = device_in_use(parameters), digests_of_weights(network)
    checkpoints = _checkpoints(checkpoint, trainee, network, split, parameters) if checkpoint else None
    state = _restored(checkpoints, trainee)
    history = state.history
    announce(TrainingStart(device, initial_weights, len(history)))
    _announce_again(history, title)
    epochs = _epochs(make_epochs, trainee, (network, small_network), split, parameters)
    while len(history) < parameters.epochs and not _stops_early(history, parameters, title):
        result, raw_weights = _run_epoch(epochs, split, len(history), parameters, title)
        history.append(result)
        logger.info("%s, epoch %d of %d: %s", title, result.epoch, parameters.epochs, result.in_words())
        announce(result)
        if parameters.keep_best_epoch and best_epoch(history) == result.epoch:
            state.best = network.get_weights()
        if raw_weights is not None:  # what was validated is their average; training goes on without it
            trainee.set_weights(raw_weights)
        if checkpoints:
            checkpoints.save_if_due(trainee, state)
    if parameters.average_decay is not None:
        trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    if state.best is not None:
        network.set_weights(state.best)
        logger.info("%s: keeping the weights of epoch %d", title, best_epoch(history))
    return history


def _steps(split: Split, parameters: TrainingParameters) -> int:
    """Steps of an epoch; images that do not fill a batch are left out."""
    steps = len(split.train_labels) // parameters.batch_size
    if steps == 0:
        raise TrainingError(
            f"training.batch_size: received {parameters.batch_size}, but there are only "
            f"{len(split.train_labels)} training images; choose at most that many"
        )
    return steps


def _checkpoints(
    folder: Path, trainee: keras.Model, network: keras.Model, split: Split, parameters: TrainingParameters
) -> Checkpoints:
    """Those of this training, for which the disks have room."""
    require_space_for(network, trainee.optimizer, parameters.keep_best_epoch, folder)
    decisive = identity(network, split, parameters, device_in_use(parameters))
    return Checkpoints(folder, decisive, parameters.checkpoint_seconds, writes=own_share().rank == 0)


def _restored(checkpoints: Checkpoints | None, trainee: keras.Model) -> TrainingState:
    """Where the training goes on from, which is the same on all hosts; the start of it if nothing is stored."""
    if checkpoints is None:
        return TrainingState()
    state = checkpoints.restore(trainee)
    require_agreement(checkpoints.identity, len(state.history))
    return state


def _epochs(
    make: MakeEpochs,
    trainee: keras.Model,
    networks: tuple[keras.Model, keras.Model | None],
    split: Split,
    parameters: TrainingParameters,
) -> Epochs:
    """What runs the epochs; those on small images come first, if there are any."""
    network, small_network = networks
    epochs = make(trainee, network, split, parameters)
    if not parameters.small_epochs:
        return epochs
    assert small_network is not None, "small_network: missing, but parameters.small_epochs asks for it"
    steps = _steps(split, parameters)
    small_trainee = build_trainee(small_network, steps * parameters.epochs, parameters)
    small = make(small_trainee, small_network, split, parameters)
    return SmallFirst(small, epochs, (small_trainee, trainee), steps * parameters.small_epochs)


def best_epoch(history: Sequence[EpochResult]) -> int:
    """The epoch of the lowest validation loss, counted from 1; one that is no number is never the lowest."""

    def order(result: EpochResult) -> float:
        loss = result.validation_loss
        return math.inf if loss is None or math.isnan(loss) else loss

    return min(history, key=order).epoch


def _announce_again(history: Sequence[EpochResult], title: str) -> None:
    """Announce the epochs that an earlier process has trained."""
    for result in history:
        announce(result)
    if history:
        logger.info("%s: resuming after epoch %d from its checkpoint", title, len(history))


def _stops_early(history: Sequence[EpochResult], parameters: TrainingParameters, title: str) -> bool:
    """Whether patience is at its end, which begins with the last epoch on small images, if there are any."""
    patience = parameters.patience
    if patience is None or not history:
        return False
    if len(history) - max(best_epoch(history), parameters.small_epochs) < patience:
        return False
    logger.info("%s: validation loss has not improved for %d epochs; stopping early", title, patience)
    return True


def _against_divergence(parameters: TrainingParameters) -> str:
    """What helps against a loss that is not finite, as far as the parameters do not have it already."""
    remedies = ["lower training.learning_rate"]
    remedies += ["lengthen training.warmup_fraction"] if parameters.schedule != "constant" else []
    remedies += ["set training.precision to float32"] if keras.config.dtype_policy().name != "float32" else []
    return " or ".join(remedies).capitalize()


def _run_epoch(
    epochs: Epochs, split: Split, epoch: int, parameters: TrainingParameters, title: str
) -> tuple[EpochResult, Arrays | None]:
    """Train for one epoch, counted from 0, and validate the network; the raw weights where they are averaged."""
    steps = _steps(split, parameters)
    all_steps, images = steps * parameters.epochs, steps * parameters.batch_size
    started = time.perf_counter()
    draws = draws_for(split, epoch, parameters)
    with progress(f"{title}, epoch {epoch + 1} of {parameters.epochs}", images, "images") as advance:
        rate = partial(rate_at, steps=all_steps, parameters=parameters)
        watch = StepWatch(advance, parameters.batch_size, epoch * steps, title, rate, _against_divergence(parameters))
        end = epochs.run(draws, watch)
    seconds = time.perf_counter() - started
    validation_loss, validation_accuracy = epochs.validate() if len(split.validation_labels) else (None, None)
    result = EpochResult(
        epoch=epoch + 1,
        learning_rate=rate_at((epoch + 1) * steps, all_steps, parameters),
        train_loss=end.loss,
        train_accuracy=end.accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        seconds=seconds,
        images_per_second=images / seconds,
    )
    return result, end.raw_weights
