import re
from dataclasses import replace
from functools import cache
from typing import get_args

import keras
import numpy as np
import pytest

from mnist_resnet.config import ModelParameters, validate_parameters
from mnist_resnet.models.resnet import ARCHITECTURES, build_network, residual_network
from mnist_resnet.preprocessing import Preprocessing, fit_preprocessing
from tests.conftest import recipe_parameters

# Weights of a convolution from a to b channels with a kxk kernel: k²ab; of a norm of c channels: 4c.
# A stage of n blocks starts from a channels and goes on with c. In a bottleneck, m = c / 4.
#   basic       9ac + 9cc + 8c, projection ac + 4c if a != c, then n - 1 times 18cc + 8c
#   bottleneck  am + 9mm + mc + 4·(m + m + c), projection ac + 4c, then n - 1 times the same with a = c
#
#              tiny  resnet10   resnet18   resnet34   resnet50  resnet101  resnet152
#   stem        848     3,392      3,392      3,392      3,392      3,392      3,392   7²·64 + 4·64, tiny 16 of each
#   stage 1   4,736    74,240    148,480    222,720    218,624    218,624    218,624
#   stage 2           230,912    526,848  1,118,720  1,226,752  1,226,752  2,353,152
#   stage 3           920,576  2,102,272  6,829,056  7,118,848 26,163,200 40,726,528
#   stage 4         3,676,160  8,398,848 13,121,536 14,987,264 14,987,264 14,987,264
#   logits      170     5,130      5,130      5,130     20,490     20,490     20,490   (512 or 2,048, tiny 16)·10 + 10
#
#                   stem    stage 1    stage 2    stage 3   logits
#   14_wide2       1,696     37,376    132,352    526,848    1,290   7²·32 + 4·32, (128·10) + 10
#   14_wide4       3,392    148,480    526,848  2,102,272    2,570   the first three stages of resnet18
#
PARAMETER_COUNTS = {
    "resnet_tiny": 5_754,
    "resnet14_wide2": 699_562,
    "resnet14_wide4": 2_783_562,
    "resnet10": 4_910_410,
    "resnet18": 11_184_970,
    "resnet34": 21_300_554,
    "resnet50": 23_575_370,
    "resnet101": 42_619_722,
    "resnet152": 58_309_450,
}
# With preactivation each block's last norm gives way to one of its input, and one is added after the last block:
# together one norm more, as wide as the stem.
STEMS = {"resnet_tiny": 16, "resnet18": 64, "resnet50": 64}  # of each kind of block, and one of several stages


def with_deep_ones_at_landings(architectures):
    """The cases of a test for each architecture; networks of more than fifty layers take seconds to make."""
    deep = {"resnet101", "resnet152"}
    return [pytest.param(name, marks=pytest.mark.landing if name in deep else ()) for name in architectures]


EACH = with_deep_ones_at_landings(ARCHITECTURES)
GRID = [
    *(pytest.param(*each.values, False, marks=each.marks) for each in EACH),
    *((architecture, True) for architecture in STEMS),
]

# Blocks in each stage, and convolutions in a block: He et al. 2016, section 4.2 (n = 2) and table 1.
BLOCKS = {
    "resnet14_wide2": ((2, 2, 2), 2),
    "resnet14_wide4": ((2, 2, 2), 2),
    "resnet18": ((2, 2, 2, 2), 2),
    "resnet34": ((3, 4, 6, 3), 2),
    "resnet50": ((3, 4, 6, 3), 3),
    "resnet101": ((3, 4, 23, 3), 3),
    "resnet152": ((3, 8, 36, 3), 3),
}

# What others count for 224x224x3 images and 1,000 classes.
# torchvision has no biases, and counts what is trained.
TORCHVISION = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}
# keras.applications.ResNet50 has biases, and counts the moving statistics too.
KERAS_APPLICATIONS = 25_636_712

