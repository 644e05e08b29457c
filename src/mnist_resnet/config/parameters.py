"""Every parameter of a run: its type, its range and its meaning. The values live in ``conf/``."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.evaluation_parameters import EvaluationParameters, ReleaseParameters
from mnist_resnet.config.published_data import Dataset
from mnist_resnet.config.values import (
    CLOSED,
    Count,
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


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class DataParameters:
    """How the published training images are split; ``training_images`` limits a quick recipe.

    The validation part is drawn at random, with each class's share (``stratified``), or is what the
    files end with (``last``); it may be empty.
    """

    seed: Seed
    validation: Literal["stratified", "last"]
    validation_fraction: FractionOrNone
    training_images: Count | None


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class PreprocessingParameters:
    """How a raw image becomes the network's input; ``size`` is (height, width) in pixels."""

    method: Literal["pad", "resize"]
    size: Size
    scaling: Literal["standardize", "unit"]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class ModelParameters:
    """Which network is built; ``models/resnet.py`` says what each architecture consists of.

    ``preactivation`` puts norm and ReLU before each convolution (He et al. 2016b). ``stem`` is the
    7×7/2 convolution with pooling of the paper, or a 3×3 convolution without, for small images.
    ``hidden_units`` adds a dense layer with ReLU to the head. With ``zero_last_gamma`` each residual
    block starts as its shortcut alone (Goyal et al. 2017).
    """

    architecture: Literal["resnet_tiny", "resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    preactivation: Switch
    stem: Literal["7x7", "3x3"]
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
    """How the network is trained.

    ``learning_rate`` is the peak of the schedule; ``one_cycle`` and ``cosine`` reach it after
    ``warmup_fraction`` of all steps. ``momentum`` and ``nesterov`` are those of SGD; Adam has its
    published constants. ``average_decay`` is that of an exponential moving average of the weights,
    which then is what is validated and kept.

    ``max_shift`` is in pixels of the raw image, each way; the last ``unshifted_epochs`` show the
    images where they are, as the test images will be. ``erased_fraction`` of the images have a
    random rectangle blackened (Zhong et al. 2017).

    ``patience`` is how many epochs without a lower validation loss end the training; with
    ``keep_best_epoch`` the weights of the epoch with the lowest one are kept, not the last.
    """

    seed: Seed
    epochs: Count
    batch_size: Count
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
    deterministic: Switch


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class VariantParameters:
    """Smaller forms of the ONNX file, each published only if it is nearly as good as float32 and worth having.

    ``tolerance`` is the accuracy that a variant loses at most, with 95 % confidence, by a paired test on the validation
    images; fewer of them show less. 3,000 show half a point if, say, eight answers turn wrong and none right.
    ``int8`` is calibrated on ``calibration_images`` of the training images by each of ``calibration_methods``, of which
    the nearest to float32's probabilities on ``choice_images`` other training images is kept; ``seed`` draws both.
    Its integer kernels may change no probability by more than ``kernel_tolerance`` from what the file says in float32,
    and no class unless the two best lie within that. Speed is measured by ``timed_calls`` at each of
    ``evaluation.latency.throughput_batch_sizes``.
    """

    names: Annotated[tuple[Literal["int8", "fp16"], ...], AfterValidator(distinct)]
    tolerance: Annotated[float, Field(strict=True, gt=0, le=1)]
    seed: Seed
    calibration_images: Count
    choice_images: Count
    calibration_methods: Annotated[
        tuple[Literal["minmax", "entropy", "percentile"], ...], Field(min_length=1), AfterValidator(distinct)
    ]
    kernel_tolerance: Positive
    timed_calls: Count


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class ExportParameters:
    """What is exported and how closely its probabilities must agree with the trained model's.

    With ``average_flips`` the exported graph answers the mean of each image and its mirror image. Where a probability
    differs by more than ``parity_tolerance``, it may still differ by ``parity_rounding_factor`` times the error that
    rounding to float32 makes in the trained network's own answers; 0 allows nothing beyond the tolerance.
    """

    opset: Annotated[int, Field(strict=True, ge=13, le=18)]
    average_flips: Switch
    parity_tolerance: Positive
    parity_rounding_factor: NotNegative
    parity_batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    variants: VariantParameters


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class NamespaceParameters:
    """How one data set is worked on, by concern."""

    data: DataParameters
    preprocessing: PreprocessingParameters
    model: ModelParameters
    training: TrainingParameters
    export: ExportParameters
    evaluation: EvaluationParameters
    release: ReleaseParameters


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class TrackingParameters:
    """Whether runs are recorded in MLflow, and under which experiment.

    With ``offline`` they are kept in ``mlspool/`` until ``kedro sync-tracking`` sends them there.
    """

    enabled: Switch
    offline: Switch
    experiment: Name


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Parameters:
    """A whole configuration; ``datasets`` and ``namespaces`` have the same keys."""

    recipe: Name
    datasets: dict[str, Dataset]
    tracking: TrackingParameters
    namespaces: dict[str, NamespaceParameters]
