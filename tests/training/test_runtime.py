import logging
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.models.resnet import build_network
from mnist_resnet.training import runtime as module
from mnist_resnet.training.runtime import Runtime, runtime

pytestmark = pytest.mark.usefixtures("precision_before")


@pytest.fixture
def gpu(monkeypatch):
    """A way to pretend that there is a GPU of some compute capability."""

    def pretend(**details):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: details)

    return pretend


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        ((6, 1), "float32"),
        ((7, 0), "mixed_float16"),
        ((7, 5), "mixed_float16"),
        ((8, 0), "mixed_bfloat16"),
        ((12, 0), "mixed_bfloat16"),
    ],
)
def test_automatic_precision_is_what_the_gpu_has_units_for(gpu, training_parameters, capability, precision):
    gpu(device_name="a pretended GPU", compute_capability=capability)
    with runtime(training_parameters) as prepared:
        assert prepared == Runtime("a pretended GPU", precision)
        assert keras.config.dtype_policy().name == precision


def test_a_gpu_of_which_nothing_is_known_computes_in_float32(gpu, training_parameters):
    gpu()
    with runtime(training_parameters) as prepared:
        assert prepared == Runtime("a GPU", "float32")


@pytest.mark.parametrize(
    ("offered", "limit", "precision"),
    [
        (("avx512f", "avx512_bf16"), "DEFAULT", "mixed_bfloat16"),
        (("avx512f", "avx512_bf16"), "AVX2", "float32"),  # without a convolution of bfloat16
        ((), "DEFAULT", "float32"),
    ],
)
def test_without_a_gpu_the_processor_decides(training_parameters, monkeypatch, offered, limit, precision):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(module, "offered_instruction_sets", lambda: offered)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    with runtime(training_parameters) as prepared:
        assert prepared.device.startswith("the CPU (")
        assert prepared.precision == precision


@pytest.mark.parametrize("capability", [(6, 1), (8, 0)])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_precision_that_is_asked_for_is_used_on_any_device(gpu, training_parameters, capability, precision):
    gpu(compute_capability=capability)
    with runtime(replace(training_parameters, precision=precision)) as prepared:
        assert prepared.precision == precision
        assert keras.layers.Dense(1).dtype_policy.name == precision


def test_precision_is_put_back_after_the_block(training_parameters, precision_before):
    with runtime(replace(training_parameters, precision="mixed_bfloat16")):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == precision_before


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


@pytest.mark.parametrize(
    ("backend", "asked", "switched"), [("tensorflow", True, [True]), ("tensorflow", False, []), ("jax", True, [])]
)
def test_determinism_is_switched_on_only_if_asked_for_and_not_by_itself(
    training_parameters, monkeypatch, backend, asked, switched
):
    done = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: done.append(True))
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr("jax.devices", lambda: [SimpleNamespace(platform="cpu")])
    with runtime(replace(training_parameters, deterministic=asked)):
        assert done == switched


def test_the_device_is_announced_once(gpu, training_parameters, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    gpu(device_name="a GPU of this test alone")
    for _ in range(2):
        with runtime(training_parameters):
            pass
    assert caplog.messages == ["Training on a GPU of this test alone in float32"]
