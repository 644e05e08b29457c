"""An ONNX classifier whose answers can be worked out by hand, made without any of the project's code."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASS_NAMES = ("left", "right", "dark")
# What the softmax is taken of: ten times the mean brightness (0 to 1) of each half, and a five for "dark".
BRIGHT, DARK = 10.0, 5.0


def halves_model(metadata: dict[str, str] | None = None, dtype: int = TensorProto.UINT8) -> bytes:
    """Which half of an 8×8 image is bright: uint8 ``image`` [N, 8, 8] to ``probabilities`` [N, 3]."""
    weights = np.zeros((8, 8, 3), np.float32)
    weights[:, :4, 0] = weights[:, 4:, 1] = BRIGHT / 255 / 32
    named = {"class_names": json.dumps(CLASS_NAMES)} if metadata is None else metadata
    return _classifier([weights.reshape(64, 3)], np.array([0, 0, DARK], np.float32), named, dtype)


def digits_model() -> bytes:
    """Which pair of the 20 inner columns of a 28×28 image is brightest, for each of ten digits."""
    weights = np.zeros((28, 28, 10), np.float32)
    for digit in range(10):
        weights[:, 4 + 2 * digit : 6 + 2 * digit, digit] = BRIGHT / 255 / 56
    named = {"class_names": json.dumps([str(digit) for digit in range(10)]), "dataset": '"Made digits"'}
    return _classifier([weights.reshape(28 * 28, 10)], np.zeros(10, np.float32), named, size=28)


def linear_model() -> bytes:
    """A classifier of 8×8 images, with metadata, and large enough that onnx might store weights apart."""
    generator = np.random.default_rng(0)
    weights = [generator.normal(scale=0.01, size=size).astype("float32") for size in ((64, 64), (64, 3))]
    return _classifier(
        weights, np.zeros(3, np.float32), {"class_names": '["left", "right", "below"]', "recipe": '"base"'}
    )


def _classifier(
    weights: list[np.ndarray],
    offsets: np.ndarray,
    metadata: dict[str, str],
    dtype: int = TensorProto.UINT8,
    size: int = 8,
) -> bytes:
    """The softmax of an image's products with one matrix after the other, and of offsets."""
    products = [f"product{place}" for place in range(len(weights))]
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["values"], ["flat"]),
        *(
            helper.make_node("MatMul", [before, f"weights{place}"], [products[place]])
            for place, before in enumerate(["flat", *products[:-1]])
        ),
        helper.make_node("Add", [products[-1], "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    arrays = {f"weights{place}": matrix for place, matrix in enumerate(weights)} | {"offsets": offsets}
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", dtype, ["n", size, size])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(offsets)])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def bright_half(side: str) -> np.ndarray:
    """A black 8×8 image whose ``left`` or ``right`` half is white."""
    image = np.zeros((8, 8), np.uint8)
    columns = slice(4) if side == "left" else slice(4, 8)
    image[:, columns] = 255
    return image
