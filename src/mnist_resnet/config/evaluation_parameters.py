"""The parameters by which exported files are judged and released; ``conf/base/parameters.yml`` has their meanings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.values import CLOSED, Count, Fraction, FractionOrNone, Name, Seed, Switch, distinct


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class LatencyParameters:
    """The measurement of speed."""

    warm_up: Count
    calls: Annotated[int, Field(strict=True, ge=2)]
    latency_batch_sizes: tuple[Count, ...]
    throughput_batch_sizes: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class RobustnessParameters:
    """The images that are perturbed, drawn so that every class has its share."""

    images: Count
    validation_images: Count
    seed: Seed


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class CudaParameters:
    """The settings of onnxruntime's CUDA provider in the evaluate pipeline.

    Memory is taken as it is needed, so that TensorFlow's can stand beside it. The input and output of a CUDA graph stay
    at fixed places.
    """

    algorithm_search: Literal["heuristic", "exhaustive", "default"]
    deterministic: Switch
    largest_workspace: Switch
    channels_last: Switch
    tf32: Switch
    graphs: Switch
    memory_limit: Count | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class EvaluationParameters:
    """The evaluation of an exported file."""

    providers: Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(distinct)]
    require_gpu: Switch
    cuda: CudaParameters
    batch_size: Count
    latency: LatencyParameters
    robustness: RobustnessParameters


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class ReleaseParameters:
    """When a model is registered, and when it becomes the champion of its data set.

    It must be right on more of the validation images than the present champion, and than always naming their
    most frequent class; by chance alone it would be with a probability of ``significance`` at most. On perturbed
    validation images it must keep at least ``robustness_floor`` of its accuracy, as a mean over all perturbations.
    """

    register: Switch
    significance: Fraction
    robustness_floor: FractionOrNone
