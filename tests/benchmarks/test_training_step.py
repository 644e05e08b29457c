"""The arithmetic and the kinds of operations that the benchmark of a training step counts."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from mnist_resnet.computing.backend import keras
from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.resnet import build_network

CLASSES = 10


def test_needed_arithmetic_is_what_convolutions_of_ones_add_up_to(
    benchmark: Callable[[str], ModuleType], model_parameters, preprocessing
) -> None:
    network = build_network(model_parameters, preprocessing, (8, 8), CLASSES)
    layers = [layer for layer in network.layers if isinstance(layer, Convolution)]
    added = dict[bool, float]({True: 2 * layers[-1].filters * CLASSES, False: 0})
    for layer in layers:
        ones = np.ones((1, *layer.input.shape[1:]), np.float32), np.ones(layer.kernel.shape, np.float32)
        outputs = np.asarray(keras.ops.conv(*ones, strides=layer.strides, padding="same"))
        small = outputs.shape[1:3] == (1, 1) or (outputs.shape[1:3] == (2, 2) and layer.kernel_size == (3, 3))
        added[small] += 2 * float(outputs.sum())
        if layer is layers[0]:
            first = 2 * float(outputs.sum())
    flops = benchmark("step_profile").needed_flops(network)
    assert flops["forward"] == flops["of the kernel"] == added[False]
    assert flops["of the input"] == added[False] - first
    assert flops["products"] == 3 * added[True]


def test_the_time_of_a_step_is_shared_among_kinds(benchmark: Callable[[str], ModuleType]) -> None:
    operations = {"Conv2D": 1.0, "Conv2DBackpropInput": 2.0, "ResourceApplyAdam": 0.5, "Mul": 0.25, "Unheard": 0.25}
    shares = benchmark("training_step").by_kind({"step": 2.0, "operations": operations})
    assert sum(shares.values()) == pytest.approx(2.0)
    found = {kind: share for kind, share in shares.items() if share}
    assert found == {
        "convolutions, forward": 0.5,
        "convolutions, gradient of the input": 1.0,
        "optimizer and weight decay": 0.375,
        "all else": 0.125,
    }
