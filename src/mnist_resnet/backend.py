"""Keras and its backend, imported without the native libraries' start-up chatter.

Those libraries write to the process's error stream before any log level applies. Importing this
module first keeps that out of the terminal, and lets TensorFlow take a GPU's memory only as it
needs it. What was held back is shown if the import fails.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keras", "native_output_held"]


@contextmanager
def native_output_held() -> Iterator[None]:
    """Keep what native code writes to the error stream, and show it only if the block raises."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


with native_output_held():
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        for _gpu in tf.config.list_physical_devices("GPU"):
            # Must precede the first operation; onnxruntime needs its share of the same memory.
            tf.config.experimental.set_memory_growth(_gpu, True)
