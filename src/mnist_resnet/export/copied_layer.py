"""Layers of a network that is copied with changes."""

from typing import Any


def copied_layer(layer: Any, **changes: Any) -> Any:
    """A layer without weights yet, for ``keras.models.clone_model``; they begin as zeros, and are to be set.

    Values drawn by chance would be drawn for nothing, which for millions of weights takes most of a copy's time.

    Args:
        layer: Of the network that is copied; it is left as it is.
        **changes: What differs in its configuration.
    """
    config = layer.get_config() | changes
    zeros = {key: "zeros" for key in config if key.endswith("_initializer")}
    return type(layer).from_config(config | zeros)
