"""Keras and its backend, imported as this project needs them and without the native libraries' start-up chatter.

Those libraries write to the process's error stream before any log level applies. Importing this
module first keeps that out of the terminal, and lets TensorFlow take a GPU's memory only as it
needs it. What was held back is shown if the import fails.

Keras reads ``~/.keras/keras.json``, or writes it, when it is imported. That file is made for all
projects of a user, and nothing of it is recorded with a run, so it has no influence here: neither
its data types and formats nor its backend, which ``KERAS_BACKEND`` chooses.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE, chosen_backend
from mnist_resnet.computing.blocked_imports import blocked_imports
from mnist_resnet.computing.cuda_libraries import load_cusolver
from mnist_resnet.computing.native_output import captured_native_output
from mnist_resnet.computing.variables import set_variables

__all__ = ["keras"]


@contextmanager
def _own_settings(backend: str) -> Iterator[None]:
    """Have Keras find no settings but the backend: variables of its own put aside, and a home that is empty."""
    aside = {name: None for name in os.environ if name.startswith("KERAS_")}
    with tempfile.TemporaryDirectory() as home, set_variables({**aside, BACKEND_VARIABLE: backend, "KERAS_HOME": home}):
        yield


_backend = chosen_backend()
# By these, Keras shows files in notebooks, and TensorFlow Lite converts functions of JAX.
_unused = ("IPython", "jax") if _backend == "tensorflow" else ("IPython",)
if _backend == "tensorflow":
    load_cusolver()
with captured_native_output(), _own_settings(_backend), blocked_imports(*_unused):
    import keras

    if _backend == "tensorflow":
        import tensorflow as tf

        for _gpu in tf.config.list_physical_devices("GPU"):
            # Must precede the first operation; onnxruntime needs its share of the same memory.
            tf.config.experimental.set_memory_growth(_gpu, True)
    elif find_spec("tensorflow"):
        import tensorflow as tf  # Keras would, for a seed or to describe a layer, and its chatter be shown

# Where somebody else has imported Keras before, it has read that file.
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_dtype_policy("float32")
keras.config.set_max_epochs(None)
keras.config.set_max_steps_per_epoch(None)
