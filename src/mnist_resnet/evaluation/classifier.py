"""An ONNX file as a classifier of raw images."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import Session, open_session


class ModelFileError(UserError, ValueError):
    """A file that is no ONNX classifier of raw images."""


@dataclass(frozen=True)
class Classifier:
    """An ONNX model with what its file says of its input and its classes.

    Attributes:
        session: The model, loaded.
        image_size: (height, width) of its input, in pixels.
        class_names: In the order of its probabilities.
    """

    session: Session
    image_size: tuple[int, int]
    class_names: tuple[str, ...]


def open_classifier(model: bytes, source: str, threads: int = 0) -> Classifier:
    """Load an ONNX classifier on the CPU.

    Args:
        model: The ONNX file's content: one input, uint8 (N, height, width), and one output, the
            probabilities (N, classes). Its metadata ``class_names``, a JSON list, names the
            classes, each differently; without it they are 0, 1, 2 …
        source: What the model is called in errors, such as its path.
        threads: Over how many an operation is spread; 0: all cores.

    Raises:
        ModelFileError: If it is no such model.
    """
    try:
        session = open_session(model, [CPU_PROVIDER], threads=threads)
        size = _image_size(session.inference, source)
        return Classifier(session, size, _class_names(session, source, _count_classes(session, size, source)))
    except ModelFileError:
        raise
    except Exception as error:  # of whatever a file brings along
        raise ModelFileError(f"{source}: not an ONNX model that onnxruntime can load and run: {error}") from error


def _image_size(inference: Any, source: str) -> tuple[int, int]:
    match [(each.type, each.shape) for each in inference.get_inputs()]:
        case [("tensor(uint8)", [_, int(height), int(width)])]:
            return height, width
        case inputs:
            raise ModelFileError(
                f"{source}: not exported by `kedro run`: its inputs are {inputs}, not one uint8 [N, height, width]"
            )


def _count_classes(session: Session, size: tuple[int, int], source: str) -> int:
    outputs = [each.type for each in session.inference.get_outputs()]
    answer = session.run(np.zeros((1, *size), np.uint8)) if outputs == ["tensor(float)"] else np.empty(0)
    if answer.ndim != 2:
        raise ModelFileError(f"{source}: not exported by `kedro run`: its output is not one float32 [N, classes]")
    return int(answer.shape[1])


def _class_names(session: Session, source: str, classes: int) -> tuple[str, ...]:
    stored = session.inference.get_modelmeta().custom_metadata_map.get("class_names")
    if stored is None:
        return tuple(str(number) for number in range(classes))
    try:
        names = json.loads(stored)
    except ValueError:
        names = None
    if not isinstance(names, list) or len(names) != classes or len(set(map(str, names))) != classes:
        expected = f"a JSON list of {classes} names, each once"
        raise ModelFileError(f"{source}: its metadata class_names is {stored}; expected {expected}")
    return tuple(str(name) for name in names)
