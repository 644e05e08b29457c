"""Judge the exported ONNX file on the test images."""

from mnist_resnet.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
