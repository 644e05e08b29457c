"""Checks of a run before any work."""

import sys
from pathlib import Path

from mnist_resnet.computing.backend_choice import chosen_backend, require_exporting_backend
from mnist_resnet.config import ConfigurationError
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.evaluation.session import usable_providers
from mnist_resnet.hooks.present_labels import check_present_labels
from mnist_resnet.hooks.run_context import RunContext


def check_run(context: RunContext) -> None:
    """Check the project's folder, backend, onnxruntime, a required GPU, and labels that were fetched already.

    Raises:
        UserError: If the run would end at one of them.
    """
    _check_name(context.project)
    asked = context.pipelines_of()
    if "export" in asked:
        require_exporting_backend()
    elif "train" in asked:
        chosen_backend()
    if asked & {"export", "evaluate"}:
        onnxruntime_package()
    for namespace in context.namespaces:
        pipelines = context.pipelines_of(namespace)
        check_present_labels(namespace, context.parameters, context.catalog, pipelines)
        evaluation = context.parameters.namespaces[namespace].evaluation
        if "evaluate" in pipelines and evaluation.require_gpu:
            usable_providers(evaluation.providers, require_gpu=True)


def _check_name(project: Path) -> None:
    """Refuse a folder whose name is no text, which neither MLflow's addresses nor TensorFlow's can hold."""
    try:
        str(project).encode()
    except UnicodeEncodeError as error:
        remedy = "rename it" if sys.getfilesystemencoding() == "utf-8" else "set PYTHONUTF8=1, or rename it"
        raise ConfigurationError(
            f"The name of the project's folder, {project}, is not {sys.getfilesystemencoding()}: {remedy}"
        ) from error
