from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.models.normalization import FusedBatchNormalization

CHANNELS = 3
STEPS = 5
# Batch 2 of 2x2 is 8 values a channel: Bessel's correction, 8/7, would move a variance near 4 by more than 0.05
# a step, while the two ways of summing 8 float32 values differ by a few 1e-7.
TOLERANCE = 1e-5
# bfloat16 has 8 significant bits; outputs reach about 5, where its neighbours are 2**-5 apart.
BFLOAT16_TOLERANCE = 2**-5


def batches(count: int = STEPS) -> np.ndarray:
    return np.random.default_rng(0).normal(1.5, 2.0, (count, 2, 2, 2, CHANNELS)).astype("float32")


def pair(**options) -> tuple[keras.Layer, keras.Layer]:
    """The fused layer and Keras' own with the same weights, none of them at its initial value."""
    both = [
        kind(momentum=0.9, epsilon=0.01, **options)
        for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)
    ]
    for layer in both:
        layer.build((None, 2, 2, CHANNELS))
        generator = np.random.default_rng(1)
        layer.set_weights([generator.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return both[0], both[1]


def assert_same_weights(ours, theirs, tolerance: float = TOLERANCE):
    assert [weight.name for weight in ours.weights] == [weight.name for weight in theirs.weights]
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(our.numpy(), their.numpy(), rtol=0, atol=tolerance, err_msg=our.name)


def in_a_graph(layer: keras.Layer):
    """A step of training in a graph that knows neither batch nor image size."""
    unknown = [tf.TensorSpec((None, None, None, CHANNELS), tf.float32)]
    return tf.function(lambda batch: layer(batch, training=True), input_signature=unknown)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}], ids=["both", "no beta", "no gamma"])
def test_training_equals_keras_in_outputs_and_moving_statistics(options, graph):
    ours, theirs = pair(**options)
    step = in_a_graph(ours) if graph else partial(ours, training=True)
    for batch in batches():
        np.testing.assert_allclose(step(batch), theirs(batch, training=True), rtol=0, atol=TOLERANCE)
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize(("trainable", "training"), [(True, False), (False, True)], ids=["inference", "frozen"])
def test_inference_and_a_frozen_layer_equal_keras_and_move_nothing(trainable, training):
    ours, theirs = pair()
    ours.trainable = theirs.trainable = trainable
    before = ours.get_weights()
    (batch,) = batches(1)
    outputs = [layer(batch, training=training) for layer in (ours, theirs)]
    np.testing.assert_allclose(*outputs, rtol=0, atol=TOLERANCE)
    for then, now in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)


def test_a_mask_counts_as_in_keras():
    ours, theirs = pair()
    (batch,) = batches(1)
    mask = np.random.default_rng(2).random(batch.shape[:-1]) < 0.5
    outputs = [layer(batch, training=True, mask=tf.constant(mask)) for layer in (ours, theirs)]
    np.testing.assert_allclose(*outputs, rtol=0, atol=TOLERANCE)
    assert_same_weights(ours, theirs)


def test_gradients_equal_those_of_keras():
    (batch,) = batches(1)
    weights = np.random.default_rng(3).normal(size=batch.shape).astype("float32")
    gradients = []
    for layer in pair():
        inputs = tf.constant(batch)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            # Weighted, because the plain sum of normalized values is constant and has no gradient.
            total = tf.reduce_sum(layer(inputs, training=True) * weights)
        gradients.append(tape.gradient(total, [inputs, layer.gamma.value, layer.beta.value]))
    for ours, theirs in zip(*gradients, strict=True):
        assert np.abs(theirs).max() > 0.1
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def test_mixed_precision_keeps_weights_and_statistics_in_float32():
    ours, theirs = pair(dtype="mixed_bfloat16")
    for batch in batches():
        outputs = [layer(batch, training=True) for layer in (ours, theirs)]
        assert outputs[0].dtype == tf.bfloat16
        np.testing.assert_allclose(*[np.float32(output) for output in outputs], rtol=0, atol=BFLOAT16_TOLERANCE)
    assert {weight.dtype for weight in ours.weights} == {"float32"}
    # Both see the same rounded inputs, so the statistics agree as closely as in float32.
    assert_same_weights(ours, theirs)
