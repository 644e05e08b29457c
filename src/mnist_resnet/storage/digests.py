"""Digests of what a run computes: of values, never of the files that hold them.

Equal weights may lie in unequal files: containers store dates, generated names and an order of their own.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.storage.arrays import Array, Rows, parts


class ArrayDigest:
    """The digest of an array that comes part by part; see ``digest_of_array``.

    Args:
        dtype: Of the whole.
        shape: Of the whole.
    """

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._digest = hashlib.sha256(f"{dtype.name} {shape}\n".encode())
        self._dtype = dtype.newbyteorder("<") if dtype.byteorder == ">" else dtype

    def update(self, part: npt.NDArray[Any]) -> None:
        """Take in the next rows."""
        self._digest.update(np.ascontiguousarray(part, self._dtype).reshape(-1).view(np.uint8).data)

    def hexdigest(self) -> str:
        """The digest of all that came, in hexadecimal."""
        return self._digest.hexdigest()


def digest_of_array(array: Array) -> str:
    """The SHA-256 of an array's data type, shape and values in row-major order, in hexadecimal.

    Args:
        array: Of any numeric data type and any shape; its place in memory has no influence. Rows that know their
            digest are not read.
    """
    if isinstance(array, Rows) and array.digest:
        return array.digest
    digest = ArrayDigest(array.dtype, array.shape)
    for part in parts(array):
        digest.update(part)
    return digest.hexdigest()


def digests_of_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, str]:
    """The digest of each tensor, sorted by name, so that equal tensors give equal text in whatever order they came."""
    return {name: digest_of_array(tensors[name]) for name in sorted(tensors)}


def digests_of_weights(network: Any) -> dict[str, str]:
    """The digest of each weight of a built Keras model, by its path in the model, such as ``stem/kernel``."""
    paths = [weight.path for weight in network.weights]
    return digests_of_tensors(dict(zip(paths, network.get_weights(), strict=True)))


def digests_of_onnx(content: bytes) -> dict[str, str]:
    """Digests of an ONNX file's graph and of its initializers (the weights).

    Each value is described by the operation that makes it and by the descriptions of what goes in, down to the
    graph's inputs. So neither the names that a converter gave, nor the order of nodes, nor metadata have an influence,
    nor do nodes that no output depends on.

    Args:
        content: An ONNX file with its weights inside.

    Returns:
        ``graph``: of operations, attributes, inputs, outputs and operator versions, with the initializers' data types
        and shapes. ``initializers``: of the same with the initializers' values, each at its place in the graph.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    shapes = {name: f"{array.dtype.name} {array.shape}" for name, array in weights.items()}
    values = {name: digest_of_array(array) for name, array in weights.items()}
    return {"graph": _digest_of_graph(model, shapes), "initializers": _digest_of_graph(model, values)}


def _digest_of_graph(model: Any, weights: Mapping[str, str]) -> str:
    """The digest of a graph whose initializers are described by ``weights``."""
    known = {"": "absent"} | dict(weights)
    known |= {each.name: f"input {each.name} {_type(each)}" for each in model.graph.input if each.name not in weights}
    for node in model.graph.node:  # ONNX demands that a value is made before it is used
        attributes = sorted(f"{each.name}={_attribute(each)}" for each in node.attribute)
        made = _hash(node.domain, node.op_type, *attributes, *(known[name] for name in node.input))
        known |= {name: f"{made}:{place}" for place, name in enumerate(node.output)}
    versions = sorted(f"{each.domain or 'ai.onnx'} {each.version}" for each in model.opset_import)
    return _hash(*versions, *(f"{each.name} {_type(each)} {known[each.name]}" for each in model.graph.output))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _type(value: Any) -> str:
    tensor = value.type.tensor_type
    sizes = [size.dim_value if size.HasField("dim_value") else "?" for size in tensor.shape.dim]
    return f"{tensor.elem_type} {sizes}"


def _attribute(attribute: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return digest_of_array(onnx.numpy_helper.to_array(value))
    if hasattr(value, "SerializeToString"):  # a graph within the graph
        return hashlib.sha256(value.SerializeToString(deterministic=True)).hexdigest()
    return repr(value)
