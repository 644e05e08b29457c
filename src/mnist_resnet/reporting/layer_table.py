"""The layers of a network, each with its shape and its parameters."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerRow:
    """One layer: its name, its kind, the shape of one image's output, and its parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable_parameters: int

    def cells(self) -> list[str]:
        """The columns of a table: name, kind, output shape, parameters."""
        return [self.name, self.kind, "×".join(map(str, self.output_shape)), f"{self.parameters:,}"]


LayerTable = list[LayerRow]


def tabulate_layers(network: Any) -> LayerTable:
    """All layers of a network in the order in which data pass them.

    Args:
        network: A Keras model that has been built.
    """
    return [
        LayerRow(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(layer.output.shape[1:]),
            parameters=layer.count_params(),
            trainable_parameters=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
        )
        for layer in network.layers
    ]


def parameters_in_words(layers: LayerTable) -> str:
    """How many parameters a network has, and how many of them can be trained."""
    total, trainable = sum(row.parameters for row in layers), sum(row.trainable_parameters for row in layers)
    return f"{total:,} parameters, {trainable:,} of them trainable"
