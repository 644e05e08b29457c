"""The table of the formats that a trained network is exported in.

Another format needs a module in ``mnist_resnet.export``, an entry here, a node in the export pipeline, and its artifact
in the catalog.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import ClassifyBatches, open_session


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Attributes:
        name: In ``parity.json`` and ``evaluation.json``.
        load: From the artifact's content to a function that classifies images on the CPU.
    """

    name: str
    load: Callable[[Any], ClassifyBatches]


def _load_savedmodel(files: dict[str, bytes]) -> ClassifyBatches:
    from mnist_resnet.export.on_tensorflow import load_savedmodel

    return load_savedmodel(files)


def _load_onnx(content: bytes) -> ClassifyBatches:
    return open_session(content, [CPU_PROVIDER]).probabilities


# By the artifact in the catalog, which is called <artifact>_candidate until it has been checked.
FORMATS = {
    "saved_model": ExportFormat("savedmodel", _load_savedmodel),
    "onnx": ExportFormat("onnx", _load_onnx),
}

# Those that classify the test images when they are exported; the evaluation does that with ONNX files.
OTHER_FORMATS = {artifact: each for artifact, each in FORMATS.items() if artifact != "onnx"}
