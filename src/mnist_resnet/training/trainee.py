"""The model that training fits, with its loss, and the one that is validated; both share the network's weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.models.resnet import INPUT_NAME, LOGITS_NAME
from mnist_resnet.training.augmentation import Augmentation
from mnist_resnet.training.optimizers import build_optimizer

Arrays = list[npt.NDArray[Any]]


class TraineeValues(NamedTuple):
    """Copies of all that steps change: the weights, and what the optimizer remembers."""

    weights: Sequence[npt.NDArray[Any]]
    optimizer: Sequence[npt.NDArray[Any]]


class CrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # keras is untyped
    """Cross-entropy of logits with integer labels, in nats.

    On probabilities or one-hot labels it would be the same quantity, computed less exactly.

    Args:
        classes: Number of classes.
        label_smoothing: Share of each label that is spread over all classes, in 0 to 1.
    """

    def __init__(self, classes: int, label_smoothing: float) -> None:
        super().__init__(name="cross_entropy")
        self.classes, self.label_smoothing = classes, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, from labels (batch,) or (batch, 1) and logits (batch, classes)."""
        labels = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")  # Keras hands them on as float32
        target = keras.ops.one_hot(labels, self.classes)
        return keras.losses.categorical_crossentropy(
            target, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )


def build_trainee(network: keras.Model, steps: int, parameters: TrainingParameters) -> keras.Model:
    """The network behind the augmentation, up to the logits, ready for ``fit``.

    Args:
        network: From raw uint8 images to probabilities.
        steps: All steps of the training.
        parameters: The training parameters.

    Returns:
        A compiled model of ``image``, ``shift``, ``flip`` and ``erased``, its optimizer built; see ``Augmentation``.
    """
    inputs = {
        "image": keras.Input(network.input_shape[1:], dtype="uint8", name=INPUT_NAME),
        "shift": keras.Input((2,), dtype="int32", name="shift"),
        "flip": keras.Input((), dtype="bool", name="flip"),
        "erased": keras.Input((4,), dtype="int32", name="erased"),
    }
    to_logits = keras.Model(network.input, network.get_layer(LOGITS_NAME).output, name="to_logits")
    logits = to_logits(Augmentation()(*inputs.values()))
    trainee = keras.Model(inputs, logits, name="trainee")
    trainee.compile(
        optimizer=build_optimizer(steps, parameters),
        loss=CrossEntropy(logits.shape[-1], parameters.label_smoothing),
        metrics=["accuracy"],
        jit_compile=_compiles(),
    )
    trainee.optimizer.build(trainee.trainable_variables)
    return trainee


def values_of(trainee: keras.Model) -> TraineeValues:
    """Copy the values of a trainee."""
    optimizer = [np.asarray(keras.ops.convert_to_numpy(each)) for each in trainee.optimizer.variables]
    return TraineeValues(trainee.get_weights(), optimizer)


def set_values(trainee: keras.Model, values: TraineeValues) -> None:
    """Overwrite the values of a trainee by those of one of the same network and the same training parameters."""
    trainee.set_weights(values.weights)
    for variable, value in zip(trainee.optimizer.variables, values.optimizer, strict=True):
        variable.assign(value)


def compile_network(network: keras.Model) -> None:
    """Give a network what it is stored with: the loss and the metric that whoever loads it evaluates it by."""
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)


def build_validated(network: keras.Model) -> keras.Model:
    """The network, ready for ``evaluate``; its loss is the cross-entropy, without label smoothing."""
    validated = keras.Model(network.input, network.output, name="validated")
    validated.compile(None, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=_compiles())
    return validated


def _compiles() -> bool | str:
    """What Keras is told of compilation: on TensorFlow, operations run one by one, which is faster on CPUs."""
    return "auto" if keras.backend.backend() == "jax" else False