# A tutorial's network: all its parameters, those that are trained, and the extents after the first convolution and each
# stage.
RECIPES = {
    ("mnist_32", "mnist"): (11_707_394, 11_697_922, (16, 8, 4, 2, 1)),
    ("d2l_fashion_28", "fashion_mnist"): (11_186_186, 11_178_378, (14, 7, 4, 2, 1)),
    ("d2l_fashion_96", "fashion_mnist"): (11_186_186, 11_178_378, (48, 24, 12, 6, 3)),
    ("d2l_keras_224", "fashion_mnist"): (11_186_186, 11_178_378, (112, 56, 28, 14, 7)),
}

# Rows of ten float32 shares, each rounded to 24 bits, sum to one within about ten roundings.
SUM_TOLERANCE = 1e-6


@cache
def built(parameters: ModelParameters) -> keras.Model:
    """A network as for MNIST: 28x28 images padded to 32x32, ten classes."""
    return build_network(parameters, Preprocessing("pad", (32, 32), 33.3, 0.0127), (28, 28), 10)


@cache
def built_by_recipe(recipe: str, namespace: str) -> keras.Model:
    parameters = validate_parameters(recipe_parameters(recipe))
    chosen, dataset = parameters.namespaces[namespace], parameters.datasets[namespace]
    preprocessing = fit_preprocessing(np.zeros((1, *dataset.image_size), np.uint8), chosen.preprocessing)
    return build_network(chosen.model, preprocessing, dataset.image_size, len(dataset.class_names))


@pytest.fixture(scope="module", autouse=True)
def nothing_is_kept_in_memory():
    yield
    built.cache_clear()
    built_by_recipe.cache_clear()


@pytest.fixture
def network(model_parameters):
    """A network of each architecture, built once."""
    return lambda architecture, preactivation=False: built(
        replace(model_parameters, architecture=architecture, preactivation=preactivation)
    )


@pytest.fixture
def small(model_parameters, preprocessing):
    """The smallest network, with other options."""
    return lambda **options: build_network(replace(model_parameters, **options), preprocessing, (8, 8), 3)


@pytest.fixture
def for_imagenet(model_parameters):
    """How many parameters a network for ImageNet has, and how many of them are trained."""

    def counts(architecture: str, **options) -> tuple[int, int]:
        image = keras.Input((224, 224, 3))
        parameters = replace(model_parameters, architecture=architecture, **options)
        return counted(keras.Model(image, residual_network(image, parameters, 1000)))

    return counts


def counted(model: keras.Model) -> tuple[int, int]:
    return model.count_params(), sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def test_the_architectures_are_those_that_can_be_configured():
    assert set(ARCHITECTURES) == set(get_args(ModelParameters.__annotations__["architecture"]))


@pytest.mark.parametrize(("architecture", "preactivation"), GRID)
def test_every_architecture_has_its_golden_parameter_count(network, architecture, preactivation):
    assert architecture in PARAMETER_COUNTS, "count the new architecture's parameters by hand and add them above"
    one_norm = 4 * STEMS[architecture] if preactivation else 0
    assert network(architecture, preactivation).count_params() == PARAMETER_COUNTS[architecture] + one_norm


@pytest.mark.parametrize("architecture", with_deep_ones_at_landings(TORCHVISION))
def test_as_many_weights_are_trained_as_in_torchvision(for_imagenet, architecture):
    assert for_imagenet(architecture)[1] == TORCHVISION[architecture]


def test_with_biases_there_are_as_many_parameters_as_in_keras_applications(for_imagenet):
    assert for_imagenet("resnet50", convolution_bias=True)[0] == KERAS_APPLICATIONS


def test_with_preactivation_there_are_as_many_parameters_as_in_keras_applications(for_imagenet):
    counts = for_imagenet("resnet50", preactivation=True, stem_norm=False, projection_norm=False)
    # ResNet50V2 has biases in the stem, in the projections and in the last convolution of each block.
    widths, blocks = (256, 512, 1024, 2048), (3, 4, 6, 3)
    biases = 64 + sum(widths) + sum(width * count for width, count in zip(widths, blocks, strict=True))
    assert counts[0] + biases == 25_613_800


