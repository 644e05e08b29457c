"""The facts of one ``kedro run``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from mnist_resnet.config import Parameters
from mnist_resnet.pipelines.wiring import dataset_of


@dataclass(frozen=True)
class RunContext:
    """A run that Kedro is about to begin.

    Attributes:
        project: The project's folder.
        outputs: The folder of the recipe's outputs.
        parameters: The whole configuration, checked.
        run_params: What was asked of ``kedro run``, as Kedro's hooks receive it.
        pipeline: All that was asked for, also what ``--only-missing-outputs`` may leave out.
        catalog: The run's artifacts.
    """

    project: Path
    outputs: Path
    parameters: Parameters
    run_params: Mapping[str, Any]
    pipeline: Pipeline
    catalog: DataCatalog

    @property
    def namespaces(self) -> list[str]:
        """The data sets that are worked on, by the alphabet."""
        return sorted({dataset_of(node) for node in self.pipeline.nodes} - {""})

    def pipelines_of(self, namespace: str | None = None) -> set[str]:
        """Which of ``data``, ``train``, ``export`` and ``evaluate`` have nodes in the run.

        Args:
            namespace: The data set to ask for; any if None.
        """
        chosen = [node for node in self.pipeline.nodes if namespace in {None, dataset_of(node)}]
        return {tag for node in chosen for tag in node.tags}
