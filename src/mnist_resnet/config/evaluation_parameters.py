"""How exported files are judged, and which of them becomes the champion."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.values import CLOSED, Count, Fraction, FractionOrNone, Name, Seed, Switch, distinct


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class LatencyParameters:
    """How speed is measured: ``calls`` timed calls of each batch size after ``warm_up`` calls."""

    warm_up: Count
    calls: Annotated[int, Field(strict=True, ge=2)]
    latency_batch_sizes: tuple[Count, ...]
    throughput_batch_sizes: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class RobustnessParameters:
    """How many images are perturbed, drawn so that every class has its share, and the seed of all chance in that.

    ``images`` of the test images are for the report alone; ``validation_images`` of the validation
    images decide whether a model is robust enough to become champion.
    """

    images: Count
    validation_images: Count
    seed: Seed


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class CudaParameters:
    """How onnxruntime's CUDA provider runs the model in the evaluate stage, where there is a GPU.

    ``algorithm_search`` is how cuDNN chooses a convolution's algorithm for each shape, with as much
    memory as it likes if ``largest_workspace``. ``channels_last`` computes in NHWC order. ``tf32`` lets
    products of float32 lose 13 of 23 bits. ``memory_limit`` is in MiB (none: what the GPU has);
    memory is taken as it is needed, so that TensorFlow's can stand beside it. With ``graphs`` each batch
    size is recorded as a CUDA graph, whose input and output stay at fixed places.
    """

    algorithm_search: Literal["exhaustive", "heuristic", "default"]
    largest_workspace: Switch
    channels_last: Switch
    tf32: Switch
    graphs: Switch
    memory_limit: Count | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class EvaluationParameters:
    """How the exported file is judged; the first provider that loads is used."""

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
