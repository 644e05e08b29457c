"""ONNX classifiers as models of MLflow."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.artifacts import sha256_of_bytes

_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_SERVED_WITH = ("mlflow", "numpy", "onnxruntime-gpu")


@dataclass(frozen=True)
class LoggedModel:
    """An ONNX classifier to log.

    Attributes:
        name: The model's name in MLflow.
        content: The ONNX file.
        input_example: uint8 (images, height, width).
        class_names: In the order of the probabilities.
        providers: onnxruntime providers that a server of the model asks for.
    """

    name: str
    content: bytes
    input_example: npt.NDArray[np.uint8]
    class_names: tuple[str, ...]
    providers: tuple[str, ...]


def log_model(model: LoggedModel) -> None:
    """Record a model in the open run: ``mlflow models serve`` answers raw images with it, and nothing else."""
    import mlflow

    with TemporaryDirectory() as folder:
        onnx = Path(folder) / "model.onnx"
        onnx.write_bytes(model.content)
        mlflow.pyfunc.log_model(
            python_model=_SERVED_MODEL,
            artifacts={"onnx": str(onnx)},
            name=model.name,
            signature=_signature(len(model.class_names)),
            input_example={"image": np.asarray(model.input_example)},
            pip_requirements=[f"{package}=={version(package)}" for package in _SERVED_WITH],
            model_config={"providers": list(model.providers)},
            metadata=_metadata(model),
            tags={"onnx_sha256": sha256_of_bytes(model.content)},
        )


def _metadata(model: LoggedModel) -> dict[str, Any]:
    return {
        "class_names": list(model.class_names),
        "image_size": list(model.input_example.shape[1:]),
        "onnx_sha256": sha256_of_bytes(model.content),
    }


def _signature(classes: int) -> Any:
    """Named tensors; the images as objects of any shape, which the model checks itself.

    MLflow casts a request to the type it finds here before the model sees it: to uint8 or float64,
    0.9, true or "7" would pass for numbers.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        Schema([TensorSpec(np.dtype(object), (-1,), "image")]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, classes), "probabilities")]),
    )
