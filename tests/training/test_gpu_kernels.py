"""An audit by TensorFlow's own list of kernels, which needs no GPU: its Linux package is built for CUDA."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.runtime import runtime
from mnist_resnet.training.trainee import build_trainee

BATCH = 4
# On devices of any kind, these only hand over, count or branch.
ANY_DEVICE = {"GPU", "DEFAULT"}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow is built with CUDA for Linux only"),
    pytest.mark.usefixtures("precision_before"),
]


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_operation_of_a_training_step_has_a_kernel_for_gpus(
    training_parameters, model_parameters, preprocessing, optimizer, precision
) -> None:
    parameters = replace(training_parameters, optimizer=optimizer, precision=precision, batch_size=BATCH)
    with runtime(parameters):
        network = build_network(model_parameters, preprocessing, (8, 8), 3)
        trainee = build_trainee(network, 10, parameters)
        operations = list(_operations(tf.function(lambda *batch: trainee.train_step(batch)), (8, 8)))
    assert {"Conv2D", "Conv2DBackpropFilter", "FusedBatchNormV3"} <= {operation.op for operation in operations}
    assert _without_gpu_kernel(operations) == set()


def _operations(step: Any, size: tuple[int, int]) -> Iterator[Any]:
    """All nodes of the graph of one step, and of the functions that it calls."""
    inputs = {
        "image": tf.TensorSpec((BATCH, *size), tf.uint8),
        "shift": tf.TensorSpec((BATCH, 2), tf.int32),
        "flip": tf.TensorSpec((BATCH,), tf.bool),
        "erased": tf.TensorSpec((BATCH, 4), tf.int32),
    }
    graph = step.get_concrete_function(inputs, tf.TensorSpec((BATCH,), tf.uint8)).graph.as_graph_def()
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _without_gpu_kernel(operations: Iterable[Any]) -> set[tuple[str, str]]:
    """Operations and types of which TensorFlow lists no kernel for GPUs; an argument of a function needs none."""
    return {(node.op, _type(node)) for node in operations if node.op != "Placeholder" and not _has_gpu_kernel(node)}


def _has_gpu_kernel(node: Any) -> bool:
    listed = kernels.get_registered_kernels_for_op(node.op).kernel
    return any(kernel.device_type in ANY_DEVICE and _takes_types_of(kernel, node) for kernel in listed)


def _takes_types_of(kernel: Any, node: Any) -> bool:
    return all(
        node.attr[constraint.name].type in constraint.allowed_values.list.type
        for constraint in kernel.constraint
        if constraint.name in node.attr
    )


def _type(node: Any) -> str:
    named = next((node.attr[name] for name in ("T", "Tparams", "dtype") if name in node.attr), None)
    return tf.dtypes.as_dtype(named.type).name if named and named.type else ""
