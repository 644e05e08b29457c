import logging
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.models.resnet import build_network
from mnist_resnet.training import runtime as module
from mnist_resnet.training.runtime import Runtime, runtime


@pytest.fixture(autouse=True)
def policy_before():
    before = keras.config.dtype_policy()
    yield before
    keras.config.set_dtype_policy(before)


@pytest.fixture
def device(monkeypatch):
    """A way to pretend that there is a GPU of some compute capability, or none."""
    return lambda capability: monkeypatch.setattr(module, "_device", lambda: (capability, "a pretended device"))


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        (None, "float32"),
        ((6, 1), "float32"),
        ((7, 0), "mixed_float16"),
        ((7, 5), "mixed_float16"),
        ((8, 0), "mixed_bfloat16"),
        ((9, 0), "mixed_bfloat16"),
        ((12, 0), "mixed_bfloat16"),
    ],
)
def test_automatic_precision_is_what_the_device_has_units_for(device, training_parameters, capability, precision):
    device(capability)
    with runtime(training_parameters) as prepared:
        assert prepared == Runtime("a pretended device", precision)
        assert keras.config.dtype_policy().name == precision


@pytest.mark.parametrize("capability", [None, (9, 0)])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_precision_that_is_asked_for_is_used_on_any_device(device, training_parameters, capability, precision):
    device(capability)
    with runtime(replace(training_parameters, precision=precision)) as prepared:
        assert prepared.precision == precision
        assert keras.layers.Dense(1).dtype_policy.name == precision


def test_precision_is_put_back_after_the_block(training_parameters, policy_before):
    with runtime(replace(training_parameters, precision="mixed_bfloat16")):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() == policy_before


def test_precision_is_put_back_after_an_error(training_parameters):
    keras.config.set_dtype_policy("float64")
    with pytest.raises(KeyError), runtime(replace(training_parameters, precision="mixed_bfloat16")):
        raise KeyError
    assert keras.config.dtype_policy().name == "float64"


def initial_weights(parameters, model_parameters, preprocessing) -> list[np.ndarray]:
    with runtime(parameters):
        return build_network(model_parameters, preprocessing, (8, 8), 3).get_weights()


def test_the_same_seed_gives_the_same_initial_weights(training_parameters, model_parameters, preprocessing):
    first = initial_weights(training_parameters, model_parameters, preprocessing)
    second = initial_weights(training_parameters, model_parameters, preprocessing)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_other_initial_weights(training_parameters, model_parameters, preprocessing):
    first = initial_weights(training_parameters, model_parameters, preprocessing)
    second = initial_weights(replace(training_parameters, seed=1), model_parameters, preprocessing)
    kernels = [(one, other) for one, other in zip(first, second, strict=True) if one.ndim > 1]
    assert len(kernels) == 4
    assert not any(np.array_equal(one, other) for one, other in kernels)


@pytest.mark.parametrize("switch", [True, False])
def test_determinism_is_switched_on_only_if_asked_for(training_parameters, monkeypatch, switch):
    switched = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: switched.append(True))
    with runtime(replace(training_parameters, deterministic=switch)):
        assert switched == [True] * switch


def test_the_device_is_announced_once(device, training_parameters, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    module._announce.cache_clear()
    device(None)
    for _ in range(2):
        with runtime(training_parameters):
            pass
    assert [record.getMessage() for record in caplog.records] == ["Training on a pretended device in float32"]


def test_a_device_has_a_name(training_parameters):
    with runtime(training_parameters) as prepared:
        assert prepared.device
        assert ("CPU" in prepared.device) == (not tf.config.list_physical_devices("GPU"))
