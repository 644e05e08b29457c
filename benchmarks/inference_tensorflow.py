"""A SavedModel on TensorFlow, on the CPU; a contestant of `inference.py`."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from images import raw_images
from inference_contestant import answer, parser


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="the folder of a SavedModel that takes raw images")
    asked = arguments.parse_args()
    tf.config.set_visible_devices([], "GPU")
    loaded = tf.saved_model.load(str(asked.model))
    function = loaded.signatures["serving_default"]

    def classify(images: np.ndarray) -> np.ndarray:
        return np.asarray(function(image=tf.constant(images))["probabilities"])

    images, _ = raw_images(asked.batch_size)
    answer(classify, images, asked.seconds, "`serving_default`")


if __name__ == "__main__":
    main()
