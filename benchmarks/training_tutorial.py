"""Two epochs of a ResNet-18 as the tutorials write it; a contestant of `training.py`.

Plain Keras layers with their defaults, convolutions with bias, Adam, and `fit` on float32 arrays.
"""

from typing import Any

import keras
from images import CLASSES, prepared_images
from keras import layers
from training_contestant import EPOCHS, EpochEnds, answer, parser


def residual(inputs: Any, filters: int, strides: int, *, project: bool) -> Any:
    """Two 3×3 convolutions with batch normalization, beside the input or its projection."""
    outputs = layers.Conv2D(filters, 3, strides=strides, padding="same")(inputs)
    outputs = layers.ReLU()(layers.BatchNormalization()(outputs))
    outputs = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(outputs))
    shortcut = layers.Conv2D(filters, 1, strides=strides)(inputs) if project else inputs
    return layers.ReLU()(layers.Add()([outputs, shortcut]))


def resnet18() -> keras.Model:
    """From prepared images (batch, 32, 32, 1) to probabilities."""
    inputs = keras.Input((32, 32, 1))
    outputs = layers.Conv2D(64, 7, strides=2, padding="same")(inputs)
    outputs = layers.ReLU()(layers.BatchNormalization()(outputs))
    outputs = layers.MaxPooling2D(3, strides=2, padding="same")(outputs)
    for stage, filters in enumerate((64, 128, 256, 512)):
        opens_smaller = stage > 0
        outputs = residual(outputs, filters, 2 if opens_smaller else 1, project=opens_smaller)
        outputs = residual(outputs, filters, 1, project=False)
    outputs = layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(outputs))
    return keras.Model(inputs, outputs)


def main() -> None:
    """Answer with one line of JSON."""
    asked = parser(__doc__).parse_args()
    images, labels = prepared_images(asked.images)
    network = resnet18()
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    ends = EpochEnds()
    noting = keras.callbacks.LambdaCallback(on_epoch_end=ends)
    network.fit(images[..., None], labels, asked.batch_size, EPOCHS, verbose=0, callbacks=[noting])
    answer(ends, "float32")


if __name__ == "__main__":
    main()
