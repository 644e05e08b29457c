from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_resnet.models.blocks import Layers, basic, bottleneck, residual_block

BLOCKS = {"basic": (basic, 2), "bottleneck": (bottleneck, 3)}  # and the convolutions of each


@pytest.fixture
def bound(model_parameters):
    return lambda **options: Layers(replace(model_parameters, **options))


def block(layers: Layers, filters: int, strides: int, size: int = 8, channels: int = 16, kind=basic, **options):
    inputs = keras.Input((size, size, channels), name="inputs")
    project = options.get("project", strides > 1 or channels != filters)
    return keras.Model(inputs, residual_block(inputs, layers, kind(filters, strides), project, "block"))


def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 8, 8, 16)).astype("float32")


def layers_named(model: keras.Model, end: str) -> list[keras.Layer]:
    return [layer for layer in model.layers if layer.name.endswith(end)]


def initial_gammas(model: keras.Model) -> dict[str, set[float]]:
    return {layer.name: set(layer.gamma.numpy().tolist()) for layer in layers_named(model, "_norm")}


def projections(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if "projection" in layer.name]


# A 3x3 convolution from a to b channels without bias has 9ab weights, a norm of c channels 4c.
#   16 -> 16:            2 x (9·16·16 + 4·16)                                          =  4,736
#   16 -> 16, stride 2:  the same and a projection, 16·16 + 4·16                       =  5,056
#   16 -> 32:            9·16·32 + 4·32 + 9·32·32 + 4·32, and a projection 16·32 + 4·32 = 14,720
# In a bottleneck from a to c channels, through n = c / 4: an + 9nn + nc weights, norms of n, n and c channels.
#   16 -> 16:            16·4 + 9·4·4 + 4·16 + 4·(4 + 4 + 16)                    =   368
#   16 -> 16, stride 2:  the same and a projection, 16·16 + 4·16                 =   688
#   16 -> 32:            16·8 + 9·8·8 + 8·32 + 4·(8 + 8 + 32), and 16·32 + 4·32  = 1,792
@pytest.mark.parametrize(
    ("kind", "filters", "strides", "size", "shape", "parameters"),
    [
        (basic, 16, 1, 8, (8, 8, 16), 4_736),
        (basic, 16, 2, 8, (4, 4, 16), 5_056),
        (basic, 32, 1, 8, (8, 8, 32), 14_720),
        (basic, 32, 2, 8, (4, 4, 32), 14_720),
        (basic, 32, 2, 7, (4, 4, 32), 14_720),
        (bottleneck, 16, 1, 8, (8, 8, 16), 368),
        (bottleneck, 16, 2, 8, (4, 4, 16), 688),
        (bottleneck, 32, 1, 8, (8, 8, 32), 1_792),
        (bottleneck, 32, 2, 7, (4, 4, 32), 1_792),
    ],
)
def test_shape_and_parameter_count(bound, kind, filters, strides, size, shape, parameters):
    model = block(bound(), filters, strides, size, kind=kind)
    assert model.output_shape == (None, *shape)
    assert model.count_params() == parameters


def test_the_tutorials_block_has_its_parameters(bound):
    layers = bound(convolution_bias=True, projection_norm=False)
    model = block(layers, 64, 1, channels=64, project=True)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {
        "block_1_conv": 36_928,
        "block_1_norm": 256,
        "block_2_conv": 36_928,
        "block_2_norm": 256,
        "block_projection_conv": 4_160,
    }
    assert model.count_params() == 78_528


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize(("filters", "strides"), [(16, 2), (32, 1), (32, 2)])
def test_the_shortcut_is_a_1x1_projection_where_shapes_differ(bound, kind, filters, strides):
    model = block(bound(), filters, strides, kind=BLOCKS[kind][0])
    assert projections(model) == ["block_projection_conv", "block_projection_norm"]
    convolution = model.get_layer("block_projection_conv")
    assert (convolution.kernel_size, convolution.strides) == ((1, 1), (strides, strides))


@pytest.mark.parametrize("preactivation", [False, True])
def test_the_projection_may_go_without_a_norm(bound, sources, preactivation):
    model = block(bound(projection_norm=False, preactivation=preactivation), 32, 2)
    assert projections(model) == ["block_projection_conv"]
    assert sources(model)["block_add"][0] == "block_projection_conv"


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize(
    ("kind", "kernels", "filters", "strides"),
    [("basic", [3, 3], [32, 32], [2, 1]), ("bottleneck", [1, 3, 1], [8, 8, 32], [1, 2, 1])],
)
def test_the_stride_is_in_the_first_3x3_convolution_and_a_bottleneck_is_a_quarter_as_wide_within(
    bound, preactivation, kind, kernels, filters, strides
):
    build, count = BLOCKS[kind]
    model = block(bound(preactivation=preactivation), 32, 2, kind=build)
    convolutions = [model.get_layer(f"block_{number}_conv") for number in range(1, count + 1)]
    assert [layer.kernel_size for layer in convolutions] == [(kernel, kernel) for kernel in kernels]
    assert [layer.strides for layer in convolutions] == [(stride, stride) for stride in strides]
    assert [layer.filters for layer in convolutions] == filters


