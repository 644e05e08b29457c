"""Export the trained network, and publish only what agrees with it."""

from mnist_resnet.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