@pytest.mark.parametrize(("recipe", "namespace"), RECIPES)
def test_the_tutorials_networks_have_their_parameter_counts_and_shapes(recipe, namespace):
    model = built_by_recipe(recipe, namespace)
    *counts, (stem, *stages) = RECIPES[recipe, namespace]
    assert counted(model) == tuple(counts)
    expected = {"stem_conv": (stem, 64), "stem_pool": (stages[0], 64)}
    channels = zip(stages, (64, 128, 256, 512), strict=True)
    expected |= {f"stage{number}_block2_relu": each for number, each in enumerate(channels, start=1)}
    shapes = {name: model.get_layer(name).output.shape[1:] for name in expected}
    assert shapes == {name: (extent, extent, width) for name, (extent, width) in expected.items()}
    head = [(1000,), (10,), (10,)] if recipe == "mnist_32" else [(512,), (10,), (10,)]
    assert [model.get_layer(name).output.shape[1:] for name in names(model)[-3:]] == head


def test_the_accurate_network_keeps_all_places_in_its_first_stage():
    model = validate_parameters(recipe_parameters("accurate")).namespaces["mnist"].model
    network = build_network(model, Preprocessing("pad", (28, 28), 33.3, 0.0127), (28, 28), 10)
    # The table's, but for a stem of 3²·32 weights instead of 7²·32.
    assert network.count_params() == PARAMETER_COUNTS["resnet14_wide2"] - 1280
    stages = [network.get_layer(f"stage{stage}_block2_relu").output.shape[1:] for stage in (1, 2, 3)]
    assert stages == [(28, 28, 32), (14, 14, 64), (7, 7, 128)]


@pytest.mark.parametrize(("architecture", "preactivation"), GRID)
def test_input_and_output_are_named_and_typed(network, architecture, preactivation):
    model = network(architecture, preactivation)
    (image,), (probabilities,) = model.inputs, model.outputs
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", (None, 28, 28))
    assert model.output_names == ["probabilities"]
    assert (probabilities.dtype, probabilities.shape) == ("float32", (None, 10))
    assert model.name == architecture


@pytest.mark.parametrize("architecture", with_deep_ones_at_landings(BLOCKS))
def test_an_architecture_has_as_many_layers_as_its_name_says(network, architecture):
    blocks, convolutions = BLOCKS[architecture]
    expected = [
        f"stage{stage}_block{block}_add" for stage, count in enumerate(blocks, start=1) for block in range(1, count + 1)
    ]
    assert [name for name in names(network(architecture)) if name.endswith("_add")] == expected
    # With the first convolution and the logits.
    assert sum(blocks) * convolutions + 2 == int(re.match(r"resnet(\d+)", architecture)[1])
    deep = [name for name in names(network(architecture)) if re.fullmatch(r"stage\d_block\d+_\d_conv", name)]
    assert len(deep) == sum(blocks) * convolutions


# A bottleneck widens the 64 channels of the stem, so that its first stage too has to project.
@pytest.mark.parametrize(("architecture", "stages"), [("resnet18", (2, 3, 4)), ("resnet50", (1, 2, 3, 4))])
@pytest.mark.parametrize("preactivation", [False, True])
def test_only_the_first_block_of_a_stage_projects(network, architecture, stages, preactivation):
    model = network(architecture, preactivation)
    projections = [name for name in names(model) if name.endswith("_projection_conv")]
    assert projections == [f"stage{stage}_block1_projection_conv" for stage in stages]
    strides = [model.get_layer(name).strides for name in projections]
    assert strides == [(1, 1) if stage == 1 else (2, 2) for stage in stages]


