from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_resnet.models.blocks import Layers, basic_block


@pytest.fixture
def layers(model_parameters) -> Layers:
    return Layers.from_parameters(model_parameters)


def block(layers: Layers, filters: int, strides: int, size: int = 8, channels: int = 16) -> keras.Model:
    inputs = keras.Input((size, size, channels))
    return keras.Model(inputs, basic_block(inputs, layers, filters, strides, "block"))


def initial_gammas(model: keras.Model) -> dict[str, set[float]]:
    norms = [layer for layer in model.layers if layer.name.endswith("_norm")]
    return {layer.name: set(layer.gamma.numpy().tolist()) for layer in norms}


def projections(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if "projection" in layer.name]


# A 3x3 convolution from a to b channels without bias has 9ab weights, a norm of c channels 4c.
#   16 -> 16:            2 x (9·16·16 + 4·16)                                          =  4,736
#   16 -> 16, stride 2:  the same and a projection, 16·16 + 4·16                       =  5,056
#   16 -> 32:            9·16·32 + 4·32 + 9·32·32 + 4·32, and a projection 16·32 + 4·32 = 14,720
@pytest.mark.parametrize(
    ("filters", "strides", "size", "shape", "parameters"),
    [
        (16, 1, 8, (8, 8, 16), 4_736),
        (16, 2, 8, (4, 4, 16), 5_056),
        (32, 1, 8, (8, 8, 32), 14_720),
        (32, 2, 8, (4, 4, 32), 14_720),
        (32, 2, 7, (4, 4, 32), 14_720),
    ],
)
def test_shape_and_parameter_count(layers, filters, strides, size, shape, parameters):
    model = block(layers, filters, strides, size)
    assert model.output_shape == (None, *shape)
    assert model.count_params() == parameters


def test_the_shortcut_is_the_input_where_shapes_agree(layers):
    model = block(layers, 16, 1)
    assert projections(model) == []
    # With nothing from the residual branch, what remains is the shortcut.
    model.get_layer("block_2_norm").gamma.assign(np.zeros(16))
    image = np.random.default_rng(0).random((2, 8, 8, 16), dtype=np.float32)
    np.testing.assert_array_equal(model(image), image)


@pytest.mark.parametrize(("filters", "strides"), [(16, 2), (32, 1), (32, 2)])
def test_the_shortcut_is_a_1x1_projection_where_shapes_differ(layers, filters, strides):
    model = block(layers, filters, strides)
    assert projections(model) == ["block_projection_conv", "block_projection_norm"]
    convolution = model.get_layer("block_projection_conv")
    assert (convolution.kernel_size, convolution.strides) == ((1, 1), (strides, strides))


def test_the_stride_is_in_the_first_convolution_only(layers):
    model = block(layers, 32, 2)
    strides = [model.get_layer(f"block_{number}_conv").strides for number in (1, 2)]
    assert strides == [(2, 2), (1, 1)]


def test_the_sum_is_rectified_and_not_the_residual_alone(layers):
    model = block(layers, 16, 1)
    model.get_layer("block_2_norm").gamma.assign(np.ones(16))
    image = np.random.default_rng(0).normal(size=(2, 8, 8, 16)).astype("float32")
    residual, total = keras.Model(model.input, [model.get_layer("block_2_norm").output, model.output])(image)
    assert np.min(residual) < 0
    np.testing.assert_array_equal(total, np.maximum(image + np.asarray(residual), 0))


def test_convolutions_have_no_bias_and_norms_the_configured_constants(layers, model_parameters):
    model = block(layers, 32, 2)
    convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
    norms = [layer for layer in model.layers if layer.name.endswith("_norm")]
    assert (len(convolutions), len(norms)) == (3, 3)
    assert not any(layer.use_bias for layer in convolutions)
    expected = (model_parameters.batch_norm_momentum, model_parameters.batch_norm_epsilon)
    assert {(layer.momentum, layer.epsilon) for layer in norms} == {expected}


@pytest.mark.parametrize(("zero", "last"), [(False, 1.0), (True, 0.0)])
def test_only_the_last_norm_of_the_residual_branch_may_start_at_zero(model_parameters, zero, last):
    layers = Layers.from_parameters(replace(model_parameters, zero_last_gamma=zero))
    expected = {"block_1_norm": {1.0}, "block_2_norm": {last}, "block_projection_norm": {1.0}}
    assert initial_gammas(block(layers, 32, 2)) == expected


def test_a_block_whose_last_norm_starts_at_zero_starts_as_its_shortcut(model_parameters):
    layers = Layers.from_parameters(replace(model_parameters, zero_last_gamma=True))
    image = np.random.default_rng(0).random((2, 8, 8, 16), dtype=np.float32)
    np.testing.assert_array_equal(block(layers, 16, 1)(image, training=True), image)
