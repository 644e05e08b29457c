import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization
from mnist_resnet.models.portable import portable
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.storage.digests import digests_of_weights

# A place of a probability in float32, some additions on.
TOLERANCE = 1e-6
OPEN = """
import sys
sys.modules["mnist_resnet"] = None
import keras
import numpy as np
model, images, answer = sys.argv[1:]
np.save(answer, keras.models.load_model(model).predict(np.load(images), verbose=0))
"""


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (9, 8, 8), dtype=np.uint8)


@pytest.fixture(params=["float32", "mixed_bfloat16", "mixed_float16"])
def precision(request: pytest.FixtureRequest, precision_before: str) -> str:
    keras.config.set_dtype_policy(request.param)
    return request.param


def with_any_values(network: keras.Model) -> keras.Model:
    """Norms that do something, and logits that differ."""
    generator = np.random.default_rng(0)
    network.set_weights(
        [generator.uniform(0.5, 1.5, w.shape) * np.where(w == 0, 0.1, w) for w in network.get_weights()]
    )
    return network


def test_a_network_is_stored_with_the_layers_of_keras_alone(model_parameters, preprocessing, precision) -> None:
    network = build_network(model_parameters, preprocessing, (8, 8), 3)
    stored = portable(network)
    assert {type(layer).__module__.split(".")[0] for layer in stored.layers} == {"keras"}
    assert [layer.name for layer in stored.layers] == [layer.name for layer in network.layers]
    assert [layer.dtype_policy for layer in stored.layers] == [layer.dtype_policy for layer in network.layers]
    assert digests_of_weights(stored) == digests_of_weights(network)
    assert stored.get_layer("stem_conv").compute_dtype == precision.removeprefix("mixed_")


@pytest.mark.parametrize("method", ["pad", "resize"])
@pytest.mark.parametrize("preactivation", [False, True])
def test_it_answers_as_the_network_does(model_parameters, images, method, preactivation) -> None:
    parameters = replace(model_parameters, preactivation=preactivation)
    network = with_any_values(build_network(parameters, Preprocessing(method, (10, 10), 50.0, 0.02), (8, 8), 3))
    answers = network.predict(images, verbose=0)
    np.testing.assert_allclose(portable(network).predict(images, verbose=0), answers, rtol=0, atol=TOLERANCE)


OWN = {
    "convolution": (Convolution, {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False}),
    "norm": (FusedBatchNormalization, {"momentum": 0.8, "epsilon": 0.02}),
}


@pytest.mark.parametrize(("kind", "options"), OWN.values(), ids=OWN)
def test_a_model_of_own_layers_loads_in_safe_mode_with_the_same_layer(tmp_path: Path, kind, options) -> None:
    image = keras.Input((2, 2, 4))
    model = keras.Model(image, kind(name="own", **options)(image))
    values = np.random.default_rng(0).normal(1.5, 2.0, (8, 2, 2, 4)).astype("float32")
    model(values, training=True)  # which moves the statistics of the norm
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.get_layer("own")) is kind
    assert loaded.get_layer("own").get_config() == model.get_layer("own").get_config()
    assert all(map(np.array_equal, model.get_weights(), loaded.get_weights()))
    for training in (False, True):
        np.testing.assert_array_equal(model(values, training=training), loaded(values, training=training))


def test_a_compiled_network_stays_compiled(model_parameters, preprocessing, images) -> None:
    network = build_network(model_parameters, preprocessing, (8, 8), 3)
    assert not portable(network).compiled
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    labels = np.arange(9) % 3
    expected = network.evaluate(images, labels, verbose=0)
    np.testing.assert_allclose(portable(network).evaluate(images, labels, verbose=0), expected, rtol=1e-5)


@pytest.mark.landing
@pytest.mark.parametrize("method", ["pad", pytest.param("resize", marks=pytest.mark.slow)])
def test_plain_keras_opens_what_is_stored(model_parameters, images, method, tmp_path: Path) -> None:
    network = with_any_values(build_network(model_parameters, Preprocessing(method, (10, 10), 50.0, 0.02), (8, 8), 3))
    portable(network).save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    paths = [tmp_path / name for name in ("model.keras", "images.npy", "answer.npy")]
    subprocess.run([sys.executable, "-c", OPEN, *paths], check=True, timeout=120)
    np.testing.assert_allclose(np.load(paths[2]), network.predict(images, verbose=0), rtol=0, atol=TOLERANCE)
