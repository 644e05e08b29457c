"""The pipelines that ``kedro run`` knows, once for each data set."""

from pathlib import Path

import yaml
from kedro.framework.project import settings
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from mnist_resnet.pipelines import data, evaluate, export, train

STAGES = {
    "data": data.create_pipeline,
    "train": train.create_pipeline,
    "export": export.create_pipeline,
    "evaluate": evaluate.create_pipeline,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Each stage for all data sets, and ``training``: all stages, which is also the default."""
    namespaces = _namespaces()
    stages = {name: _for_each(namespaces, create()) for name, create in STAGES.items()}
    training = sum(stages.values(), Pipeline([]))
    return {**stages, "training": training, "__default__": training}


def _namespaces() -> list[str]:
    """The names of the data sets; Kedro hands neither configuration nor environment to a registry."""
    project = find_kedro_project(Path.cwd()) or Path(__file__).parents[2]
    datasets = yaml.safe_load((project / settings.CONF_SOURCE / "base" / "datasets.yml").read_text(encoding="utf-8"))
    return list(datasets["datasets"])


def _for_each(namespaces: list[str], stage: Pipeline) -> Pipeline:
    shared = {"params:recipe"} & stage.inputs()
    copies = [
        Pipeline(
            stage,
            namespace=namespace,
            parameters={"params:dataset": f"params:datasets.{namespace}", **{name: name for name in shared}},
        )
        for namespace in namespaces
    ]
    return sum(copies, Pipeline([]))
