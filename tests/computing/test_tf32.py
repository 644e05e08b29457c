import os
import subprocess
import sys

import pytest
import tensorflow as tf

from mnist_resnet.computing.tf32 import tf32_allowed, tf32_products

BY_JAX = """
import jax
from mnist_resnet.computing.tf32 import tf32_allowed, tf32_products
for allowed in (True, False):
    with tf32_products(allowed):
        print(tf32_allowed(), jax.config.jax_default_matmul_precision, end=" ")
    print(tf32_allowed(), jax.config.jax_default_matmul_precision)
"""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
def test_tensorflow_has_its_switch_within_the_block_and_as_before_after_it(before, allowed) -> None:
    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        with tf32_products(allowed):
            assert tf.config.experimental.tensor_float_32_execution_enabled() == allowed == tf32_allowed()
        assert tf.config.experimental.tensor_float_32_execution_enabled() == before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.mark.landing
@pytest.mark.parametrize(
    ("variables", "lines"),
    [
        ({}, ["True None True None", "False float32 True None"]),
        # Who has set a precision keeps it.
        ({"JAX_DEFAULT_MATMUL_PRECISION": "highest"}, ["False highest False highest", "False float32 False highest"]),
    ],
)
def test_jax_multiplies_exactly_where_it_is_forbidden(variables, lines) -> None:
    environment = os.environ | {"KERAS_BACKEND": "jax", **variables}
    command = [sys.executable, "-c", BY_JAX]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == lines
