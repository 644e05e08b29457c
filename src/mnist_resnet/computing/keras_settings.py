"""The settings of Keras that a piece of work may change for itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.computing.backend import keras


@contextmanager
def keras_settings_put_back() -> Iterator[None]:
    """Let Keras have another precision policy and distribution within the block only."""
    policy, distribution = keras.config.dtype_policy(), keras.distribution.distribution()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)
