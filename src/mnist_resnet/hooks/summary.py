"""The table that closes a run."""

import logging
import os
import time
from collections import defaultdict
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.hooks.tracking import TrackingHooks
from mnist_resnet.provenance.record import TEMPORARY_VARIABLE
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.streams import OutputError, write_line

logger = logging.getLogger(__name__)


class SummaryHooks:
    """Time the stages, and print what a run came to.

    Args:
        tracking: Says where the run was recorded.
    """

    def __init__(self, tracking: TrackingHooks) -> None:
        self._tracking = tracking
        self._project = Path()
        self._started: dict[str, float] = {}
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the project's folder, to show paths relative to it."""
        self._project = context.project_path
        self._seconds.clear()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Start the node's clock."""
        self._started[node.name] = time.perf_counter()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Add the node's time to its stage."""
        for stage in node.tags:
            self._seconds[node.namespace or "", stage] += time.perf_counter() - self._started[node.name]

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the table."""
        namespaces = sorted({node.namespace for node in pipeline.nodes if node.namespace})
        evaluated = [name for name in namespaces if f"{name}.evaluation" in pipeline.all_outputs()]
        _print(
            [self._row(name, catalog if name in evaluated else None) for name in namespaces],
            self._notes(evaluated, catalog),
        )

    def _row(self, namespace: str, catalog: DataCatalog | None) -> list[str]:
        seconds = {stage: spent for (name, stage), spent in self._seconds.items() if name == namespace}
        times = ", ".join(f"{stage} {spent:.0f} s" for stage, spent in seconds.items()) or "nothing to do"
        if catalog is None:
            return [namespace, "–", "–", "–", times]
        fp32 = catalog.load(f"{namespace}.evaluation").fp32
        return [
            namespace,
            f"{fp32.accuracy:.4f}",
            fp32.provider.removesuffix("ExecutionProvider"),
            f"≤ {fp32.max_abs_diff:.0e}",
            times,
        ]

    def _notes(self, evaluated: list[str], catalog: DataCatalog) -> list[str]:
        reports = [Path(str(catalog.get(f"{name}.report")._describe()["filepath"])) for name in evaluated]  # type: ignore[union-attr]
        notes = [f"Report: {shown_path(report, self._project)}" for report in reports]
        if os.environ.get(TEMPORARY_VARIABLE):  # where those files are about to be removed
            recorded = evaluated if self._tracking.where else []
            notes = [f"Report: {name}/{reports[0].name} among the artifacts of the MLflow run" for name in recorded]
        return notes + ([self._tracking.where] if self._tracking.where else [])


def _print(rows: list[list[str]], notes: list[str]) -> None:
    from rich.table import Table

    from mnist_resnet.terminal.tables import show

    table = Table("data set", "test accuracy", "provider", "parity", "time in each stage", title="Summary")
    for row in rows:
        table.add_row(*row)
    try:
        show(table)
        for note in notes:
            write_line(note)
    except OutputError as error:  # all has been done by now
        logger.warning("The summary is missing: %s", error)
