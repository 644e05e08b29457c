"""The loss that training minimizes."""

from typing import Any

from mnist_resnet.computing.backend import keras


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
