from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.models.compilation import compiled_step
from mnist_resnet.models.convolution import Convolution

BATCH, CHANNELS, FILTERS = 4, 4, 6
# All values are standard normal. Sums of up to 9·4 products of them reach about 30, where float32's neighbours are
# 2**-19 apart; each order of summing rounds some ten times.
TOLERANCE = 2e-5
# bfloat16 has 8 significant bits; sums of up to 9·4 products reach about 25, where its neighbours are 2**-3 apart.
BFLOAT16_TOLERANCE = 2**-2

SIZES = [(1, 1), (2, 2), (3, 3), (1, 2), (2, 1), (3, 1), (2, 3), (1, 3)]

Extent = int | tuple[int, int]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def pair(
    size: tuple[int, int], kernel_size: Extent = 3, strides: Extent = 1, **options
) -> tuple[keras.Layer, keras.Layer]:
    """Ours and Keras' own convolution, with the same weights."""
    options = {"padding": "same", "strides": strides, **options}
    ours, theirs = (kind(FILTERS, kernel_size, **options) for kind in (Convolution, keras.layers.Conv2D))
    for layer in (ours, theirs):
        layer.build((None, *size, CHANNELS))
        layer.set_weights([normal(*weight.shape, seed=1) for weight in layer.get_weights()])
    return ours, theirs


def operations(layer: keras.Layer, size: tuple[int | None, int | None], training: bool) -> list[tf.Operation]:
    """The operations in the graph."""
    function = tf.function(lambda image: layer(image, training=training))
    graph = function.get_concrete_function(tf.TensorSpec((None, *size, CHANNELS), tf.float32)).graph
    return list(graph.get_operations())


def kinds_of_operations(layer: keras.Layer, size: tuple[int | None, int | None], training: bool) -> set[str]:
    return {operation.type for operation in operations(layer, size, training)}


def kinds_behind_the_gradient_of_the_kernel(layer: keras.Layer, size: tuple[int, int]) -> set[str]:
    """The operations in the graph of which the gradient of the kernel is made."""

    @tf.function
    def gradient(image):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(image, training=True))
        return tape.gradient(total, layer.kernel.value)

    graph = gradient.get_concrete_function(tf.TensorSpec((None, *size, CHANNELS), tf.float32)).graph
    needed, left = set(), [tensor.op for tensor in graph.outputs]
    while left:
        if (operation := left.pop()) not in needed:
            needed.add(operation)
            left += [tensor.op for tensor in operation.inputs]
    return {operation.type for operation in needed}


def learned(layer: keras.Layer, image: np.ndarray) -> list[np.ndarray]:
    """Outputs in training, and the gradients of input, kernel and bias."""
    inputs = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        # Weighted, so that each output counts differently.
        total = tf.reduce_sum(outputs * normal(*outputs.shape, seed=2))
    weights = [weight.value for weight in layer.trainable_weights]
    return [np.asarray(each) for each in (outputs, *tape.gradient(total, [inputs, *weights]))]


@pytest.mark.parametrize(
    ("kernel_size", "strides", "size"),
    [
        *product([1, 3, 7], [1, 2], SIZES),
        *product([2, 3], [1, 2, 3], [(4, 4), (5, 4), (3, 7), (8, 8)]),
        *product([(3, 2)], [(1, 2), (3, 1)], [(4, 5), (2, 6), (3, 3)]),
    ],
    ids=str,
)
def test_training_equals_keras_in_outputs_and_gradients(kernel_size, strides, size):
    image = normal(BATCH, *size, CHANNELS)
    ours, theirs = (learned(layer, image) for layer in pair(size, kernel_size, strides))
    assert len(ours) == 4
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        assert np.abs(their).max() > 0.1
        np.testing.assert_allclose(our, their, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("size", [*SIZES, (4, 4), (5, 5), (8, 8)], ids=str)
@pytest.mark.parametrize("strides", [1, 2])
def test_products_take_the_place_of_the_convolution_where_the_output_is_up_to_two_places_wide_and_high(strides, size):
    kinds = kinds_of_operations(pair(size, strides=strides)[0], size, training=True)
    small = max(size) <= 2 * strides
    assert ("Conv2D" in kinds) != small
    assert ("MatMul" in kinds) == small


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("places", [(2, 2), (2, 3), (3, 3)], ids=str)
def test_the_gradient_of_the_kernel_is_made_of_products_where_the_outputs_are(strides, places):
    size = places[0] * strides, places[1] * strides
    kinds = kinds_behind_the_gradient_of_the_kernel(pair(size, strides=strides)[0], size)
    assert ("Conv2DBackpropFilter" in kinds) != (max(places) <= 2)


@pytest.mark.parametrize("kernel_size", [1, 5])
def test_kernels_that_gain_nothing_are_convolved_on_small_images_too(kernel_size):
    layer, _ = pair((2, 2), kernel_size)
    assert "Conv2D" in kinds_of_operations(layer, (2, 2), training=True)


def test_a_step_that_is_compiled_convolves_where_there_is_more_than_one_place():
    with compiled_step():
        assert "Conv2D" in kinds_of_operations(pair((2, 2))[0], (2, 2), training=True)
        assert "MatMul" in kinds_of_operations(pair((1, 1))[0], (1, 1), training=True)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3)], ids=str)
