"""The table of a run's steps: what is recorded of each, how two records of it are compared, and what can change it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, with_config

# Before Python 3.12 pydantic takes it only from there.
from typing_extensions import TypedDict

from mnist_resnet.data.idx import encoded
from mnist_resnet.storage.artifacts import sha256_of_pieces
from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx, digests_of_weights
from mnist_resnet.training.events import EpochResult, History

Values = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A step of a run, as it is recorded and compared.

    Attributes:
        artifacts: What is recorded of an artifact's content, by the artifact's name without the namespace. A step
            without artifacts is recorded by the training itself.
        values: The type of all that is recorded of it.
        told_by: What a difference is told by.
        parameters: Those that can change this step although all steps before it are the same.
        packages: Likewise, by the first letters of their names.
        kinds: Likewise, the other kinds of differences between what two runs were made from.
        partial: Whether runs that came out the same may have recorded other parts of it. Only what both have is
            compared then.
    """

    artifacts: Mapping[str, Callable[[Any], Values]]
    values: Any
    told_by: Literal["names", "tensors", "values", "epochs", "exports", "bits"]
    parameters: tuple[str, ...]
    packages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    partial: bool = False


def epoch_values(result: EpochResult) -> dict[str, Values]:
    """The result of an epoch under its number, without what depends on the clock."""
    names = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return {str(result.epoch): {name: getattr(result, name) for name in names}}


def _epochs(history: History) -> dict[str, Values]:
    return {epoch: values for result in history for epoch, values in epoch_values(result).items()}


def _file_as(name: str) -> Callable[[Any], Values]:
    return lambda array: {name: sha256_of_pieces(encoded(array))}


def _array_as(name: str) -> Callable[[Any], Values]:
    return lambda array: {name: digest_of_array(array)}


def _variants(files: Mapping[str, bytes]) -> Values:
    digests = {file: digests_of_onnx(content) for file, content in sorted(files.items())}
    return {f"{file}: {part}": digest for file, parts in digests.items() for part, digest in parts.items()}


def _probabilities(probabilities: Any) -> Values:
    images, classes = probabilities.shape
    return {"sha256": digest_of_array(probabilities), "images": images, "classes": classes}


class ProbabilitiesRecord(TypedDict):
    """The digest and the size of the array of test probabilities."""

    sha256: str
    images: int
    classes: int


_Digests = dict[str, str]
_Epochs = dict[Annotated[str, Field(pattern=r"^[0-9]+$")], Values]

_RAW = {
    "published_images": _file_as("published_images"),
    "published_labels": _file_as("published_labels"),
    # These artifacts have other names since, the record has not.
    "published_test_images": _file_as("test_images"),
    "published_test_labels": _file_as("test_labels"),
}
_PARTS = [f"{part}_{kind}" for part in ("train", "validation", "test") for kind in ("images", "labels")]
_SPLIT = {name: _array_as(name) for name in _PARTS}
_EXPORTS: dict[str, Callable[[Any], Values]] = {"onnx": digests_of_onnx, "variants": _variants}

_SEED = ("training.seed", "training.precision", "model", "datasets")
_TRAINING = ("training", "model", "data.shard_images")
_COMPUTING = ("keras", "tensorflow", "jax", "jaxlib", "numpy", "ml-dtypes", "nvidia-")
_EXPORTING = ("tf2onnx", "onnx", *_COMPUTING)
# Metrics of perturbed images are not computed from the probabilities before.
_MEASURED = ("datasets", "evaluation")
_SCORING = ("scikit-learn", "scipy", "numpy")
_JUDGING = ("onnxruntime", "numpy", "nvidia-")
_CODE = ("commit", "patch", "lock file", "Python")
_DEVICE = ("training device", "precision", "resumed training")
_ALL = (*_CODE, "platform", "processor", "instruction sets", "threads", "GPU", "driver", "variable", *_DEVICE)

# In the order of the flow: what differs in one step is a reason for what differs in those behind it.
STEPS = {
    "raw_data": Step(_RAW, _Digests, "names", ("datasets",), partial=True),
    "split": Step(_SPLIT, _Digests, "names", ("data", "datasets"), ("scikit-learn", "numpy"), _CODE, partial=True),
    "prepared_data": Step({"preprocessing": asdict}, Values, "values", ("preprocessing",), ("numpy",), _CODE),
    "initial_weights": Step({}, _Digests, "tensors", _SEED, _COMPUTING, (*_CODE, *_DEVICE)),
    "epochs": Step({"history": _epochs}, _Epochs, "epochs", _TRAINING, _COMPUTING, _ALL),
    "final_weights": Step({"model": digests_of_weights}, _Digests, "tensors", _TRAINING, _COMPUTING, _ALL),
    # Which variants are exported depends on the machine.
    "export": Step(_EXPORTS, _Digests, "exports", ("export", "model", "recipe"), _EXPORTING, _ALL, partial=True),
    "probabilities": Step(
        {"test_probabilities": _probabilities}, ProbabilitiesRecord, "bits", ("evaluation",), _JUDGING, _ALL
    ),
    "metrics": Step({"metrics": dict}, dict[str, float], "values", _MEASURED, _SCORING + _JUDGING, _ALL, partial=True),
}

_STEP_OF = {artifact: name for name, step in STEPS.items() for artifact in step.artifacts}

# Loading a model would import the backend, for which a run that has nothing to do should not wait.
QUICKLY_LOADED = frozenset(_STEP_OF) - {"model"}


def step_values(artifact: str, content: Any) -> tuple[str, Values] | None:
    """The values that are recorded of an artifact.

    Args:
        artifact: Its name in the catalog, without the namespace.
        content: As it was saved or loaded.

    Returns:
        The step it belongs to, and what is to be added to the values of that step; None if nothing is recorded of it.
    """
    name = _STEP_OF.get(artifact)
    return (name, STEPS[name].artifacts[artifact](content)) if name else None


# Values by the names of steps, each of the step's own type; a later version may have added steps.
if TYPE_CHECKING:
    RecordedSteps = dict[str, Values]
else:
    _types = {name: step.values for name, step in STEPS.items()}
    RecordedSteps = with_config(extra="allow")(TypedDict("RecordedSteps", _types, total=False))
