import re
from dataclasses import replace
from functools import cache
from typing import get_args

import keras
import numpy as np
import pytest

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.resnet import VARIANTS, build_network
from mnist_resnet.preprocessing import Preprocessing

# Weights of a convolution from a to b channels with a kxk kernel: k²ab; of a norm of c channels: 4c.
#
# resnet18
#   stem     7²·1·64 + 4·64                                                    =      3,392
#   stage 1  4 x (9·64·64 + 4·64)                                              =    148,480
#   stage 2  9·64·128 + 3 x 9·128·128 + projection 64·128 + 5 norms x 4·128    =    526,848
#   stage 3  9·128·256 + 3 x 9·256·256 + projection 128·256 + 5 x 4·256        =  2,102,272
#   stage 4  9·256·512 + 3 x 9·512·512 + projection 256·512 + 5 x 4·512        =  8,398,848
#   logits   512·10 + 10                                                       =      5,130
#
# resnet_tiny
#   stem 7²·1·16 + 4·16 = 848; stage 1 2 x (9·16·16 + 4·16) = 4,736; logits 16·10 + 10 = 170
PARAMETER_COUNTS = {"resnet18": 11_184_970, "resnet_tiny": 5_754}

# Rows of ten float32 shares, each rounded to 24 bits, sum to one within about ten roundings.
SUM_TOLERANCE = 1e-6


@cache
def built(parameters: ModelParameters) -> keras.Model:
    """A network as for MNIST: 28×28 images padded to 32×32, ten classes."""
    return build_network(parameters, Preprocessing("pad", (32, 32), 33.3, 0.0127), (28, 28), 10)


@pytest.fixture
def network(model_parameters):
    """A network of each variant, built once."""
    return lambda variant: built(replace(model_parameters, variant=variant))


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def test_the_variants_are_those_that_can_be_configured():
    assert set(VARIANTS) == set(get_args(ModelParameters.__annotations__["variant"]))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_its_golden_parameter_count(network, variant):
    assert variant in PARAMETER_COUNTS, "count the new variant's parameters by hand and add them above"
    assert network(variant).count_params() == PARAMETER_COUNTS[variant]


@pytest.mark.parametrize("variant", VARIANTS)
def test_input_and_output_are_named_and_typed(network, variant):
    model = network(variant)
    (image,), (probabilities,) = model.inputs, model.outputs
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", (None, 28, 28))
    assert model.output_names == ["probabilities"]
    assert (probabilities.dtype, probabilities.shape) == ("float32", (None, 10))
    assert model.name == variant


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("standardize", (32, 32, 1)),
        ("stem_conv", (16, 16, 64)),
        ("stem_pool", (8, 8, 64)),
        ("stage1_block2_relu", (8, 8, 64)),
        ("stage2_block2_relu", (4, 4, 128)),
        ("stage3_block2_relu", (2, 2, 256)),
        ("stage4_block2_relu", (1, 1, 512)),
        ("pool", (512,)),
        ("logits", (10,)),
    ],
)
def test_resnet18_has_the_papers_shapes(network, layer, shape):
    assert network("resnet18").get_layer(layer).output.shape == (None, *shape)


def test_resnet18_has_two_blocks_in_each_of_four_stages(network):
    sums = [layer.name for layer in network("resnet18").layers if layer.name.endswith("_add")]
    assert sums == [f"stage{stage}_block{block}_add" for stage in (1, 2, 3, 4) for block in (1, 2)]


def test_only_the_first_block_of_a_later_stage_projects(network):
    names = [layer.name for layer in network("resnet18").layers if layer.name.endswith("_projection_conv")]
    assert names == [f"stage{stage}_block1_projection_conv" for stage in (2, 3, 4)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_layer_names_are_unique_and_say_the_place(network, variant):
    names = [layer.name for layer in network(variant).layers]
    assert len(set(names)) == len(names)
    ends = {"image", "channel", "pad", "standardize", "pool", "logits", "probabilities"}
    place = re.compile(r"(stem|stage\d_block\d(_\d|_projection)?)_(conv|norm|relu|pool|add)")
    assert [name for name in names if name not in ends and not place.fullmatch(name)] == []


def test_building_again_gives_the_same_names(model_parameters, preprocessing):
    first, second = (build_network(model_parameters, preprocessing, (8, 8), 3) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert [weight.path for weight in first.weights] == [weight.path for weight in second.weights]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_rows_are_float32_shares_that_sum_to_one(precision, policy, model_parameters, preprocessing, made_data):
    policy(precision)
    model = build_network(model_parameters, preprocessing, (8, 8), 10)
    probabilities = np.asarray(model(made_data.arrays["test_images"]))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (60, 10))
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=SUM_TOLERANCE)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_the_body_in_half_and_the_head_in_float32(
    precision, policy, model_parameters, preprocessing
):
    policy(precision)
    model = build_network(model_parameters, preprocessing, (8, 8), 3)
    computed = {name: model.get_layer(name).compute_dtype for name in ("stem_conv", "stem_norm", "logits")}
    half = precision.removeprefix("mixed_")
    assert computed == {"stem_conv": half, "stem_norm": half, "logits": "float32"}


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


def test_resizing_takes_the_place_of_padding(model_parameters, preprocessing):
    resized = replace(preprocessing, method="resize", size=(12, 12))
    model = build_network(model_parameters, resized, (8, 8), 3)
    assert model.get_layer("resize").output.shape == (None, 12, 12, 1)
    assert model.output_shape == (None, 3)
