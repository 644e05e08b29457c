"""The whole configuration is checked as soon as it has been read."""

import sys
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from mnist_resnet.computing.backend_choice import chosen_backend, require_exporting_backend
from mnist_resnet.config import ConfigurationError, Parameters, validate_parameters
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.evaluation.session import usable_providers
from mnist_resnet.hooks.present_labels import check_present_labels


class ConfigurationHooks:
    """Refuse a configuration that cannot work, before anything is loaded or run."""

    def __init__(self) -> None:
        self._parameters: Parameters | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        self._parameters = validate_parameters(context.config_loader["parameters"])

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check folder, backend, onnxruntime, required GPU and labels already there before the work that needs them."""
        assert self._parameters is not None
        _check_name(run_params["project_path"])
        _check_backend(pipeline)
        if any(node.tags & {"export", "evaluate"} for node in pipeline.nodes):
            onnxruntime_package()
        for namespace in {node.namespace for node in pipeline.nodes if node.namespace}:
            check_present_labels(namespace, self._parameters, catalog, _stages(pipeline, namespace))
        for namespace in {node.namespace for node in pipeline.nodes if node.namespace and "evaluate" in node.tags}:
            evaluation = self._parameters.namespaces[namespace].evaluation
            if evaluation.require_gpu:
                usable_providers(evaluation.providers, require_gpu=True)


def _check_name(project: str) -> None:
    """Refuse a folder whose name is no text, which neither MLflow's addresses nor TensorFlow's can hold."""
    try:
        project.encode()
    except UnicodeEncodeError as error:
        remedy = "rename it" if sys.getfilesystemencoding() == "utf-8" else "set PYTHONUTF8=1, or rename it"
        raise ConfigurationError(
            f"The project's folder {project} has a name that is no {sys.getfilesystemencoding()}: {remedy}"
        ) from error


def _check_backend(pipeline: Pipeline) -> None:
    tags = {tag for node in pipeline.nodes for tag in node.tags}
    if "export" in tags:
        require_exporting_backend()
    elif "train" in tags:
        chosen_backend()


def _stages(pipeline: Pipeline, namespace: str) -> set[str]:
    return {tag for node in pipeline.nodes if node.namespace == namespace for tag in node.tags}
