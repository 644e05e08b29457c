"""The target of a Resize in an ONNX graph: a size instead of scales."""

from typing import Any

from mnist_resnet.export.onnx_graph import BATCH_AXIS


def state_sizes(model: Any) -> None:
    """Give each Resize the size that its scales stand for.

    The standard rounds height * scale and width * scale down. Scales are float32, which for many pairs of sizes is
    just too little: 50 * float32(32 / 50) is 31.99..., so that 31 pixels are inferred where 32 are computed.

    Args:
        model: An ``onnx.ModelProto``, which is changed. Each Resize keeps N and channels of its input, (N, channels,
            height, width), of which only N is dynamic.
    """
    import onnx

    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    shapes = {value.name: [each.dim_value for each in value.type.tensor_type.shape.dim] for value in known}
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "Resize" and node.input[2]]:
        before, scales = shapes[node.input[0]], constants[node.input[2]]
        size = [round(each * float(scale)) for each, scale in zip(before, scales, strict=True)]
        _resize_to(model.graph, node, size[1:])


def _resize_to(graph: Any, resize: Any, size: list[int]) -> None:
    """Resize to (N, *size): N is read from the input's shape, since only opset 18 can leave an axis out."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    shape, batch, sizes = (f"{resize.name}_{part}" for part in ("shape", "batch", "sizes"))
    constants = {f"{batch}_start": [0], f"{batch}_end": [1], f"{resize.name}_size": size}
    graph.initializer.extend(
        numpy_helper.from_array(np.array(values, np.int64), name) for name, values in constants.items()
    )
    before = [
        helper.make_node("Shape", [resize.input[0]], [shape], shape),
        helper.make_node("Slice", [shape, f"{batch}_start", f"{batch}_end"], [batch], batch),
        helper.make_node("Concat", [batch, f"{resize.name}_size"], [sizes], sizes, axis=0),
    ]
    place = list(graph.node).index(resize)
    for node in reversed(before):
        graph.node.insert(place, node)
    resize.input[:] = [resize.input[0], "", "", sizes]
    # Shape inference does not see through the Concat.
    graph.value_info.append(helper.make_tensor_value_info(resize.output[0], TensorProto.FLOAT, [BATCH_AXIS, *size]))
