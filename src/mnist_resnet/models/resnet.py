"""The network: stem, stages of residual blocks, head; one graph from raw pixels to probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import keras

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.blocks import Convolved, Layers, basic, bottleneck, residual_block
from mnist_resnet.models.pooling import MaxPooling
from mnist_resnet.models.preprocessing_layers import preprocessing_layers
from mnist_resnet.preprocessing import Preprocessing

INPUT_NAME, LOGITS_NAME, OUTPUT_NAME = "image", "logits", "probabilities"


@dataclass(frozen=True)
class Architecture:
    """The sizes that make one member of the family.

    Attributes:
        block: The convolutions of a block, by its output channels and strides.
        stem_filters: Channels of the first convolution.
        stage_filters: Output channels of each stage; each after the first halves the resolution.
        stage_blocks: Residual blocks of each stage.
    """

    block: Callable[[int, int], tuple[Convolved, ...]]
    stem_filters: int
    stage_filters: tuple[int, ...]
    stage_blocks: tuple[int, ...]


@dataclass(frozen=True)
class Stem:
    """What comes before the stages.

    Attributes:
        kernel_size: Of the convolution, in places.
        strides: Of the convolution.
        pools: Whether a max pooling of stride 2 follows.
    """

    kernel_size: int
    strides: int
    pools: bool


# He et al. 2016, table 1 and section 4.2, and what keeps a quarter of the places of the latter.
STEMS = {"7x7": Stem(7, 2, True), "3x3": Stem(3, 1, False), "3x3_strided": Stem(3, 2, False)}

_BASIC, _BOTTLENECK = (64, 128, 256, 512), (256, 512, 1024, 2048)

# He et al. 2016, table 1, and two smaller ones: for tests and the smoke recipe, and for speed. For small images those
# of section 4.2, of 6n + 2 layers, are made 2 and 4 times as wide (Zagoruyko & Komodakis 2016).
ARCHITECTURES = {
    "resnet_tiny": Architecture(basic, 16, (16,), (1,)),
    "resnet14_wide2": Architecture(basic, 32, (32, 64, 128), (2, 2, 2)),
    "resnet14_wide4": Architecture(basic, 64, (64, 128, 256), (2, 2, 2)),
    "resnet10": Architecture(basic, 64, _BASIC, (1, 1, 1, 1)),
    "resnet18": Architecture(basic, 64, _BASIC, (2, 2, 2, 2)),
    "resnet34": Architecture(basic, 64, _BASIC, (3, 4, 6, 3)),
    "resnet50": Architecture(bottleneck, 64, _BOTTLENECK, (3, 4, 6, 3)),
    "resnet101": Architecture(bottleneck, 64, _BOTTLENECK, (3, 4, 23, 3)),
    "resnet152": Architecture(bottleneck, 64, _BOTTLENECK, (3, 8, 36, 3)),
}


def build_network(
    parameters: ModelParameters, preprocessing: Preprocessing, image_size: tuple[int, int], classes: int
) -> keras.Model:
    """Build a ResNet with its preprocessing in front.

    Args:
        parameters: The architecture and its options.
        preprocessing: Fixed on the training images.
        image_size: (height, width) of the raw images in pixels.
        classes: Number of classes.

    Returns:
        A model from uint8 ``image`` (batch, height, width), as read from the IDX file, to float32
        ``probabilities`` (batch, classes). Its layer ``logits`` holds what comes before the softmax.
    """
    image = keras.Input(image_size, dtype="uint8", name=INPUT_NAME)
    prepared: Any = image
    for layer in preprocessing_layers(preprocessing, image_size):
        prepared = layer(prepared)
    logits = residual_network(prepared, parameters, classes)
    # The softmax stays in float32 under mixed precision, which small differences need.
    probabilities = keras.layers.Softmax(name=OUTPUT_NAME, dtype="float32")(logits)
    return keras.Model(image, probabilities, name=parameters.architecture)


def residual_network(inputs: Any, parameters: ModelParameters, classes: int) -> Any:
    """A ResNet (He et al. 2016, table 1; He et al. 2016b with ``preactivation``) on prepared images.

    Args:
        inputs: (batch, height, width, channels).
        parameters: The architecture and its options.
        classes: Number of classes.

    Returns:
        float32 ``logits``, (batch, classes).
    """
    architecture, layers = ARCHITECTURES[parameters.architecture], Layers(parameters)
    features = _stem(inputs, layers, architecture.stem_filters)
    for stage, (filters, blocks) in enumerate(
        zip(architecture.stage_filters, architecture.stage_blocks, strict=True), start=1
    ):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            project = strides > 1 or features.shape[-1] != filters
            convolutions = architecture.block(filters, strides)
            features = residual_block(features, layers, convolutions, project, f"stage{stage}_block{block}")
    if parameters.preactivation:
        features = keras.layers.ReLU(name="last_relu")(layers.normalize(features, "last"))
    return _head(features, parameters, classes)


def _stem(inputs: Any, layers: Layers, filters: int) -> Any:
    parameters, stem = layers.parameters, STEMS[layers.parameters.stem]
    outputs = layers.convolve(inputs, filters, stem.kernel_size, stem.strides, "stem")
    if parameters.stem_norm:
        outputs = layers.normalize(outputs, "stem")
    if parameters.stem_norm or not parameters.preactivation:
        outputs = keras.layers.ReLU(name="stem_relu")(outputs)
    return MaxPooling(3, strides=2, padding="same", name="stem_pool")(outputs) if stem.pools else outputs


def _head(features: Any, parameters: ModelParameters, classes: int) -> Any:
    match parameters.head:
        case "average_pool":
            features = keras.layers.GlobalAveragePooling2D(name="pool")(features)
        case "flatten":
            features = keras.layers.Flatten(name="flatten")(features)
        case unknown:
            assert_never(unknown)
    if parameters.hidden_units is not None:
        features = keras.layers.Dense(parameters.hidden_units, activation="relu", name="hidden")(features)
    return keras.layers.Dense(classes, name=LOGITS_NAME, dtype="float32")(features)
