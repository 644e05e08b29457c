"""Epochs by Keras' ``fit``, to which each batch is fed from the host's memory."""

from typing import Any

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.training.batches import feed, filling, validation_batches
from mnist_resnet.training.distribution import devices_in_use, own_share
from mnist_resnet.training.epochs.interface import VALIDATION_BATCH_SIZE, EpochEnd
from mnist_resnet.training.epochs.watch import StepWatch
from mnist_resnet.training.streaming import Draws, open_batches
from mnist_resnet.training.trainee import Arrays, build_validated


class HostFedEpochs:
    """Epochs by Keras' ``fit``, to which the host gives one batch after another.

    Args:
        trainee: Compiled; see ``build_trainee``.
        network: That of the trainee.
        split: Training and validation arrays; images may be memory-mapped, those for training also in shards.
        parameters: The batch size, and whether weights are averaged.
        look_every: The losses are looked at after so many steps. Each look waits for the device.
    """

    def __init__(
        self,
        trainee: keras.Model,
        network: keras.Model,
        split: Split,
        parameters: TrainingParameters,
        look_every: int = 1,
    ) -> None:
        self._trainee, self._split, self._batch_size = trainee, split, parameters.batch_size
        self._averages, self._look_every = parameters.average_decay is not None, look_every
        self._validated = build_validated(network)

    def run(self, draws: Draws, watch: StepWatch) -> EpochEnd:
        """Train for one epoch."""
        raw = [_RawWeights()] if self._averages else []
        with open_batches(self._split, draws, self._batch_size, own_share()) as batches, feed(batches) as fed:
            callbacks = _Callbacks(raw, add_history=True, model=self._trainee, epochs=1, steps=len(batches))
            callbacks.watch, callbacks.look_every = watch, self._look_every
            history = self._trainee.fit(fed, shuffle=False, verbose=0, callbacks=callbacks).history
        if raw:  # on JAX, Keras has each weight share the memory of its average, which ``evaluate`` gives away
            self._trainee.set_weights([weight.copy() for weight in self._trainee.get_weights()])
        return EpochEnd(history["loss"][-1], history["accuracy"][-1], raw[0].weights if raw else None)

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images."""
        images, labels, devices = self._split.validation_images, self._split.validation_labels, devices_in_use()
        with feed(validation_batches(images, labels, VALIDATION_BATCH_SIZE, devices, own_share())) as fed:
            loss, accuracy = self._validated.evaluate(fed, verbose=0)
        share = filling(len(labels), devices)
        return float(loss) * share, float(accuracy) * share


class _Callbacks(keras.callbacks.CallbackList):  # type: ignore[misc]  # keras is untyped
    """Callbacks of ``fit`` that read a step's loss when they look at it; those of Keras do so at each step."""

    watch: StepWatch
    look_every: int

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start to count the steps."""
        super().on_epoch_begin(epoch, logs)
        self._first, self._unseen = 0, list[dict[str, Any]]()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the figures of one more step, which the device may still be computing."""
        self._unseen.append(logs or {})
        if len(self._unseen) == self.look_every:
            self._look()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the steps that are left."""
        if self._unseen:
            self._look()
        super().on_epoch_end(epoch, logs)

    def _look(self) -> None:
        losses = [float(logs["loss"]) for logs in self._unseen]
        self.watch.seen(self._first, losses, float(self._unseen[-1]["accuracy"]))
        self._first, self._unseen = self._first + len(losses), []


class _RawWeights(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """An epoch's last weights, before ``fit`` puts their moving average in their place."""

    weights: Arrays

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note them as ``weights``."""
        self.weights = self.model.get_weights()
