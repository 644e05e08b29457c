"""The parts of an export that need TensorFlow: in this process if Keras runs on it here, else in one of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.tensorflow_process import tensorflow_process
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import ClassifyBatches, batches
from mnist_resnet.storage.disk_space import temporary_folder

# In a call to the other process, whose copy of the images takes memory.
_BATCHES_AT_ONCE = 64
_FILE = "network.keras"

Operation = Literal["savedmodel.to_savedmodel", "savedmodel.classify", "onnx.to_onnx", "reference.exact_probabilities"]


def to_savedmodel(network: keras.Model) -> dict[str, bytes]:
    """The files of a SavedModel by relative name; see ``savedmodel.to_savedmodel``."""
    files: dict[str, bytes] = _perform("savedmodel.to_savedmodel", network)
    return files


def to_onnx(network: keras.Model, opset: int, metadata: Mapping[str, Any]) -> bytes:
    """An ONNX file; see ``onnx.to_onnx``."""
    content: bytes = _perform("onnx.to_onnx", network, opset, dict(metadata))
    return content


def exact_probabilities(network: keras.Model, images: UInt8Array) -> npt.NDArray[np.float64]:
    """What a network answers without rounding to float32; see ``reference.exact_probabilities``."""
    probabilities: npt.NDArray[np.float64] = _perform("reference.exact_probabilities", network, np.asarray(images))
    return probabilities


def load_savedmodel(files: dict[str, bytes]) -> ClassifyBatches:
    """Load a SavedModel to classify images with it on the CPU; see ``savedmodel.load_savedmodel``."""
    if _here():
        from mnist_resnet.export import savedmodel

        return savedmodel.load_savedmodel(files)

    def classify(images: UInt8Array, batch_size: int) -> npt.NDArray[np.float32]:
        size = _BATCHES_AT_ONCE * batch_size
        parts = [_perform("savedmodel.classify", files, part, batch_size) for part in batches(images, size)]
        return np.concatenate(parts)

    return classify


def perform(operation: Operation, *arguments: Any) -> Any:
    """Perform an operation in this process, on TensorFlow.

    Args:
        operation: Module and function of this package.
        arguments: As the function takes them; networks may be stored ones.
    """
    module, _, function = operation.partition(".")
    return getattr(import_module(f"{__package__}.{module}"), function)(*map(_restored, arguments))


@dataclass(frozen=True)
class _Stored:
    """A network as the content of a ``.keras`` file."""

    content: bytes


def _perform(operation: Operation, *arguments: Any) -> Any:
    if _here():
        return perform(operation, *arguments)
    return tensorflow_process().call(f"{__name__}:{perform.__name__}", operation, *map(_stored, arguments))


def _here() -> bool:
    return bool(keras.backend.backend() == "tensorflow")


def _stored(argument: Any) -> Any:
    if not isinstance(argument, keras.Model):
        return argument
    with temporary_folder() as folder:
        argument.save(folder / _FILE)
        return _Stored((folder / _FILE).read_bytes())


def _restored(argument: Any) -> Any:
    if not isinstance(argument, _Stored):
        return argument
    import mnist_resnet.models.resnet  # noqa: F401  # whose layers the file names

    with temporary_folder() as folder:
        (folder / _FILE).write_bytes(argument.content)
        return keras.saving.load_model(folder / _FILE, compile=False, safe_mode=True)
