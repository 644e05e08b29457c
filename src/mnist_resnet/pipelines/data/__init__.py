"""Fetch, verify and split the published files; fix the preprocessing."""

from mnist_resnet.pipelines.data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
