import logging
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.models.resnet import build_network
from mnist_resnet.training import runtime as module
from mnist_resnet.training.runtime import runtime

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
        assert (prepared.name, prepared.kind, prepared.precision) == ("a pretended GPU", "GPU", precision)
        assert keras.config.dtype_policy().name == precision


def test_a_gpu_of_which_nothing_is_known_computes_in_float32(gpu, training_parameters):
    gpu()
    with runtime(training_parameters) as prepared:
        assert (prepared.name, prepared.precision) == ("a GPU", "float32")


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
        assert prepared.name.startswith("the CPU (")
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


def test_what_a_training_gets_is_told_beside_what_it_asked_for(training_parameters, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    with runtime(replace(training_parameters, precision="float32", deterministic=False)) as prepared:
        assert (prepared.kind, prepared.backend, prepared.precision) == ("CPU", "tensorflow", "float32")
        assert (prepared.tf32, prepared.deterministic) == (False, False)
    asked = {
        "precision": "float32",
        "tf32": True,
        "deterministic": False,
        "require_gpu": False,
        "devices": 1,
        "hosts": 1,
    }
    assert prepared.asked == asked


@pytest.mark.parametrize(
    ("capability", "asked", "override", "used"),
    [
        ((8, 0), {}, None, True),
        ((8, 0), {"precision": "mixed_bfloat16"}, None, True),
        ((8, 0), {"tf32": False}, None, False),
        # Who asks for float32 gets it.
        ((8, 0), {"precision": "float32"}, None, False),
        ((8, 0), {}, "0", False),
        ((7, 5), {}, None, False),
    ],
)
def test_tf32_is_used_where_the_gpu_has_it_unless_float32_is_asked_for(
    gpu, training_parameters, monkeypatch, capability, asked, override, used
):
    gpu(compute_capability=capability)
    if override:
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    with runtime(replace(training_parameters, **asked)) as prepared:
        assert prepared.tf32 == used


def test_a_second_training_is_not_deterministic_because_the_first_was(training_parameters):
    with runtime(training_parameters) as first:
        assert config.is_op_determinism_enabled()
    with runtime(replace(training_parameters, deterministic=False)) as second:
        assert not config.is_op_determinism_enabled()
    assert (first.deterministic, second.deterministic) == (True, False)


def test_a_required_gpu_is_missed_before_anything_is_built(training_parameters, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    needing = runtime(replace(training_parameters, require_gpu=True))
    with pytest.raises(DeviceError, match=r"^training\.require_gpu is true, but tensorflow can use no GPU: "):
        needing.__enter__()
    assert not config.is_op_determinism_enabled()


@pytest.mark.parametrize(("capability", "warned"), [((7, 0), True), ((7, 5), False)])
def test_a_gpu_that_is_too_old_for_cudnn_is_warned_of(gpu, training_parameters, caplog, capability, warned):
    gpu(device_name=f"a GPU of {capability}", compute_capability=capability)
    with runtime(training_parameters):
        pass
    assert ("which is not supported: cuDNN" in caplog.text) == warned


def test_the_device_is_announced_once(gpu, training_parameters, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    gpu(device_name="a GPU of this test alone")
    for _ in range(2):
        with runtime(training_parameters):
            pass
    assert caplog.messages == ["Training on a GPU of this test alone in float32"]
