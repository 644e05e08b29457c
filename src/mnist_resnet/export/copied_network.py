"""Copies of a network with other layers and weights."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

Changes = Mapping[str, Mapping[str, Any]]
Weights = Mapping[str, list[Any]]


def copied_network(
    network: keras.Model, changes: Changes, weights: Weights, call: Callable[..., Any] | None = None
) -> keras.Model:
    """A copy of a network for inference, which is not trained any further.

    Args:
        network: What is copied; it is left as it is.
        changes: By the layer's name, what differs in its configuration.
        weights: By the layer's name, those that take the place of its own.
        call: Takes the place of calling a layer, as the ``call_function`` of ``keras.models.clone_model``.
    """

    def copy(layer: Any) -> Any:
        config = layer.get_config() | dict(changes.get(layer.name, {}))
        # Values drawn by chance would be drawn for nothing, which for millions of weights takes most of a copy's time.
        zeros = {key: "zeros" for key in config if key.endswith("_initializer")}
        return type(layer).from_config(config | zeros)

    copied = keras.models.clone_model(network, clone_function=copy, call_function=call)
    for layer in copied.layers:
        layer.set_weights(weights.get(layer.name) or network.get_layer(layer.name).get_weights())
    copied.trainable = False
    return copied
