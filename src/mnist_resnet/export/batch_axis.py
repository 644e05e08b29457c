"""The name of the batch axis in an ONNX file."""

from typing import Any

BATCH_AXIS = "N"


def name_batch_axis(model: Any) -> None:
    """Call the first axis of each input and output N, whatever a converter has called it.

    Args:
        model: An ``onnx.ModelProto``, which is changed.
    """
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_AXIS
