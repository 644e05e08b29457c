"""Train a Keras ResNet on MNIST-shaped data, ship it, and prove what was shipped."""

import os

from mnist_resnet.computing.processor import state_onednn

# TensorFlow reads these once, when it is first imported, wherever that happens.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
state_onednn()

# Nobody is told what runs here, unless the user wants it; MLflow and onnxruntime read these when they are imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
