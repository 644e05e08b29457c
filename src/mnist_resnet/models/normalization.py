"""Batch normalization on TensorFlow's fused operation; Keras' own layer on other backends."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="mnist_resnet")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # keras is untyped
    """Batch normalization (Ioffe & Szegedy 2015) over the channels of an image batch.

    It equals ``keras.layers.BatchNormalization`` in outputs and moving statistics, and is faster on
    TensorFlow, where Keras 3 computes the statistics with separate operations.

    Args:
        epsilon: Added to the variance; at least 1.001e-5, which the fused operation enforces.
        **options: As for ``keras.layers.BatchNormalization``, whose own computation serves where the
            fused operation cannot: another axis, no scale or no offset, renormalization, replicas, float64.
    """

    def __init__(self, *, epsilon: float = 1e-3, **options: Any) -> None:
        super().__init__(epsilon=epsilon, **options)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize (batch, height, width, channels), with batch statistics while training."""
        if mask is not None or not self._fuses(inputs):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._with_batch_statistics(inputs)
        return self._fused(inputs, self.moving_mean, self.moving_variance, is_training=False)[0]

    def _fuses(self, inputs: Any) -> bool:
        plain = self.scale and self.center and not self.synchronized and not getattr(self, "renorm", False)
        channels_last = self.axis in {-1, 3} and len(inputs.shape) == 4
        has_kernel = keras.backend.standardize_dtype(inputs.dtype) != "float64"
        return keras.backend.backend() == "tensorflow" and plain and channels_last and has_kernel

    def _fused(self, inputs: Any, mean: Any, variance: Any, *, is_training: bool) -> Any:
        import tensorflow as tf

        return tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            mean=mean if mean is None else tf.convert_to_tensor(mean),
            variance=variance if variance is None else tf.convert_to_tensor(variance),
            epsilon=self.epsilon,
            is_training=is_training,
        )

    def _with_batch_statistics(self, inputs: Any) -> Any:
        outputs, mean, variance = self._fused(inputs, None, None, is_training=True)
        # The fused operation returns the variance with Bessel's correction; Keras averages the plain one.
        count = keras.ops.cast(keras.ops.prod(keras.ops.shape(inputs)[:-1]), variance.dtype)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance * (count - 1) / count)
        return outputs

    def _move(self, average: Any, value: Any) -> None:
        average.assign(average * self.momentum + value * (1 - self.momentum))