@pytest.mark.parametrize("kind", BLOCKS)
def test_norm_and_relu_follow_each_convolution_and_relu_the_sum(bound, sources, kind):
    build, count = BLOCKS[kind]
    model = block(bound(), 32, 2, kind=build)
    expected, before = {}, "inputs"
    for number in range(1, count + 1):
        expected[f"block_{number}_conv"] = [before]
        expected[f"block_{number}_norm"] = [f"block_{number}_conv"]
        before = f"block_{number}_relu"
        if number < count:
            expected[before] = [f"block_{number}_norm"]
    expected |= {"block_projection_conv": ["inputs"], "block_projection_norm": ["block_projection_conv"]}
    expected |= {"block_add": ["block_projection_norm", f"block_{count}_norm"], "block_relu": ["block_add"]}
    assert sources(model) == expected
    assert model.layers[-1].name == "block_relu"


# He et al. 2016b, figure 1b. Where shapes differ, the projection too starts from the activated input.
@pytest.mark.parametrize("kind", BLOCKS)
def test_with_preactivation_norm_and_relu_precede_each_convolution_and_nothing_follows_the_sum(bound, sources, kind):
    build, count = BLOCKS[kind]
    model = block(bound(preactivation=True), 32, 2, kind=build)
    expected, before = {}, "inputs"
    for number in range(1, count + 1):
        expected[f"block_{number}_norm"] = [before]
        expected[f"block_{number}_relu"] = [f"block_{number}_norm"]
        expected[f"block_{number}_conv"] = [f"block_{number}_relu"]
        before = f"block_{number}_conv"
    expected |= {"block_projection_conv": ["block_1_relu"], "block_projection_norm": ["block_projection_conv"]}
    expected |= {"block_add": ["block_projection_norm", before]}
    assert sources(model) == expected
    assert model.layers[-1].name == "block_add"


@pytest.mark.parametrize("kind", BLOCKS)
def test_with_preactivation_the_shortcut_is_the_untouched_input(bound, sources, kind):
    build, count = BLOCKS[kind]
    model = block(bound(preactivation=True), 16, 1, kind=build)
    assert sources(model)["block_add"] == ["inputs", f"block_{count}_conv"]
    # Negative values pass, since nothing rectifies the sum.
    model.get_layer(f"block_{count}_conv").kernel.assign(model.get_layer(f"block_{count}_conv").kernel * 0)
    np.testing.assert_array_equal(model(images()), images())


def test_the_sum_is_rectified_and_not_the_residual_alone(bound):
    model = block(bound(), 16, 1)
    model.get_layer("block_2_norm").gamma.assign(np.ones(16))
    image = images()
    residual, total = keras.Model(model.input, [model.get_layer("block_2_norm").output, model.output])(image)
    assert np.min(residual) < 0
    np.testing.assert_array_equal(total, np.maximum(image + np.asarray(residual), 0))


def test_convolutions_have_no_bias_and_norms_the_configured_constants(bound, model_parameters):
    model = block(bound(), 32, 2)
    convolutions, norms = layers_named(model, "_conv"), layers_named(model, "_norm")
    assert (len(convolutions), len(norms)) == (3, 3)
    assert not any(layer.use_bias for layer in convolutions)
    expected = (model_parameters.batch_norm_momentum, model_parameters.batch_norm_epsilon)
    assert {(layer.momentum, layer.epsilon) for layer in norms} == {expected}


@pytest.mark.parametrize(
    ("initializer", "kind"),
    [("he_normal", keras.initializers.HeNormal), ("glorot_uniform", keras.initializers.GlorotUniform)],
)
def test_kernels_are_initialized_as_asked_for(bound, initializer, kind):
    convolutions = layers_named(block(bound(kernel_initializer=initializer), 32, 2), "_conv")
    assert {type(layer.kernel_initializer) for layer in convolutions} == {kind}


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("zero", [False, True])
def test_only_the_last_norm_or_kernel_of_the_residual_branch_may_start_at_zero(bound, kind, preactivation, zero):
    build, count = BLOCKS[kind]
    model = block(bound(zero_last_gamma=zero, preactivation=preactivation), 32, 2, kind=build)
    expected = {f"block_{number}_norm": {1.0} for number in range(1, count)}
    last = {0.0} if zero and not preactivation else {1.0}
    assert initial_gammas(model) == {**expected, f"block_{count}_norm": last, "block_projection_norm": {1.0}}
    zeros = [layer.name for layer in layers_named(model, "_conv") if not layer.kernel.numpy().any()]
    assert zeros == ([f"block_{count}_conv"] if zero and preactivation else [])


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("zero", [False, True])
def test_every_weight_of_a_block_learns(bound, kind, preactivation, zero):
    """Also of one that starts as its shortcut: what is zero first lets the others learn from the second step on."""
    layers = bound(zero_last_gamma=zero, preactivation=preactivation)
    model = block(layers, 32, 2, kind=BLOCKS[kind][0])
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    targets = np.random.default_rng(1).normal(size=(2, 4, 4, 32)).astype("float32")
    for _ in range(3):
        model.train_on_batch(images(), targets)
    still = [weight.path for weight in model.trainable_weights if np.array_equal(weight.numpy(), before[weight.path])]
    assert still == []


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("preactivation", [False, True])
def test_a_block_whose_last_norm_starts_at_zero_starts_as_its_shortcut(bound, kind, bias, preactivation):
    layers = bound(zero_last_gamma=True, convolution_bias=bias, preactivation=preactivation)
    model = block(layers, 16, 1, kind=BLOCKS[kind][0])
    assert projections(model) == []
    image = np.abs(images())  # which the ReLU after the sum leaves as they are
    np.testing.assert_array_equal(model(image, training=True), image)
