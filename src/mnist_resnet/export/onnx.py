"""The network as an ONNX file that answers raw images."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mnist_resnet.computing.native_output import captured_native_output
from mnist_resnet.export.onnx_graph import name_batch_axis, remove_idle_reshapes, remove_unread_constants
from mnist_resnet.export.resize import raise_scales
from mnist_resnet.export.savedmodel import image_signature
from mnist_resnet.models.resnet import INPUT_NAME, OUTPUT_NAME


def to_onnx(network: keras.Model, opset: int, metadata: Mapping[str, Any]) -> bytes:
    """Convert a network to ONNX with tf2onnx.

    Args:
        network: In float32; see ``rebuild``.
        opset: Version of the operator set.
        metadata: Stored in the file, each value as JSON.

    Returns:
        The ONNX file: input ``image``, uint8 (N, height, width); output ``probabilities``, float32
        (N, classes); N is dynamic, and called so. It has passed ``onnx.checker``.
    """
    import onnx
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = tf.function(lambda image: {OUTPUT_NAME: network(image, training=False)})
    with captured_native_output():  # TensorFlow's graph optimizer reports on itself
        model, _ = tf2onnx.convert.from_function(function, input_signature=[image_signature(network)], opset=opset)
    raise_scales(model)
    remove_idle_reshapes(model)
    remove_unread_constants(model)
    name_batch_axis(model)
    model.graph.name = network.name
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    if names != [INPUT_NAME, OUTPUT_NAME]:
        raise RuntimeError(f"tf2onnx named input and output {names}, expected {[INPUT_NAME, OUTPUT_NAME]}")
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
