"""What is recorded of each stage of a run: digests of what it made, or the values themselves where they are few."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from mnist_resnet.data.idx import encoded
from mnist_resnet.storage.artifacts import sha256_of_pieces
from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx, digests_of_weights
from mnist_resnet.training.events import History

# In the order of the flow: what differs in one stage is a reason for what differs in those behind it.
STAGES = (
    "raw_data",
    "split",
    "prepared_data",
    "initial_weights",
    "epochs",
    "final_weights",
    "export",
    "probabilities",
    "metrics",
)

_EPOCH_VALUES = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
# The published files by their artifacts; the test files' entries are older than their artifacts' names.
_RAW = {
    "published_images": "published_images",
    "published_labels": "published_labels",
    "published_test_images": "test_images",
    "published_test_labels": "test_labels",
}
_SPLIT = (
    *("train_images", "train_labels", "validation_images", "validation_labels"),
    *("test_images", "test_labels"),
)


def stage_values(artifact: str, content: Any) -> tuple[str, dict[str, Any]] | None:
    """What is recorded of an artifact.

    Args:
        artifact: Its name in the catalog, without the namespace.
        content: As it was saved or loaded.

    Returns:
        The stage it belongs to, and what is to be added to the values of that stage; None if nothing is recorded of it.
    """
    if artifact not in _RECORDED:
        return None
    stage, values = _RECORDED[artifact]
    if stage in {"raw_data", "split"}:
        return stage, {_RAW.get(artifact, artifact): values(content)}
    return stage, values(content)


def epoch_values(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is recorded of an epoch, under its number: its result without what depends on the clock."""
    return {str(result["epoch"]): {name: result[name] for name in _EPOCH_VALUES}}


def _epochs(history: History) -> dict[str, dict[str, Any]]:
    return {epoch: values for result in history for epoch, values in epoch_values(asdict(result)).items()}


def _file_digest(array: Any) -> str:
    return sha256_of_pieces(encoded(array))


def _variants(files: Mapping[str, bytes]) -> dict[str, str]:
    return {
        f"{file}: {part}": digest
        for file, content in sorted(files.items())
        for part, digest in digests_of_onnx(content).items()
    }


def _probabilities(probabilities: Any) -> dict[str, Any]:
    images, classes = probabilities.shape
    return {"sha256": digest_of_array(probabilities), "images": images, "classes": classes}


_RECORDED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(_RAW, ("raw_data", _file_digest)),
    **dict.fromkeys(_SPLIT, ("split", digest_of_array)),
    "preprocessing": ("prepared_data", asdict),
    "history": ("epochs", _epochs),
    "model": ("final_weights", digests_of_weights),
    "onnx": ("export", digests_of_onnx),
    "variants": ("export", _variants),
    "test_probabilities": ("probabilities", _probabilities),
    "metrics": ("metrics", dict),
}

# Loading a model would import the backend, for which a run that has nothing to do should not wait.
QUICKLY_LOADED = frozenset(_RECORDED) - {"model"}
