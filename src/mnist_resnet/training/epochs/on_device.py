"""Epochs on the device: the images are there once for all, and many steps are one compiled program."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.training.augmentation import EpochDraws
from mnist_resnet.training.epochs.compiled import Batch, compiled_evaluation, compiled_training
from mnist_resnet.training.epochs.interface import VALIDATION_BATCH_SIZE, EpochEnd
from mnist_resnet.training.epochs.watch import StepWatch
from mnist_resnet.training.streaming import Draws
from mnist_resnet.training.trainee import build_validated

_STEPS_AT_ONCE = 64


class Samples(NamedTuple):
    """Training images and the draws of one epoch, on the device; see ``EpochDraws``."""

    images: Any
    labels: Any
    order: Any
    shifts: Any
    flips: Any
    erased: Any


class DeviceEpochs:
    """Epochs of compiled programs, each of several steps, on images that stay on the device.

    Order, augmentation and arithmetic are those of ``HostFedEpochs``. The host waits once for each program, and
    sees the loss of each of its steps.

    Args:
        trainee: Compiled; see ``build_trainee``.
        network: That of the trainee.
        split: Training and validation arrays, which are copied to the device.
        parameters: The batch size, and whether weights are averaged.
        steps_at_once: Steps in a program, at most.
    """

    def __init__(
        self,
        trainee: keras.Model,
        network: keras.Model,
        split: Split,
        parameters: TrainingParameters,
        steps_at_once: int = _STEPS_AT_ONCE,
    ) -> None:
        self._trainee, self._batch_size = trainee, parameters.batch_size
        self._averages, self._steps_at_once = parameters.average_decay is not None, steps_at_once
        self._images, self._labels = _on_device(split.train_images), _on_device(split.train_labels, np.int32)
        self._steps = len(split.train_labels) // parameters.batch_size
        _build(trainee)
        self._training = compiled_training(trainee, batch_of)
        self._validation = _Validation(build_validated(network), split)

    def run(self, draws: Draws, watch: StepWatch) -> EpochEnd:
        """Train for one epoch."""
        assert isinstance(draws, EpochDraws), "shards do not stay on a device"
        samples = Samples(
            self._images,
            self._labels,
            _on_device(draws.order, np.int32),
            _on_device(draws.shifts),
            _on_device(draws.flips),
            _on_device(draws.erased),
        )
        with self._training.running() as steps:
            for first, count in chunks(self._steps, self._steps_at_once):
                figures = steps(samples, first, count, self._batch_size)
                watch.seen(first, figures[:, 0].tolist(), float(figures[-1, 1]))
        loss, accuracy = figures[-1].tolist()
        raw_weights = self._trainee.get_weights() if self._averages else None
        if self._averages:
            self._trainee.optimizer.finalize_variable_values(self._trainee.trainable_variables)
        return EpochEnd(loss, accuracy, raw_weights)

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images."""
        return self._validation.run()


def batch_of(samples: Samples, step: Any, size: int) -> Batch:
    """The batch of a step, gathered on the device.

    Args:
        samples: All training images, and the draws of the epoch.
        step: The number of the step in its epoch, counted from 0.
        size: Images in a batch.

    Returns:
        The inputs of the trainee by name, and int32 labels (size,).
    """
    ops = keras.ops
    # Not a slice: XLA on TensorFlow would compile one program for each place where a slice begins.
    chosen = ops.take(samples.order, step * size + ops.arange(size), axis=0)
    inputs = {
        "image": ops.take(samples.images, chosen, axis=0),
        "shift": ops.take(samples.shifts, chosen, axis=0),
        "flip": ops.take(samples.flips, chosen, axis=0),
        "erased": ops.take(samples.erased, chosen, axis=0),
    }
    return inputs, ops.take(samples.labels, chosen, axis=0)


def chunks(steps: int, most: int) -> Iterator[tuple[int, int]]:
    """Divide the steps of an epoch among programs, of which all or all but the last have the same length.

    Since each length is compiled for itself, one that leaves no rest is taken if it is not much shorter than ``most``.

    Args:
        steps: Of the epoch.
        most: Steps in a program, at most.

    Yields:
        The number of a program's first step, and how many steps it has.
    """
    even = (length for length in range(min(most, steps), most // 4, -1) if steps % length == 0)
    length = next(even, most)
    for first in range(0, steps, length):
        yield first, min(length, steps - first)


class _Validation:
    """The validation images on the device, evaluated in batches of one size and the rest."""

    def __init__(self, validated: keras.Model, split: Split) -> None:
        images, labels = split.validation_images, split.validation_labels
        self._samples = _on_device(images), _on_device(labels, np.int32)
        self._whole, self._rest = divmod(len(labels), VALIDATION_BATCH_SIZE)
        _build(validated)
        self._steps = compiled_evaluation(validated, _part)

    def run(self) -> tuple[float, float]:
        parts = ((0, self._whole, VALIDATION_BATCH_SIZE), (self._whole, int(self._rest > 0), self._rest))
        with self._steps.running() as steps:
            for first, count, size in parts:
                if count:
                    loss, accuracy = steps(self._samples, first, count, size)[-1].tolist()
        return loss, accuracy


def _part(samples: tuple[Any, Any], number: Any, size: int) -> Batch:
    images, labels = samples
    chosen = number * VALIDATION_BATCH_SIZE + keras.ops.arange(size)
    return keras.ops.take(images, chosen, axis=0), keras.ops.take(labels, chosen, axis=0)


def _on_device(array: Any, dtype: Any = None) -> Any:
    return keras.ops.convert_to_tensor(np.asarray(array, dtype))


def _build(model: keras.Model) -> None:
    """Make the variables of optimizer and metrics, as ``fit`` and ``evaluate`` do before their first step."""
    labels = keras.KerasTensor((None,), "int32")
    model._symbolic_build(data_batch=(model.input, labels))
