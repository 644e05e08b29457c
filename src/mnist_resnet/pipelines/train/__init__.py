"""Train the network and keep its history."""

from mnist_resnet.pipelines.train.pipeline import create_pipeline

__all__ = ["create_pipeline"]
