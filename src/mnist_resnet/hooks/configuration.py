"""The whole configuration is checked as soon as it has been read."""

import os
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from mnist_resnet.artifacts import sha256_of_path
from mnist_resnet.config import (
    ConfigurationError,
    DataParameters,
    Dataset,
    IdxFile,
    Parameters,
    validate_parameters,
)
from mnist_resnet.data.check import DataError, class_indices
from mnist_resnet.data.idx import IdxArray
from mnist_resnet.data.split import check_sizes
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.evaluation.session import usable_providers

_BASE_ENVIRONMENTS = {None, "base", "local"}


class ConfigurationHooks:
    """Refuse a configuration that cannot work, before anything is loaded or run."""

    def __init__(self) -> None:
        self._parameters: Parameters | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, and that a recipe cannot write over another's outputs."""
        self._parameters = validate_parameters(context.config_loader["parameters"])
        _check_outputs(context.env, context.config_loader["globals"])

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check backend, onnxruntime, required GPU and labels already there before the work that needs them."""
        assert self._parameters is not None
        _check_backend(pipeline)
        if any(node.tags & {"export", "evaluate"} for node in pipeline.nodes):
            onnxruntime_package()
        for namespace in {node.namespace for node in pipeline.nodes if node.namespace}:
            dataset, parameters = self._parameters.datasets[namespace], self._parameters.namespaces[namespace]
            left = _check_present_labels(dataset, namespace, catalog, parameters.data)
            if left is not None and any(
                node.namespace == namespace and "train" in node.tags for node in pipeline.nodes
            ):
                _check_batch_size(namespace, left, parameters.training.batch_size)
        for namespace in {node.namespace for node in pipeline.nodes if node.namespace and "evaluate" in node.tags}:
            evaluation = self._parameters.namespaces[namespace].evaluation
            if evaluation.require_gpu:
                usable_providers(evaluation.providers, require_gpu=True)


def _check_backend(pipeline: Pipeline) -> None:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow" and any("export" in node.tags for node in pipeline.nodes):
        raise ConfigurationError(
            f"KERAS_BACKEND: received '{backend}', but exporting needs tensorflow. Run `kedro run --pipelines "
            f"data,train` with it, then `kedro run --pipelines export,evaluate` without"
        )


def _check_present_labels(dataset: Dataset, namespace: str, catalog: DataCatalog, data: DataParameters) -> int | None:
    """Refuse labels that do not fit what is configured, where they have been fetched; else the data stage will.

    Returns:
        How many images are left to train on; None where the labels are not there.
    """
    left, files = None, dataset.files
    train = _present(catalog.get(f"{namespace}.published_labels"), files.train_labels)
    test = _present(catalog.get(f"{namespace}.published_test_labels"), files.test_labels)
    if train is not None:
        left = check_sizes(class_indices(dataset, "train", train), data)
    if test is not None:
        class_indices(dataset, "test", test)
    return left


def _present(labels: Any, file: IdxFile) -> IdxArray | None:
    return labels.load() if labels.exists() and sha256_of_path(labels.path) == file.sha256 else None


def _check_batch_size(namespace: str, left: int, batch_size: int) -> None:
    if left < batch_size:
        raise DataError(
            f"{namespace}.training.batch_size: received {batch_size}, but there are only {left} images to train on; "
            f"choose at most that many"
        )


def _check_outputs(env: str | None, names: dict[str, str]) -> None:
    if env in _BASE_ENVIRONMENTS:
        return
    expected = {"recipe": env, "outputs": f"data/recipes/{env}"}
    for key, value in expected.items():
        if names.get(key) != value:
            raise ConfigurationError(
                f"globals.{key}: received {names.get(key)!r} in environment '{env}'; "
                f"state `{key}: {value}` in conf/{env}/globals.yml"
            )
