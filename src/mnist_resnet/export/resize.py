"""The scales of a Resize in an ONNX graph, which must not fall short of the size that they stand for."""

from typing import Any

import numpy as np

from mnist_resnet.export.onnx_graph import shapes_of


def raise_scales(model: Any) -> None:
    """Give each Resize scales that reach its size.

    The standard rounds height * scale and width * scale down. Scales are float32, which for many pairs of sizes is
    just too little: 50 * float32(32 / 50) is 31.99..., so that 31 pixels are inferred where 32 are computed. The next
    float32 is enough. Sizes in place of scales would have to name N, which is dynamic: onnxruntime computes that on the
    CPU, apart from the rest of the graph.

    Args:
        model: An ``onnx.ModelProto``, which is changed. Each Resize keeps N and channels of its input, (N, channels,
            height, width), of which only N is dynamic.
    """
    import onnx

    shapes = shapes_of(model)
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "Resize" and node.input[2]]:
        before, scales = shapes[node.input[0]][2:], constants[node.input[2]]
        enough = [_enough(each, round(each * float(scale))) for each, scale in zip(before, scales[2:], strict=True)]
        node.input[2] = f"{node.name}_scales"
        values = np.array([1, 1, *enough], np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, node.input[2]))


def _enough(before: int, after: int) -> np.float32:
    """The least float32 scale from ``before`` to ``after`` pixels that does not fall short of them."""
    scale = np.float32(after / before)
    return scale if before * float(scale) >= after else np.nextafter(scale, np.float32(np.inf))
