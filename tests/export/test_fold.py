from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import onnx
import pytest

from mnist_resnet.config import ModelParameters
from mnist_resnet.export.fold import fold
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.models.normalization import FusedBatchNormalization
from mnist_resnet.models.resnet import ARCHITECTURES, build_network
from mnist_resnet.preprocessing import Preprocessing

# Convolutions, ReLUs, residual sums: counted from He et al. 2016, section 4.2 and table 1, with one projection where a
# stage changes its width; for pre-activation (He et al. 2016b), the norms that follow no convolution.
POSTACTIVATED = {
    "resnet_tiny": (3, 3, 1),
    "resnet14_wide2": (15, 13, 6),
    "resnet14_wide4": (15, 13, 6),
    "resnet10": (12, 9, 4),
    "resnet18": (20, 17, 8),
    "resnet34": (36, 33, 16),
    "resnet50": (53, 49, 16),
    "resnet101": (104, 100, 33),
    "resnet152": (155, 151, 50),
}
# Of images of one pixel. tf2onnx ends its search for transpositions before it comes to that of the smallest network.
POOL = {"resnet10": Counter(["Reshape", "ReduceMean"])}
# Two of its norms follow no convolution: the first one of its block, behind the stem's pooling, and the last one.
PREACTIVATED_TINY = {"Conv": 3, "Relu": 4, "BatchNormalization": 2, "residual Add": 1}


def made_up(parameters: ModelParameters, preprocessing: Preprocessing, size: int = 8) -> keras.Model:
    """A network whose norms and biases are as after some training, not as initialized."""
    keras.utils.set_random_seed(0)
    network = build_network(parameters, preprocessing, (size, size), 3)
    generator = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name == "moving_variance":
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
        elif weight.name == "gamma":  # small enough for moderate logits behind many blocks
            weight.assign(generator.uniform(0.3, 0.6, weight.shape))
        elif weight.name in {"beta", "moving_mean", "bias"}:
            weight.assign(generator.normal(0, 0.1, weight.shape))
    return network


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"preactivation": True},
        {"stem": "3x3"},
        {"stem_norm": False},
        {"convolution_bias": True, "projection_norm": False},
        {"architecture": "resnet10", "preactivation": True, "convolution_bias": True},
        {"architecture": "resnet50"},
    ],
    ids=str,
)
def test_the_answers_stay_the_same(model_parameters, preprocessing, made_data, changes):
    network = made_up(replace(model_parameters, **changes), preprocessing)
    images, before = made_data.arrays["test_images"], [weight.numpy() for weight in network.weights]
    answers = [np.asarray(each(images, training=False)) for each in (network, fold(network))]
    assert np.ptp(answers[0]) > 0.01
    # The tolerance that exports are published with; float32 rounds a hundred products otherwise.
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-5)
    for weight, kept in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), kept)


def test_no_norm_is_left_after_a_convolution_and_nothing_can_be_trained(model_parameters, preprocessing):
    folded = fold(build_network(model_parameters, preprocessing, (8, 8), 3))
    assert not [layer for layer in folded.layers if isinstance(layer, FusedBatchNormalization)]
    assert folded.trainable_weights == []
    assert folded.name == "resnet_tiny"


def test_a_convolution_that_others_read_too_keeps_its_norm(model_parameters, preprocessing):
    """Without a norm in the stem, the first block's norm and its shortcut both read the stem's convolution."""
    parameters = replace(model_parameters, preactivation=True, stem_norm=False, stem="3x3")
    folded = fold(build_network(parameters, preprocessing, (8, 8), 3))
    kept = [layer.name for layer in folded.layers if isinstance(layer, FusedBatchNormalization)]
    assert kept == ["stage1_block1_1_norm", "last_norm"]


def operations(parameters: ModelParameters, method: str) -> Counter[str]:
    network = made_up(parameters, Preprocessing(method, (32, 32), 33.0, 0.01), size=28)
    graph = onnx.load_from_string(to_onnx(fold(network), 17, {})).graph
    return Counter(node.op_type for node in graph.node)


@pytest.mark.parametrize(
    "architecture",
    [
        "resnet_tiny",
        pytest.param("resnet18", marks=pytest.mark.landing),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ARCHITECTURES
            if name not in {"resnet_tiny", "resnet18"}
        ),
    ],
)
def test_the_exported_graph_has_no_operation_too_many(model_parameters, architecture):
    convolutions, relus, sums = POSTACTIVATED[architecture]
    counted = operations(replace(model_parameters, architecture=architecture), "pad")
    assert counted == POOL.get(architecture, Counter(["GlobalAveragePool", "Squeeze"])) + Counter(
        {
            "Reshape": len(("to one channel", "channels first, which for one channel moves nothing")),
            "Cast": 1,
            "Pad": 1,
            "Mul": 1,
            "Conv": convolutions,
            "Relu": relus,
            "MaxPool": 1,
            "MatMul": 1,
            "Softmax": 1,
            "Add": sums + len(("standardize", "logits")),
        }
    )


def test_the_graph_of_a_resizing_network_has_one_resize_and_no_pad(model_parameters):
    counted = operations(model_parameters, "resize")
    assert {name: counted[name] for name in ("Cast", "Mul", "Resize", "Pad", "Transpose")} == {
        "Cast": 1,
        "Mul": 1,
        "Resize": 1,
        "Pad": 0,
        "Transpose": 0,
    }


def test_of_a_preactivated_network_the_norms_after_sums_stay(model_parameters):
    counted = operations(replace(model_parameters, preactivation=True), "pad")
    sums = counted["Add"] - len(("standardize", "logits"))
    assert {name: counted[name] for name in ("Conv", "Relu", "BatchNormalization")} | {
        "residual Add": sums
    } == PREACTIVATED_TINY