def test_inference_is_the_plain_convolution(size):
    ours, theirs = pair(size, strides=2)
    kinds = kinds_of_operations(ours, size, training=False)
    assert "Conv2D" in kinds
    assert "MatMul" not in kinds
    image = normal(BATCH, *size, CHANNELS)
    np.testing.assert_array_equal(ours(image, training=False), theirs(image))
    np.testing.assert_array_equal(ours(image), theirs(image))


# Of a kernel of 7, `same` padding of 3 puts tap 3 over the first pixel; of one of 3, tap 1. With stride 2 and two
# pixels the padding is 5 and 1, of which the smaller half comes first: taps 2 and 3, and 0 and 1.
@pytest.mark.parametrize(
    ("kernel_size", "size", "strides", "rows", "columns"),
    [
        (3, (1, 1), 1, [1], [1]),
        (3, (1, 1), 2, [1], [1]),
        (3, (2, 2), 2, [0, 1], [0, 1]),
        (3, (1, 2), 2, [1], [0, 1]),
        (7, (1, 1), 1, [3], [3]),
        (7, (2, 2), 2, [2, 3], [2, 3]),
        (7, (2, 1), 2, [2, 3], [3]),
    ],
)
def test_weights_that_meet_only_padding_have_gradient_zero(kernel_size, size, strides, rows, columns):
    ours, theirs = (learned(layer, normal(BATCH, *size, CHANNELS))[2] for layer in pair(size, kernel_size, strides))
    meeting = np.zeros((kernel_size, kernel_size), bool)
    meeting[np.ix_(rows, columns)] = True
    for gradient in (ours, theirs):
        assert np.all(gradient[~meeting] == 0)
        assert np.all(gradient[meeting] != 0)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((None, None), {}),
        ((1, None), {}),
        ((1, 1), {"padding": "valid", "kernel_size": 1}),
        ((1, 1), {"dilation_rate": 2}),
    ],
    ids=["unknown size", "unknown width", "no padding", "dilated"],
)
def test_what_the_product_cannot_do_is_the_plain_convolution(size, options):
    assert "Conv2D" in kinds_of_operations(pair(size, **options)[0], size, training=True)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 3)], ids=str)
@pytest.mark.parametrize(
    "options", [{"activation": "relu"}, {"use_bias": False}, {"groups": 2}], ids=["activation", "no bias", "groups"]
)
def test_activation_bias_and_groups_are_as_asked_for(training, size, options):
    ours, theirs = pair(size, **options)
    assert len(ours.weights) == len(theirs.weights) == (1 if "use_bias" in options else 2)
    image = normal(BATCH, *size, CHANNELS)
    outputs = np.asarray(ours(image, training=training))
    assert (outputs.min() == 0) == ("activation" in options)
    np.testing.assert_allclose(outputs, theirs(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3)], ids=str)
def test_mixed_precision_computes_in_half_and_keeps_the_weights_in_float32(training, size):
    ours, theirs = pair(size, strides=2, dtype="mixed_bfloat16")
    image = normal(BATCH, *size, CHANNELS)
    outputs = ours(image, training=training)
    assert outputs.dtype == tf.bfloat16
    assert {weight.dtype for weight in ours.weights} == {"float32"}
    np.testing.assert_allclose(np.float32(outputs), np.float32(theirs(image)), rtol=0, atol=BFLOAT16_TOLERANCE)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3)], ids=str)
def test_in_mixed_precision_the_gradients_of_the_weights_are_float32(size):
    layer, _ = pair(size, dtype="mixed_bfloat16")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(normal(BATCH, *size, CHANNELS), training=True))
    gradients = tape.gradient(total, [weight.value for weight in layer.trainable_weights])
    assert [gradient.dtype for gradient in gradients] == [tf.float32, tf.float32]


def test_only_the_part_of_the_kernel_in_use_is_converted():
    made = operations(pair((1, 1), dtype="mixed_bfloat16")[0], (1, 1), training=True)
    converted = {tuple(each.outputs[0].shape) for each in made if each.type == "Cast"}
    assert (1, 1, CHANNELS, FILTERS) in converted
    assert (3, 3, CHANNELS, FILTERS) not in converted
