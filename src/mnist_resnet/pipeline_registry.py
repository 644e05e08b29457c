"""The pipelines of ``kedro run``, one of each for each data set."""

import os
from pathlib import Path

from kedro.config import AbstractConfigLoader
from kedro.framework.project import settings
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from mnist_resnet.config import ENV_VARIABLE, NoConfigurationError
from mnist_resnet.pipelines import data, evaluate, export, train

CREATORS = {
    "data": data.create_pipeline,
    "train": train.create_pipeline,
    "export": export.create_pipeline,
    "evaluate": evaluate.create_pipeline,
}


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines of the project around the present folder, as long as no session has loaded its configuration.

    Once one has, its pipelines take this place: see ``mnist_resnet.context``.

    Raises:
        NoConfigurationError: If the present folder is in no project.
    """
    project = find_kedro_project(Path.cwd()) or Path(__file__).parents[2]
    source = project / settings.CONF_SOURCE
    if not (source / "base").is_dir():
        raise NoConfigurationError(
            f"{Path.cwd()} is not in a project of mnist_resnet: change to the project's folder, or load a context first"
        )
    environment = os.environ.get(ENV_VARIABLE)
    loader = settings.CONFIG_LOADER_CLASS(conf_source=str(source), env=environment, **settings.CONFIG_LOADER_ARGS)
    return create_pipelines(loader)


def create_pipelines(loader: AbstractConfigLoader) -> dict[str, Pipeline]:
    """Each pipeline for all data sets of a configuration, which become namespaces, those of its environment included.

    Returns:
        The pipelines by name, with ``training``: all of them, which is also the default.
    """
    namespaces = list(loader["parameters"].get("datasets") or {})
    parts = {name: _for_each(namespaces, _as_one_box(name, create())) for name, create in CREATORS.items()}
    training = sum(parts.values(), Pipeline([]))
    return {**parts, "training": training, "__default__": training}


def _as_one_box(name: str, pipeline: Pipeline) -> Pipeline:
    """A pipeline in a namespace of its own, which kedro-viz shows as one box; its entries keep their names."""
    return Pipeline(pipeline, namespace=name, prefix_datasets_with_namespace=False)


def _for_each(namespaces: list[str], pipeline: Pipeline) -> Pipeline:
    shared = {name: name for name in {"params:recipe"} & pipeline.inputs()}
    copies = (
        Pipeline(pipeline, namespace=name, parameters={"params:dataset": f"params:datasets.{name}", **shared})
        for name in namespaces
    )
    return sum(copies, Pipeline([]))
