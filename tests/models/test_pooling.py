import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.models.compilation import compiled_step
from mnist_resnet.models.pooling import MaxPooling


@pytest.fixture(params=[(6, 6), (7, 5), (3, 4)], ids=str)
def features(request) -> np.ndarray:
    """Of an odd and of an even extent, with many equal places."""
    generator = np.random.default_rng(0)
    return np.maximum(generator.integers(-3, 4, (2, *request.param, 3)), 0).astype("float32")


def pooled(layer, features, training) -> tuple[np.ndarray, np.ndarray]:
    """Outputs, and the gradient of a sum in which each of them has its own weight."""
    inputs = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=training) if isinstance(layer, MaxPooling) else layer(inputs)
        weights = np.arange(1, tf.size(outputs) + 1, dtype="float32").reshape(outputs.shape)
        total = tf.reduce_sum(outputs * weights)
    return outputs.numpy(), tape.gradient(total, inputs).numpy()


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": "valid"}, {"padding": "same", "pool_size": 2}])
def test_slices_give_the_outputs_and_the_gradient_of_pooling_also_where_places_are_equal(features, options):
    options = {"pool_size": 3, "strides": 2, **options}
    expected = pooled(keras.layers.MaxPooling2D(**options), features, training=True)
    with compiled_step():
        outputs, gradient = pooled(MaxPooling(**options), features, training=True)
    np.testing.assert_array_equal(outputs, expected[0])
    # Whole numbers: in whatever order they are added up, nothing is rounded.
    np.testing.assert_array_equal(gradient, expected[1])


def test_a_value_that_is_no_number_stays_one(features):
    features[0, 0, 0, 0] = np.nan
    with compiled_step():
        outputs, _ = pooled(MaxPooling(3, strides=2, padding="same"), features, training=True)
    assert np.isnan(outputs[0, 0, 0, 0])
    assert np.isfinite(outputs[1]).all()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_kept(features, precision, precision_before):
    keras.config.set_dtype_policy(precision)
    layer = MaxPooling(3, strides=2, padding="same")
    with compiled_step():
        outputs = layer(features, training=True)
    assert outputs.dtype == layer.compute_dtype
    np.testing.assert_array_equal(tf.cast(outputs, "float32"), tf.cast(layer(features), "float32"))


def test_only_a_step_that_is_compiled_pools_by_slices():
    layer, inputs = MaxPooling(3, strides=2, padding="same"), tf.TensorSpec((None, 6, 6, 3))

    def operations(training: bool) -> set[str]:
        graph = tf.function(lambda each: layer(each, training=training)).get_concrete_function(inputs).graph
        return {operation.type for operation in graph.get_operations()}

    assert "MaxPool" in operations(training=True)
    with compiled_step():
        assert "MaxPool" in operations(training=False)
        assert "MaxPool" not in operations(training=True)
    assert "MaxPool" in operations(training=True)
