"""The network: stem, stages of residual blocks, head; one graph from raw pixels to probabilities."""

from dataclasses import dataclass
from typing import Any

import keras

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.blocks import Layers, basic_block, convolve
from mnist_resnet.preprocessing import Preprocessing, preprocessing_layers

INPUT_NAME, LOGITS_NAME, OUTPUT_NAME = "image", "logits", "probabilities"


@dataclass(frozen=True)
class Variant:
    """The sizes that make one member of the family.

    Attributes:
        stem_filters: Channels of the 7×7/2 convolution.
        stage_filters: Channels of each stage; each after the first halves the resolution.
        stage_blocks: Residual blocks of each stage.
    """

    stem_filters: int
    stage_filters: tuple[int, ...]
    stage_blocks: tuple[int, ...]


VARIANTS = {
    "resnet18": Variant(64, (64, 128, 256, 512), (2, 2, 2, 2)),
    "resnet_tiny": Variant(16, (16,), (1,)),
}


def build_network(
    parameters: ModelParameters, preprocessing: Preprocessing, image_size: tuple[int, int], classes: int
) -> keras.Model:
    """Build a ResNet (He et al. 2016, table 1) with its preprocessing in front.

    Args:
        parameters: The variant and the batch norm's settings.
        preprocessing: Fixed on the training images.
        image_size: (height, width) of the raw images in pixels.
        classes: Number of classes.

    Returns:
        A model from uint8 ``image`` (batch, height, width), as read from the IDX file, to float32
        ``probabilities`` (batch, classes). Its layer ``logits`` holds what comes before the softmax.
    """
    variant, layers = VARIANTS[parameters.variant], Layers.from_parameters(parameters)
    image = keras.Input(image_size, dtype="uint8", name=INPUT_NAME)
    features: Any = image
    for layer in preprocessing_layers(preprocessing, image_size):
        features = layer(features)
    features = _stages(_stem(features, layers, variant), layers, variant)
    return keras.Model(image, _head(features, classes), name=parameters.variant)


def _stem(inputs: Any, layers: Layers, variant: Variant) -> Any:
    outputs = convolve(inputs, layers, variant.stem_filters, 7, 2, "stem")
    outputs = keras.layers.ReLU(name="stem_relu")(outputs)
    return keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(outputs)


def _stages(features: Any, layers: Layers, variant: Variant) -> Any:
    for stage, (filters, blocks) in enumerate(zip(variant.stage_filters, variant.stage_blocks, strict=True), start=1):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            features = basic_block(features, layers, filters, strides, f"stage{stage}_block{block}")
    return features


def _head(features: Any, classes: int) -> Any:
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    # The logits and the softmax stay in float32 under mixed precision, which small differences need.
    logits = keras.layers.Dense(classes, name=LOGITS_NAME, dtype="float32")(pooled)
    return keras.layers.Softmax(name=OUTPUT_NAME, dtype="float32")(logits)
