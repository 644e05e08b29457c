import logging
from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest

from mnist_resnet.config import ExportParameters
from mnist_resnet.evaluation.parity import ParityError
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.parity_check import check_parity
from mnist_resnet.export.reference import keras_probabilities
from mnist_resnet.export.savedmodel import load_savedmodel, to_savedmodel
from mnist_resnet.models.resnet import build_network


@pytest.fixture(scope="module")
def network(model_parameters, preprocessing):
    """A network of its own for each seed."""

    @cache
    def network(seed: int = 0) -> keras.Model:
        keras.utils.set_random_seed(seed)
        return build_network(model_parameters, preprocessing, (8, 8), 3)

    return network


@pytest.fixture(scope="module")
def savedmodel(network):
    return cache(lambda seed=0: load_savedmodel(to_savedmodel(network(seed))))


@pytest.fixture(scope="module")
def onnx_model(network):
    return cache(lambda seed=0: open_session(to_onnx(network(seed), 17, {}), [CPU_PROVIDER]).probabilities)


@pytest.fixture
def images(made_data) -> np.ndarray:
    """300 images: more than the largest batch, and a multiple of neither 7 nor 256."""
    return np.concatenate([made_data.arrays["train_images"], made_data.arrays["test_images"]])


@pytest.fixture
def parameters(export_parameters):
    def parameters(tolerance: float = 1e-5, batch_sizes: tuple[int, ...] = (1, 7, 256)) -> ExportParameters:
        return replace(export_parameters, parity_tolerance=tolerance, parity_batch_sizes=batch_sizes)

    return parameters


def test_exports_of_the_network_agree_at_every_batch_size(network, savedmodel, onnx_model, images, parameters):
    parity = check_parity(network(), {"savedmodel": savedmodel(), "onnx": onnx_model()}, images, parameters())
    # 1e-5 is the tolerance that the project ships with.
    assert 0 <= parity["savedmodel_max_abs_diff"] <= 1e-5
    assert 0 <= parity["onnx_max_abs_diff"] <= 1e-5
    assert parity["argmax_agreement"] == 1


@pytest.mark.parametrize("size", [1, 7, 256])
def test_another_networks_onnx_file_is_refused(network, savedmodel, onnx_model, images, parameters, size):
    with pytest.raises(ParityError, match=rf"^The onnx export, at batch size {size}, does not agree"):
        check_parity(
            network(), {"savedmodel": savedmodel(), "onnx": onnx_model(seed=1)}, images, parameters(batch_sizes=(size,))
        )


@pytest.mark.parametrize("size", [1, 7, 256])
def test_another_networks_savedmodel_is_refused(network, savedmodel, onnx_model, images, parameters, size):
    with pytest.raises(ParityError, match=rf"^The savedmodel export, at batch size {size}, does not agree"):
        check_parity(
            network(), {"savedmodel": savedmodel(seed=1), "onnx": onnx_model()}, images, parameters(batch_sizes=(size,))
        )


@pytest.fixture(scope="module")
def slightly_off(network, onnx_model):
    """What the ONNX file answers of a network whose last bias is moved a little, without moving the network itself."""
    bias = network().get_layer("logits").bias
    before = bias.numpy()
    onnx_model()  # the untouched one is made before the bias is moved
    bias.assign(before + np.array([1e-3, 0, 0], np.float32))
    try:
        return open_session(to_onnx(network(), 17, {}), [CPU_PROVIDER]).probabilities
    finally:
        bias.assign(before)


def test_the_tolerance_decides_where_classes_agree(network, savedmodel, onnx_model, slightly_off, images, parameters):
    exports = (network(), {"savedmodel": savedmodel(), "onnx": slightly_off})
    # Images on which so small a change cannot change the class.
    probabilities = np.sort(np.asarray(network()(images, training=False)), axis=1)
    clear = images[probabilities[:, 2] - probabilities[:, 1] > 1e-2]
    assert len(clear) > 20

    parity = check_parity(*exports, clear, parameters(tolerance=1e-2))
    # A bias of b moves a probability p by p(1 - p)b, at most b / 4.
    assert parity["savedmodel_max_abs_diff"] < 1e-6 < parity["onnx_max_abs_diff"] < 1e-3 / 4 * 1.01
    check_parity(*exports, clear, parameters(tolerance=parity["onnx_max_abs_diff"] * 1.01))
    with pytest.raises(ParityError, match=r"parity_tolerance"):
        check_parity(*exports, clear, parameters(tolerance=parity["onnx_max_abs_diff"] * 0.99))


def test_no_more_than_rounding_to_float32_may_be_forgiven(
    network, savedmodel, onnx_model, slightly_off, images, export_parameters
):
    def parameters(factor: float) -> ExportParameters:
        # No export is as close as this, since its sums are rounded in another order.
        return replace(export_parameters, parity_tolerance=1e-12, parity_rounding_factor=factor)

    with pytest.raises(ParityError, match=r"1\.00e-12 are tolerated"):
        check_parity(network(), {"savedmodel": savedmodel(), "onnx": onnx_model()}, images, parameters(0.0))
    # Rounding moves these answers by about 1e-7; sums in another order by no more than some times that.
    parity = check_parity(network(), {"savedmodel": savedmodel(), "onnx": onnx_model()}, images, parameters(10.0))
    assert 1e-12 < parity["onnx_max_abs_diff"] < 1e-5
    # The bias that was moved by 1e-3 moves the probabilities by about 1e-4.
    with pytest.raises(ParityError, match=r"The onnx export, .* \(\d\.\d\de-0[67] are tolerated"):
        check_parity(network(), {"savedmodel": savedmodel(), "onnx": slightly_off}, images, parameters(10.0))


def test_networks_are_classified_by_often_without_a_warning_of_retracing(network, images, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    for seed in range(2):
        # Of 13 images most batches are incomplete ones, of sizes that were not seen before.
        for size in (1, 7, 5, 3, 4, 256):
            assert keras_probabilities(network(seed), images[:13], size).shape == (13, 3)
    assert [record.getMessage() for record in caplog.records if "retracing" in record.getMessage()] == []
