"""What all exported ONNX files have in common: shapes, constants, the name of the batch axis, and the metadata."""

from typing import Any

BATCH_AXIS = "N"


def shapes_of(model: Any) -> dict[str, list[int]]:
    """By name, the shapes of what the nodes of an ``onnx.ModelProto`` compute; a size that is not known, as N, is 0."""
    import onnx

    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    return {value.name: [each.dim_value for each in value.type.tensor_type.shape.dim] for value in known}


def name_batch_axis(model: Any) -> None:
    """Call the first axis of each input and output N, whatever a converter has called it.

    Args:
        model: An ``onnx.ModelProto``, which is changed.
    """
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_AXIS


def remove_idle_reshapes(model: Any) -> None:
    """Remove each reshape to the very shape that its input has.

    tf2onnx leaves them in front of convolutions of 1×1 images, where they keep onnxruntime from fusing
    convolution, sum and ReLU.

    Args:
        model: An ``onnx.ModelProto``, which is changed.
    """
    shapes = shapes_of(model)
    inputs: dict[str, str] = {}
    for node in [node for node in model.graph.node if node.op_type == "Reshape"]:
        before, after = (shapes.get(name, [])[1:] for name in (node.input[0], node.output[0]))
        if after and before == after and 0 not in after:
            inputs[node.output[0]] = inputs.get(node.input[0], node.input[0])
            model.graph.node.remove(node)
    for node in model.graph.node:
        node.input[:] = [inputs.get(name, name) for name in node.input]


def remove_unread_constants(model: Any) -> None:
    """Remove the constants that no node reads.

    Args:
        model: An ``onnx.ModelProto``, which is changed.
    """
    read = {name for node in model.graph.node for name in node.input}
    for unread in [each for each in model.graph.initializer if each.name not in read]:
        model.graph.initializer.remove(unread)


def serialize_as_variant(model: Any, source: Any) -> bytes:
    """The file of a variant, with the name and the metadata of the model that it was made of.

    Args:
        model: The variant, an ``onnx.ModelProto``, which is changed.
        source: The model that it was made of.
    """
    import onnx

    model.graph.name = source.graph.name
    name_batch_axis(model)
    onnx.helper.set_model_props(model, {each.key: each.value for each in source.metadata_props})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
