"""Convolutions of the smallest images as products of matrices, in an ONNX graph."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.export.onnx_graph import (
    remove_idle_reshapes,
    remove_unread_constants,
    serialize_as_variant,
    shapes_of,
)

_Array = npt.NDArray[np.float32]

# These compute each value by itself, so that it does not matter how an image is laid out.
_VALUE_BY_VALUE = {"Add", "Relu"}
# These do nothing to the values of an image of one place, as far as each value is one of the output, too.
_IDLE_AT_ONE_PLACE = {"Flatten", "GlobalAveragePool", "ReduceMean", "Reshape", "Squeeze"}


def multiply_small_images(onnx_model: bytes) -> bytes | None:
    """Replace convolutions whose kernel has more places than their image by one product of matrices each.

    Of the nine weights of a 3×3 kernel, five meet nothing but padding at each of the four places of a 2×2 image. The
    matrix from all values of an image to all values of the output has the other four alone, 16 products for 36. It has
    16 weights for nine, too; where it had more than twice as many, the convolution stays. Where kernel and image have
    equally many places, and the output has one, the matrix is the kernel.

    Answers are sums of the same numbers, possibly in another order.

    Args:
        onnx_model: From ``to_onnx``. Its nodes are sorted, each behind what it reads.

    Returns:
        An ONNX file with the same input, output and metadata; None if there is no such convolution.
    """
    import onnx

    source = onnx.load_from_string(onnx_model)
    model = copy.deepcopy(source)
    rewriting = _Rewriting(model)
    nodes = [each for node in source.graph.node for each in rewriting.rewritten(node)]
    if nodes == list(source.graph.node):
        return None
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    remove_idle_reshapes(model)
    remove_unread_constants(model)
    return serialize_as_variant(model, source)


class _Rewriting:
    """The nodes of a graph, one by one, and the values that are computed flat: (N, height * width * channels).

    What follows a product stays flat, and is made an image again where an operation needs one. Channels are last, as
    they are in onnxruntime's integer kernels, so that nothing is transposed between those and a product.
    """

    def __init__(self, model: Any) -> None:
        import onnx

        self._onnx, self._graph = onnx, model.graph
        self._shapes = shapes_of(model)
        self._constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
        self._added: set[str] = set()
        self._flat: set[str] = set()
        # Values of images of one place, whatever their shape, and the flat ones that they are equal to.
        self._rows: dict[str, str] = {}
        self._images: set[str] = set()

    def rewritten(self, node: Any) -> Iterator[Any]:
        """The nodes that take the place of one."""
        matrix = self._matrix(node) if node.op_type == "Conv" else None
        if matrix is not None:
            yield from self._computed_flat("Gemm", node, node.input[:1], self._weights(node, matrix))
        elif node.op_type in _IDLE_AT_ONE_PLACE and self._has_one_place(node):
            self._rows[node.output[0]] = self._rows.get(node.input[0], _flat(node.input[0]))
        elif node.op_type in _VALUE_BY_VALUE and self._flat.intersection(node.input) and self._alike(node):
            yield from self._computed_flat(node.op_type, node, node.input)
        else:
            yield from self._made_images(node.input)
            self._images.update(node.output)
            yield node

    def _has_one_place(self, node: Any) -> bool:
        """Whether a node reads a flat image of one place, and computes as many values of it."""
        name, output = node.input[0], node.output[0]
        row = name in self._rows or (name in self._flat and prod(self._shapes[name][2:]) == 1)
        return row and prod(self._shapes[name][1:]) == prod(self._shapes.get(output, [])[1:])

    def _alike(self, node: Any) -> bool:
        """Whether all that a node reads has the shape of what it computes, so that nothing is broadcast."""
        return all(self._shapes.get(name) == self._shapes.get(node.output[0]) for name in node.input)

    def _computed_flat(self, kind: str, node: Any, images: Sequence[str], further: Sequence[str] = ()) -> Iterator[Any]:
        for name in images:
            if name not in self._flat:
                yield from self._made_images([name])
                self._flat.add(name)
                yield from self._flattened(name)
        self._flat.update(node.output)
        inputs = [*map(_flat, images), *further]
        yield self._onnx.helper.make_node(kind, inputs, [_flat(node.output[0])], name=_flat(node.name))

    def _made_images(self, names: Iterable[str]) -> Iterator[Any]:
        for name in names:
            if name in self._images:
                continue
            if name in self._flat:
                yield from self._unflattened(name)
            elif name in self._rows:
                yield self._reshaped(self._rows[name], name, [-1, *self._shapes[name][1:]])
            self._images.add(name)

    def _flattened(self, name: str) -> Iterator[Any]:
        yield self._transposed(name, _channels_last(name), [0, 2, 3, 1])
        yield self._reshaped(_channels_last(name), _flat(name), [-1, prod(self._shapes[name][1:])])

    def _unflattened(self, name: str) -> Iterator[Any]:
        channels, *places = self._shapes[name][1:]
        yield self._reshaped(_flat(name), _channels_last(name), [-1, *places, channels])
        yield self._transposed(_channels_last(name), name, [0, 3, 1, 2])

    def _transposed(self, name: str, output: str, order: Sequence[int]) -> Any:
        return self._onnx.helper.make_node("Transpose", [name], [output], name=output, perm=order)

    def _reshaped(self, name: str, output: str, shape: Sequence[int]) -> Any:
        target = self._constant(f"{output}_shape", np.array(shape, np.int64))
        return self._onnx.helper.make_node("Reshape", [name, target], [output], name=f"{output}_reshape")

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        if name not in self._added:
            self._added.add(name)
            self._graph.initializer.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def _weights(self, node: Any, matrix: _Array) -> list[str]:
        """The names of the matrix, and of the bias of each value of the output if there is a bias.

        Convolutions that share a kernel, such as those of an image and of its mirror image, share the matrix.
        """
        sizes = [self._shapes[name][2:] for name in (node.input[0], node.output[0])]
        arrays = [matrix, *(np.tile(self._constants[name], prod(sizes[1])) for name in node.input[2:])]
        names = ["_".join(map(str, (name, *sizes[0], *sizes[1]))) for name in node.input[1:]]
        return [self._constant(name, each) for name, each in zip(names, arrays, strict=True)]

    def _matrix(self, node: Any) -> _Array | None:
        """What multiplies the flat image, or None if the convolution is to stay one."""
        has = {each.name: self._onnx.helper.get_attribute_value(each) for each in node.attribute}
        kernel, before = self._constants.get(node.input[1]), self._shapes.get(node.input[0], [])[2:]
        plain = has.get("group", 1) == 1 and max(has.get("dilations", [1])) == 1 and "auto_pad" not in has
        after = self._shapes.get(node.output[0], [])[2:]
        if kernel is None or not (plain and before and after):
            return None
        if not _saves(prod(kernel.shape[2:]), prod(before), prod(after)):
            return None
        first = has.get("pads", [0, 0])[:2]
        return _matrix(kernel, before, after, has.get("strides", [1, 1]), first)


def _saves(kernel: int, before: int, after: int) -> bool:
    """Whether a matrix is worth its weights, by the numbers of places: it has one for each place before and after.

    With up to twice as many weights it must take fewer products than the convolution, else it may have no more.
    """
    return 0 < before * after <= (2 * kernel if before < kernel else kernel)


def _flat(name: str) -> str:
    return f"{name}_flat"


def _channels_last(name: str) -> str:
    return f"{name}_channels_last"


def _matrix(
    kernel: _Array, before: Sequence[int], after: Sequence[int], strides: Sequence[int], padding: Sequence[int]
) -> _Array:
    """A convolution as a matrix of (height * width * channels) of the image and of the output.

    Args:
        kernel: float32 (channels of the output, channels of the image, height, width).
        before: (height, width) of the image.
        after: (height, width) of the output.
        strides: Vertical and horizontal.
        padding: Above and to the left of the image.
    """
    matrix = np.zeros((*before, kernel.shape[1], *after, kernel.shape[0]), np.float32)
    for row, column, row_after, column_after in product(*map(range, (*before, *after))):
        place = (row - row_after * strides[0] + padding[0], column - column_after * strides[1] + padding[1])
        if place[0] in range(kernel.shape[2]) and place[1] in range(kernel.shape[3]):
            matrix[row, column, :, row_after, column_after, :] = kernel[:, :, *place].T
    return matrix.reshape(prod(before) * kernel.shape[1], -1)