@pytest.mark.parametrize(("architecture", "preactivation"), GRID)
def test_layer_names_are_unique_and_say_the_place(network, architecture, preactivation):
    found = names(network(architecture, preactivation))
    assert len(set(found)) == len(found)
    ends = {"image", "channel", "pad", "standardize", "pool", "logits", "probabilities"}
    if preactivation:
        ends |= {"last_norm", "last_relu"}
    place = re.compile(r"(stem|stage\d_block\d+(_\d|_projection)?)_(conv|norm|relu|pool|add)")
    assert [name for name in found if name not in ends and not place.fullmatch(name)] == []


@pytest.mark.parametrize("architecture", EACH)
def test_a_norm_follows_every_convolution(network, sources, architecture):
    before = sources(network(architecture))
    convolutions = [name for name in before if name.endswith("_conv")]
    norms = {name: taken for name, taken in before.items() if name.endswith("_norm")}
    assert norms == {name.replace("_conv", "_norm"): [name] for name in convolutions}
    assert before["pool"][0].endswith("_relu")


@pytest.mark.parametrize("architecture", STEMS)
def test_with_preactivation_norm_and_relu_precede_every_convolution_and_the_head(network, sources, architecture):
    before = sources(network(architecture, preactivation=True))
    convolutions = [name for name in before if name.endswith("_conv") and name != "stem_conv"]
    for name in convolutions:
        first = name.replace("_projection_conv", "_1_conv")
        assert before[name] == [first.replace("_conv", "_relu")]
        assert before[before[name][0]] == [first.replace("_conv", "_norm")]
    (last,) = before["last_norm"]
    assert last.endswith("_add")
    assert (before["last_relu"], before["pool"]) == (["last_norm"], ["last_relu"])


@pytest.mark.parametrize(
    ("options", "stem"),
    [
        ({}, ["stem_conv", "stem_norm", "stem_relu", "stem_pool"]),
        ({"stem": "3x3"}, ["stem_conv", "stem_norm", "stem_relu"]),
        ({"stem": "3x3_strided"}, ["stem_conv", "stem_norm", "stem_relu"]),
        ({"stem_norm": False}, ["stem_conv", "stem_relu", "stem_pool"]),
        ({"stem_norm": False, "stem": "3x3"}, ["stem_conv", "stem_relu"]),
        ({"preactivation": True}, ["stem_conv", "stem_norm", "stem_relu", "stem_pool"]),
        # The first block's own norm and ReLU follow.
        ({"preactivation": True, "stem_norm": False}, ["stem_conv", "stem_pool"]),
        ({"preactivation": True, "stem_norm": False, "stem": "3x3"}, ["stem_conv"]),
    ],
    ids=str,
)
def test_the_stem_is_the_one_asked_for(small, sources, options, stem):
    model = small(**options)
    assert [name for name in names(model) if name.startswith("stem_")] == stem
    before = sources(model)
    assert [before[name] for name in stem] == [[name] for name in ["standardize", *stem[:-1]]]
    first = "stage1_block1_1_norm" if options.get("preactivation") else "stage1_block1_1_conv"
    assert before[first] == [stem[-1]]


@pytest.mark.parametrize(
    ("stem", "kernel", "strides", "extent"),
    [("7x7", (7, 7), (2, 2), 3), ("3x3_strided", (3, 3), (2, 2), 5), ("3x3", (3, 3), (1, 1), 10)],
)
def test_a_stem_for_small_images_keeps_more_of_their_places(small, stem, kernel, strides, extent):
    model = small(stem=stem)
    convolution = model.get_layer("stem_conv")
    assert (convolution.kernel_size, convolution.strides) == (kernel, strides)
    assert model.get_layer("stage1_block1_relu").output.shape == (None, extent, extent, 16)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_every_convolution_has_a_bias_where_that_is_asked_for(small, preactivation, bias):
    model = small(convolution_bias=bias, preactivation=preactivation)
    convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
    assert [layer.use_bias for layer in convolutions] == [bias] * 3


