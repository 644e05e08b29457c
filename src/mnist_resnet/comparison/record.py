"""What a recorded run tells of itself: ``provenance.json``, checked once when it is read.

The fields and their meaning: docs/reproducibility.md. Fields that are not named here are let through, since a later
version may have added them within the schema.
"""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, cast

from pydantic import AfterValidator, Field, GetPydanticSchema, TypeAdapter, ValidationError

# Before Python 3.12 pydantic takes it only from there.
from typing_extensions import TypedDict

from mnist_resnet.errors import UserError
from mnist_resnet.provenance.record import SCHEMA

_SHOWN = 6
_Digests = dict[str, str]
_EpochNumber = Annotated[str, Field(pattern=r"^[0-9]+$")]


class UndecidableError(UserError, ValueError):
    """Two runs of which it cannot be told whether they came out the same; the message says why."""


class RunRecord(TypedDict):
    """What was asked of ``kedro run``, as far as it must be there."""

    env: str | None
    pipeline_names: list[str]
    runtime_params: dict[str, Any]
    namespaces: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    node_names: NotRequired[list[str]]
    from_nodes: NotRequired[list[str]]
    to_nodes: NotRequired[list[str]]
    from_inputs: NotRequired[list[str]]
    to_outputs: NotRequired[list[str]]


class GpuRecord(TypedDict):
    """A graphics processor and its driver."""

    name: str
    driver: str


class EnvironmentRecord(TypedDict):
    """The machine and its software."""

    python: str
    platform: str
    processor: str
    instruction_sets: NotRequired[list[str]]
    cores: int
    usable_cores: int
    gpus: list[GpuRecord]
    lock_files: dict[str, str]
    packages: dict[str, str]
    variables: dict[str, str]


class PatchRecord(TypedDict):
    """The uncommitted changes; without a digest if they were too large to be kept."""

    sha256: str | None
    size: int
    left_out: list[str]


class SourceRecord(TypedDict):
    """The commit that was checked out."""

    commit: str
    dirty: bool
    patch: PatchRecord | None


class ProbabilitiesRecord(TypedDict):
    """The array of test probabilities."""

    sha256: str
    images: int
    classes: int


class _Stages(TypedDict, total=False):
    raw_data: _Digests
    split: _Digests
    prepared_data: dict[str, Any]
    initial_weights: _Digests
    epochs: dict[_EpochNumber, dict[str, Any]]
    final_weights: _Digests
    export: _Digests
    probabilities: ProbabilitiesRecord
    metrics: dict[str, float]


def _nested(parameters: dict[str, Any]) -> dict[str, Any]:
    if "datasets" not in parameters:
        raise ValueError("it lacks datasets")
    for name, concerns in parameters.items():
        if name != "recipe" and not (
            isinstance(concerns, dict) and all(isinstance(v, dict) for v in concerns.values())
        ):
            raise ValueError(f"{name} is no set of nested parameters")
    return parameters


# Read under names that are only known when it runs, so a plain mapping to the type checker.
Stages = Annotated[dict[str, dict[str, Any]], GetPydanticSchema(lambda _, handler: handler.generate_schema(_Stages))]


class Record(TypedDict):
    """All of ``provenance.json`` that a comparison or a reproduction needs."""

    schema: int
    status: str
    run: RunRecord
    parameters: Annotated[dict[str, Any], AfterValidator(_nested)]
    environment: EnvironmentRecord
    source: SourceRecord | None
    source_missing_because: NotRequired[str | None]
    precision: dict[str, str]
    namespaces: dict[str, Stages]


def check_record(content: Mapping[str, Any], which: str) -> Record:
    """Refuse a record that nothing can be told from.

    Args:
        content: That of ``provenance.json``.
        which: The run, in words.

    Returns:
        The same, known to be whole.

    Raises:
        UndecidableError: If the run did not finish, or the record is of another schema or damaged; all faults are
            named.
    """
    schema = content.get("schema")
    if schema != SCHEMA:
        raise UndecidableError(
            f"{which}: its provenance has schema {schema!r}, and this version reads {SCHEMA}; compare it with the "
            f"version of mnist_resnet that made it"
        )
    try:
        TypeAdapter(Record).validate_python(content, strict=True)
    except ValidationError as error:
        raise UndecidableError(f"{which}: its provenance is damaged: {_faults(error)}") from None
    if content["status"] != "FINISHED":
        raise UndecidableError(
            f"{which} did not finish: its status is {content['status']}; only whole runs are compared or reproduced"
        )
    return cast(Record, content)


def _faults(error: ValidationError) -> str:
    faults = [_in_words(fault) for fault in error.errors()]
    more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    return "; ".join([*faults[:_SHOWN], *more])


def _in_words(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"it lacks {key}"
    if fault["type"] == "value_error":
        return f"{key}: {fault['ctx']['error']}"
    return f"{key}: received {str(fault['input'])[:40]!r}. {fault['msg']}"
