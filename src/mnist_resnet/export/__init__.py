"""From a trained model to files that others load: SavedModel and ONNX, checked against each other."""

import mnist_resnet.computing.backend  # noqa: F401  # before keras and tensorflow, which start noisily