@pytest.mark.parametrize(
    ("options", "head"),
    [
        ({}, {"pool": (16,), "logits": (3,)}),
        ({"hidden_units": 7}, {"pool": (16,), "hidden": (7,), "logits": (3,)}),
        ({"head": "flatten"}, {"flatten": (144,), "logits": (3,)}),
        ({"head": "flatten", "hidden_units": 7}, {"flatten": (144,), "hidden": (7,), "logits": (3,)}),
    ],
    ids=str,
)
def test_the_head_is_the_one_asked_for(small, options, head):
    model = small(**options)
    found = names(model)
    after = found[found.index("stage1_block1_relu") + 1 :]
    assert after == [*head, "probabilities"]
    assert {name: model.get_layer(name).output.shape[1:] for name in head} == head
    if "hidden" in head:
        assert model.get_layer("hidden").activation is keras.activations.relu
    assert model.get_layer("logits").activation is keras.activations.linear


def test_building_again_gives_the_same_names(model_parameters, preprocessing):
    first, second = (build_network(model_parameters, preprocessing, (8, 8), 3) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert [weight.path for weight in first.weights] == [weight.path for weight in second.weights]
    # By which the optimizers tell what decays.
    assert {weight.name for weight in first.trainable_weights} == {"kernel", "gamma", "beta", "bias"}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_rows_are_float32_shares_that_sum_to_one(
    precision, precision_before, model_parameters, preprocessing, made_data
):
    keras.config.set_dtype_policy(precision)
    model = build_network(model_parameters, preprocessing, (8, 8), 10)
    probabilities = np.asarray(model(made_data.arrays["test_images"]))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (60, 10))
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=SUM_TOLERANCE)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_the_body_in_half_and_the_head_in_float32(
    precision, precision_before, model_parameters, preprocessing
):
    keras.config.set_dtype_policy(precision)
    model = build_network(replace(model_parameters, hidden_units=7), preprocessing, (8, 8), 3)
    computed = {name: model.get_layer(name).compute_dtype for name in ("stem_conv", "stem_norm", "hidden", "logits")}
    half = precision.removeprefix("mixed_")
    assert computed == {"stem_conv": half, "stem_norm": half, "hidden": half, "logits": "float32"}


def test_probabilities_are_the_softmax_of_the_logits(model_parameters, preprocessing, made_data):
    model = build_network(model_parameters, preprocessing, (8, 8), 3)
    both = keras.Model(model.input, [model.get_layer("logits").output, model.output])
    logits, probabilities = (np.asarray(output) for output in both(made_data.arrays["test_images"]))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    # Two float32 exponentials and a division: a few units in the last place of numbers up to one.
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=1, keepdims=True), rtol=0, atol=1e-6)


def test_preprocessing_is_part_of_the_network(model_parameters, preprocessing, made_data):
    model = build_network(model_parameters, preprocessing, (8, 8), 3)
    images = made_data.arrays["test_images"]
    prepared = np.asarray(keras.Model(model.input, model.get_layer("standardize").output)(images))
    padded = np.pad(images.astype("float32"), ((0, 0), (1, 1), (1, 1)))[..., None]
    # x·scale + offset instead of (x - mean)·scale: one rounding more on numbers up to 4.
    np.testing.assert_allclose(prepared, (padded - 50) * 0.02, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["pad", "resize"])
def test_called_plainly_it_answers_as_in_inference(model_parameters, preprocessing, made_data, method):
    model = build_network(model_parameters, replace(preprocessing, method=method, size=(12, 12)), (8, 8), 3)
    images = made_data.arrays["test_images"]
    plain, inference = np.asarray(model(images)), np.asarray(model(images, training=False))
    np.testing.assert_array_equal(plain, inference)
    # Last, since it moves the averages of batch norm.
    assert np.abs(np.asarray(model(images, training=True)) - inference).max() > 1e-3
