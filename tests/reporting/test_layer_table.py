from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_resnet.models.resnet import build_network
from mnist_resnet.reporting.layer_table import LayerRow, tabulate_layers


@pytest.fixture
def network(model_parameters, preprocessing):
    return lambda **options: build_network(replace(model_parameters, **options), preprocessing, (8, 8), 3)


OPTIONS = [{}, {"preactivation": True}, {"convolution_bias": True, "head": "flatten", "hidden_units": 7}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_sums_are_those_of_the_network(network, options):
    model = network(**options)
    rows = tabulate_layers(model)
    assert sum(row.parameters for row in rows) == model.count_params()
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert 0 < sum(row.trainable_parameters for row in rows) == trainable < model.count_params()


def test_the_rows_are_the_layers_in_the_order_of_the_data(network):
    model = network()
    rows = tabulate_layers(model)
    assert [(row.name, row.kind) for row in rows] == [(layer.name, type(layer).__name__) for layer in model.layers]
    # One of each kind, from 8x8 padded to 10x10. A norm has scale, offset and two moving statistics, which are not
    # trained.
    assert {
        LayerRow("image", "InputLayer", (8, 8), 0, 0),
        LayerRow("pad", "ZeroPadding2D", (10, 10, 1), 0, 0),
        LayerRow("stem_conv", "Convolution", (5, 5, 16), 784, 784),
        LayerRow("stem_norm", "FusedBatchNormalization", (5, 5, 16), 64, 32),
        LayerRow("stem_pool", "MaxPooling", (3, 3, 16), 0, 0),
        LayerRow("stage1_block1_add", "Add", (3, 3, 16), 0, 0),
        LayerRow("pool", "GlobalAveragePooling2D", (16,), 0, 0),
        LayerRow("logits", "Dense", (3,), 51, 51),
    } <= set(rows)


def test_what_is_frozen_is_not_trainable(network):
    model = network()
    model.trainable = False
    rows = tabulate_layers(model)
    assert sum(row.parameters for row in rows) == model.count_params()
    assert sum(row.trainable_parameters for row in rows) == 0


def test_a_second_use_of_the_layers_changes_nothing(network):
    model = network()
    before = tabulate_layers(model)
    image = keras.Input((8, 8), dtype="uint8")
    keras.Model(image, keras.Model(model.input, model.get_layer("logits").output)(image))
    assert tabulate_layers(model) == before
