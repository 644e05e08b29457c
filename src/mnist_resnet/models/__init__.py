"""The ResNet family, from parts that each have one file."""

import mnist_resnet.computing.backend  # noqa: F401  # before keras, which starts noisily
