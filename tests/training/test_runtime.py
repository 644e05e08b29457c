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
    """A way to pretend that there is a device with units for some precision."""
    return lambda precision: monkeypatch.setattr(
        module, "_device", lambda: module._Device("a pretended device", precision)
    )


@pytest.fixture
def gpus(monkeypatch):
    """A way to pretend that there is a GPU of some compute capability, or none."""

    def pretend(details):
        listed = ["a GPU"] if details is not None else []
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: listed)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: details)
        module._device.cache_clear()

    yield pretend
    module._device.cache_clear()


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_automatic_precision_is_what_the_device_has_units_for(device, training_parameters, precision):
    device(precision)
    with runtime(training_parameters) as prepared:
        assert prepared == Runtime("a pretended device", precision)
        assert keras.config.dtype_policy().name == precision


@pytest.mark.parametrize("units", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_precision_that_is_asked_for_is_used_on_any_device(device, training_parameters, units, precision):
    device(units)
    with runtime(replace(training_parameters, precision=precision)) as prepared:
        assert prepared.precision == precision
        assert keras.layers.Dense(1).dtype_policy.name == precision


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        ((6, 1), "float32"),
        ((7, 0), "mixed_float16"),
        ((7, 5), "mixed_float16"),
        ((8, 0), "mixed_bfloat16"),
        ((9, 0), "mixed_bfloat16"),
        ((12, 0), "mixed_bfloat16"),
    ],
)
def test_a_gpu_has_units_by_its_compute_capability(gpus, capability, precision):
    gpus({"device_name": "a pretended GPU", "compute_capability": capability})
    assert module._device() == module._Device("a pretended GPU", precision)


def test_a_gpu_of_which_nothing_is_known_computes_in_float32(gpus):
    gpus({})
    assert module._device() == module._Device("a GPU", "float32")


def test_without_a_gpu_the_processor_decides(gpus, monkeypatch):
    gpus(None)
    monkeypatch.setattr(module, "_precision_of_cpu", lambda: "mixed_bfloat16")
    device = module._device()
    assert device.name.startswith("the CPU (")
    assert device.precision == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fpu avx512f amx_bf16 avx512_fp16 amx_tile amx_int8", "mixed_bfloat16"),
        ("fpu avx512f avx512_bf16", "mixed_bfloat16"),
        ("fpu avx2 not_amx_bf16 amx_bf16x", "float32"),
        ("", "float32"),
    ],
)
def test_a_processor_that_multiplies_bfloat16_uses_it(tmp_path, flags, precision):
    information = tmp_path / "cpuinfo"
    information.write_text(f"processor\t: 0\nmodel name\t: Made up\nflags\t\t: {flags}\nbugs\t\t:\n\n" * 2)
    assert module._precision_of_cpu(information) == precision


def test_a_processor_that_is_held_to_less_computes_in_float32(tmp_path, monkeypatch):
    information = tmp_path / "cpuinfo"
    information.write_text("flags\t\t: avx2 avx512f avx512_bf16\n")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # without a convolution of bfloat16
    assert module._precision_of_cpu(information) == "float32"


def test_where_nothing_tells_of_the_processor_it_computes_in_float32(tmp_path):
    assert module._precision_of_cpu(tmp_path / "cpuinfo") == "float32"


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


def test_another_backend_is_left_to_its_own_determinism(device, training_parameters, monkeypatch):
    switched = []
    device("float32")
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: switched.append(True))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with runtime(replace(training_parameters, deterministic=True)) as prepared:
        assert prepared.precision == "float32"
    assert switched == []


def test_the_device_is_announced_once(device, training_parameters, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    module._announce.cache_clear()
    device("float32")
    for _ in range(2):
        with runtime(training_parameters):
            pass
    assert [record.getMessage() for record in caplog.records] == ["Training on a pretended device in float32"]


def test_a_device_has_a_name(training_parameters):
    with runtime(training_parameters) as prepared:
        assert prepared.device
        assert ("CPU" in prepared.device) == (not tf.config.list_physical_devices("GPU"))
