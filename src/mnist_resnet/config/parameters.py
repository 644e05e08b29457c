"""The parameters of a run by their types and ranges.

``conf/base/parameters.yml`` has the values and what each means.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.evaluation_parameters import EvaluationParameters, ReleaseParameters
from mnist_resnet.config.published_data import Dataset
from mnist_resnet.config.values import (
    CLOSED,
    Count,
    Devices,
    Fraction,
    FractionOrNone,
    Name,
    NotNegative,
    Positive,
    Seed,
    Size,
    Switch,
    distinct,
)

# What a run comes to is the same with another value; by group and name.
WITHOUT_INFLUENCE = frozenset({"training.checkpoint_seconds", "training.require_gpu"})


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class DataParameters:
    """The split of the published training images; see ``storage/shards.py`` for shards."""

    seed: Seed
    validation: Literal["stratified", "last"]
    validation_fraction: FractionOrNone
    training_images: Count | None
    shard_images: Count | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class PreprocessingParameters:
    """The steps from a raw image to the network's input."""

    method: Literal["pad", "resize"]
    size: Size
    scaling: Literal["standardize", "unit"]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class ModelParameters:
    """The network; ``models/resnet.py`` says what each architecture consists of.

    ``preactivation`` is that of He et al. 2016b, ``stem: 7x7`` that of He et al. 2016, ``zero_last_gamma`` that of
    Goyal et al. 2017.
    """

    architecture: Literal[
        "resnet_tiny",
        "resnet14_wide2",
        "resnet14_wide4",
        "resnet10",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
    ]
    preactivation: Switch
    stem: Literal["7x7", "3x3", "3x3_strided"]
    stem_norm: Switch
    projection_norm: Switch
    convolution_bias: Switch
    kernel_initializer: Literal["he_normal", "glorot_uniform"]
    head: Literal["average_pool", "flatten"]
    hidden_units: Count | None
    batch_norm_momentum: Fraction
    batch_norm_epsilon: Annotated[float, Field(strict=True, ge=1.001e-5, lt=1)]
    zero_last_gamma: Switch


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class TrainingParameters:
    """The training of the network.

    ``one_cycle`` is the schedule of Smith & Topin 2018; Adam has the constants of Keras
    (0.9, 0.999, and 1e-7 where Kingma & Ba 2015 have 1e-8). ``small_epochs`` is progressive resizing, and
    ``erased_fraction`` random erasing (Zhong et al. 2017). An average of the weights (``average_decay``) is what is
    validated and kept.
    Several ``devices`` of several ``hosts`` share each batch; ``batch_size`` and batch norm are those of all.
    """

    seed: Seed
    epochs: Count
    small_epochs: Annotated[int, Field(strict=True, ge=0)]
    small_size: Size
    batch_size: Count
    shuffle_shards: Count | None
    optimizer: Literal["sgd", "adam"]
    schedule: Literal["one_cycle", "cosine", "constant"]
    learning_rate: Positive
    warmup_fraction: Fraction
    momentum: FractionOrNone
    nesterov: Switch
    weight_decay: NotNegative
    average_decay: Fraction | None
    label_smoothing: FractionOrNone
    max_shift: Annotated[int, Field(strict=True, ge=0)]
    unshifted_epochs: Annotated[int, Field(strict=True, ge=0)]
    horizontal_flip: Switch
    erased_fraction: Annotated[float, Field(strict=True, ge=0, le=1)]
    patience: Count | None
    keep_best_epoch: Switch
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    tf32: Switch
    deterministic: Switch
    checkpoint_seconds: NotNegative
    devices: Devices
    hosts: Count
    require_gpu: Switch


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class VariantParameters:
    """Other forms of the ONNX file, each published only if it is nearly as good as float32 and worth having.

    ``tolerance`` is the accuracy that a variant loses at most, with 95 % confidence, by a paired test on the validation
    images: 3,000 show half a point if, say, eight answers turn wrong and none right. Of ``calibration_methods``, that
    is kept whose probabilities are nearest to float32's. Integer kernels may change no probability by more than
    ``kernel_tolerance``, and no class unless the two best lie within that. Speed is measured at all batch sizes of
    ``evaluation.latency``; int8 and gemm, which are there for it, have at least ``least_speed`` times float32's at
    each, gemm at each but a single image.
    """

    names: Annotated[tuple[Literal["int8", "fp16", "gemm"], ...], AfterValidator(distinct)]
    tolerance: Annotated[float, Field(strict=True, gt=0, le=1)]
    seed: Seed
    calibration_images: Count
    choice_images: Count
    calibration_methods: Annotated[
        tuple[Literal["minmax", "entropy", "percentile"], ...], Field(min_length=1), AfterValidator(distinct)
    ]
    kernel_tolerance: Positive
    timed_calls: Count
    least_speed: NotNegative | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class ExportParameters:
    """What is exported, and how closely its probabilities agree with those of the trained network.

    A probability may differ by ``parity_tolerance``, or by ``parity_rounding_factor`` times the error that rounding to
    float32 makes in the trained network's own answers, whichever is more.
    """

    opset: Annotated[int, Field(strict=True, ge=13, le=18)]
    average_flips: Switch
    parity_tolerance: Positive
    parity_rounding_factor: NotNegative
    parity_batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    variants: VariantParameters


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class NamespaceParameters:
    """The parameters of one data set."""

    data: DataParameters
    preprocessing: PreprocessingParameters
    model: ModelParameters
    training: TrainingParameters
    export: ExportParameters
    evaluation: EvaluationParameters
    release: ReleaseParameters


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class TrackingParameters:
    """The recording of runs in MLflow."""

    enabled: Switch
    offline: Switch
    experiment: Name
    system_metrics_seconds: Positive | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Parameters:
    """A whole configuration; ``datasets`` and ``namespaces`` have the same keys."""

    recipe: Name
    datasets: dict[str, Dataset]
    tracking: TrackingParameters
    namespaces: dict[str, NamespaceParameters]
