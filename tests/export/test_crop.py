from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_resnet.export.crop import crop
from mnist_resnet.export.fold import fold
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing

# On 32x32 pixels the last stage of ResNet-18 sees 2x2, then 1x1: its first kernel keeps 2x2 of 3x3
# places, the other three keep one.
SPARED = 256 * 512 * (9 - 4) + 3 * 512 * 512 * (9 - 1)


@pytest.mark.parametrize("changes", [{}, {"preactivation": True}, {"convolution_bias": True}], ids=str)
@pytest.mark.parametrize("size", [8, 28, 40])
def test_the_answers_stay_the_same(model_parameters, size, changes):
    keras.utils.set_random_seed(0)
    parameters = replace(model_parameters, architecture="resnet10", **changes)
    network = build_network(parameters, Preprocessing("pad", (size, size), 33.0, 0.01), (size, size), 3)
    images = np.random.default_rng(0).integers(0, 256, (4, size, size), dtype=np.uint8)
    answers = [np.asarray(each(images, training=False)) for each in (network, crop(network))]
    # Sums of the same products without the zeros, possibly in another order.
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-6)


def test_resnet18_on_small_images_loses_six_in_ten_weights(model_parameters):
    parameters = replace(model_parameters, architecture="resnet18")
    network = fold(build_network(parameters, Preprocessing("pad", (32, 32), 33.0, 0.01), (28, 28), 10))
    cropped = crop(network)
    assert network.count_params() - cropped.count_params() == SPARED
    assert cropped.get_layer("stage4_block1_1_conv").kernel.shape == (2, 2, 256, 512)
    assert cropped.get_layer("stage4_block2_2_conv").kernel.shape == (1, 1, 512, 512)
    assert cropped.get_layer("stage3_block2_2_conv").kernel.shape == (3, 3, 256, 256)


def test_where_images_are_large_nothing_is_cropped(model_parameters):
    parameters = replace(model_parameters, architecture="resnet10")
    network = build_network(parameters, Preprocessing("resize", (96, 96), 33.0, 0.01), (28, 28), 10)
    assert crop(network).count_params() == network.count_params()
