"""The table of a run's steps: what is recorded of each, how two records of it are compared, and what can change it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema, core_schema

# Before Python 3.12 pydantic takes it only from there.
from typing_extensions import TypedDict

from mnist_resnet.data.idx import encoded
from mnist_resnet.storage.artifacts import sha256_of_pieces
from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx, digests_of_weights
from mnist_resnet.training.events import EpochResult, History

Values = dict[str, Any]

_Digests = dict[str, str]
_EpochNumber = Annotated[str, Field(pattern=r"^[0-9]+$")]


class ProbabilitiesRecord(TypedDict):
    """The digest and the size of the array of test probabilities."""

    sha256: str
    images: int
    classes: int


# Kinds of differences between two runs, and packages by the first letters of their names.
_CODE = ("commit", "patch", "lock file", "Python")
_MACHINE = ("platform", "processor", "instruction sets", "threads", "GPU", "driver", "variable", "precision")
_COMPUTING = ("keras", "tensorflow", "jax", "jaxlib", "numpy", "ml-dtypes", "nvidia-")
_JUDGING = ("onnxruntime", "numpy", "nvidia-")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a run, as it is recorded and compared.

    Attributes:
        artifacts: The values that are recorded of an artifact's content, by the artifact's name without the namespace.
            A step without artifacts is recorded by the training itself.
        values: The type of all its values.
        told_by: What a difference is told by.
        partial: Whether runs that came out the same may have recorded other parts of it. Only what both have is
            compared then.
        parameters: Those that can change this step although all steps before it are the same.
        packages: Likewise, by the first letters of their names.
        kinds: Likewise, the other kinds of differences.
    """

    artifacts: Mapping[str, Callable[[Any], Values]]
    values: Any = _Digests
    told_by: Literal["names", "tensors", "values", "epochs", "exports", "bits"] = "names"
    partial: bool = False
    parameters: tuple[str, ...]
    packages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = _CODE


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
    return {
        f"{file}: {part}": digest
        for file, content in sorted(files.items())
        for part, digest in digests_of_onnx(content).items()
    }


def _probabilities(probabilities: Any) -> Values:
    images, classes = probabilities.shape
    return {"sha256": digest_of_array(probabilities), "images": images, "classes": classes}


# In the order of the flow: what differs in one step is a reason for what differs in those behind it.
STEPS = {
    "raw_data": Step(
        artifacts={
            "published_images": _file_as("published_images"),
            "published_labels": _file_as("published_labels"),
            # The names in the record are older than those of the artifacts.
            "published_test_images": _file_as("test_images"),
            "published_test_labels": _file_as("test_labels"),
        },
        partial=True,
        parameters=("datasets",),
        kinds=(),
    ),
    "split": Step(
        artifacts={
            f"{part}_{name}": _array_as(f"{part}_{name}")
            for part in ("train", "validation", "test")
            for name in ("images", "labels")
        },
        partial=True,
        parameters=("data", "datasets"),
        packages=("scikit-learn", "numpy"),
    ),
    "prepared_data": Step(
        artifacts={"preprocessing": asdict},
        values=Values,
        told_by="values",
        parameters=("preprocessing",),
        packages=("numpy",),
    ),
    "initial_weights": Step(
        artifacts={},
        told_by="tensors",
        parameters=("training.seed", "training.precision", "model"),
        packages=_COMPUTING,
        kinds=(*_CODE, "precision"),
    ),
    "epochs": Step(
        artifacts={"history": _epochs},
        values=dict[_EpochNumber, Values],
        told_by="epochs",
        parameters=("training", "model"),
        packages=_COMPUTING,
        kinds=(*_CODE, *_MACHINE),
    ),
    "final_weights": Step(
        artifacts={"model": digests_of_weights},
        told_by="tensors",
        parameters=("training", "model"),
        packages=_COMPUTING,
        kinds=(*_CODE, *_MACHINE),
    ),
    "export": Step(
        artifacts={"onnx": digests_of_onnx, "variants": _variants},
        told_by="exports",
        partial=True,  # which variants are exported depends on the machine
        parameters=("export", "model", "recipe"),
        packages=("tf2onnx", "onnx", *_COMPUTING),
        kinds=(*_CODE, *_MACHINE),
    ),
    "probabilities": Step(
        artifacts={"test_probabilities": _probabilities},
        values=ProbabilitiesRecord,
        told_by="bits",
        parameters=("evaluation",),
        packages=_JUDGING,
        kinds=(*_CODE, *_MACHINE),
    ),
    "metrics": Step(
        artifacts={"metrics": dict},
        values=dict[str, float],
        told_by="values",
        partial=True,
        parameters=("datasets",),
        packages=("scikit-learn", "scipy", "numpy"),
    ),
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


def _schema(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    fields = {name: handler.generate_schema(step.values) for name, step in STEPS.items()}
    return core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(field, required=False) for name, field in fields.items()},
        extra_behavior="allow",  # a later version may have added steps
    )


# Values by the names of steps, each of the step's own type.
RecordedSteps = Annotated[dict[str, Values], GetPydanticSchema(_schema)]
