"""The base recipe's network itself, trained for some steps and taken through export and evaluation."""

import numpy as np
import pytest

from mnist_resnet.config import validate_parameters
from mnist_resnet.data.split import Split
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.preprocessing import Preprocessing
from tests.conftest import recipe_parameters

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def halves() -> Split:
    """1,280 images of two classes: bright above, or bright below."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 1400).astype(np.uint8)
    images = generator.integers(0, 80, (1400, 28, 28), dtype=np.uint8)
    images[labels == 0, 4:12, 4:24] += 150
    images[labels == 1, 16:24, 4:24] += 150
    return Split(images[:1280], labels[:1280], images[1280:], labels[1280:])


def _train(halves: Split) -> tuple[list[np.ndarray], object, object]:
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.training.fit import train
    from mnist_resnet.training.runtime import runtime

    raw = recipe_parameters("base")
    raw["mnist"]["training"] |= {"epochs": 4, "batch_size": 64}
    parameters = validate_parameters(raw).namespaces["mnist"]
    with runtime(parameters.training):
        network = build_network(parameters.model, Preprocessing("pad", (32, 32), 40.0, 0.02), (28, 28), 10)
        train(network, halves, parameters.training, "halves")
    return network.get_weights(), network, parameters


def test_resnet18_trains_reproducibly_and_exports(halves: Split) -> None:
    from mnist_resnet.export.onnx import to_onnx
    from mnist_resnet.export.parity_check import check_parity
    from mnist_resnet.export.rebuild import rebuild
    from mnist_resnet.export.savedmodel import load_savedmodel, to_savedmodel

    first, network, parameters = _train(halves)
    second, *_ = _train(halves)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))

    dataset = validate_parameters(recipe_parameters("base")).datasets["mnist"]
    exported = rebuild(network, parameters.model, Preprocessing("pad", (32, 32), 40.0, 0.02), dataset)
    model = to_onnx(exported, parameters.export.opset, {"class_names": dataset.class_names})
    formats = {
        "savedmodel": load_savedmodel(to_savedmodel(exported)),
        "onnx": open_session(model, [CPU_PROVIDER]).probabilities,
    }
    parity = check_parity(exported, formats, halves.validation_images[:64], parameters.export)
    assert parity["argmax_agreement"] == 1.0
    assert max(parity["onnx_max_abs_diff"], parity["savedmodel_max_abs_diff"]) <= 1e-5

    probabilities = open_session(model, [CPU_PROVIDER]).probabilities(halves.validation_images, 64)
    assert np.mean(probabilities.argmax(axis=1) == halves.validation_labels) > 0.95
