from collections.abc import Callable

import keras
import pytest

Sources = Callable[[keras.Model], dict[str, list[str]]]


@pytest.fixture
def sources() -> Sources:
    """From which layers each layer of a network takes its input."""

    def sources(model: keras.Model) -> dict[str, list[str]]:
        # Operations are layers, and what is none, such as a cast.
        by_tensor = {id(operation.output): operation.name for operation in model.operations}
        inner = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        taken = {layer.name: layer.input if isinstance(layer.input, list) else [layer.input] for layer in inner}
        return {name: [by_tensor[id(tensor)] for tensor in tensors] for name, tensors in taken.items()}

    return sources
