"""The network as an ONNX file that answers raw images."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mnist_resnet.computing.native_output import native_output_held
from mnist_resnet.export.onnx_graph import name_batch_axis, remove_unread_constants
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
    with native_output_held():  # TensorFlow's graph optimizer reports on itself
        model, _ = tf2onnx.convert.from_function(function, input_signature=[image_signature(network)], opset=opset)
    raise_scales(model)
    _remove_idle_reshapes(model)
    remove_unread_constants(model)
    name_batch_axis(model)
    model.graph.name = network.name
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    if names != [INPUT_NAME, OUTPUT_NAME]:
        raise RuntimeError(f"tf2onnx named input and output {names}, expected {[INPUT_NAME, OUTPUT_NAME]}")
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _remove_idle_reshapes(model: Any) -> None:
    """Remove each reshape to the very shape that its input has.

    tf2onnx leaves them in front of convolutions of 1×1 images, where they keep onnxruntime from fusing
    convolution, sum and ReLU.
    """
    import onnx

    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    shapes = {value.name: [each.dim_value for each in value.type.tensor_type.shape.dim] for value in known}
    constants = {each.name: each for each in model.graph.initializer}
    inputs: dict[str, str] = {}
    for node in [node for node in model.graph.node if node.op_type == "Reshape"]:
        before, constant = shapes.get(node.input[0], []), constants.get(node.input[1])
        target = [] if constant is None else onnx.numpy_helper.to_array(constant).tolist()
        # The first dimension, the batch, is -1 in the one and unknown in the other.
        if len(target) > 1 and before[1:] == target[1:] and 0 not in target[1:]:
            inputs[node.output[0]] = node.input[0]
            model.graph.node.remove(node)
    for node in model.graph.node:
        node.input[:] = [inputs.get(name, name) for name in node.input]
