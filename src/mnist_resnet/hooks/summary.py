"""The table that closes a run."""

import logging
import os
import time
from collections import defaultdict
from pathlib import Path

from kedro.pipeline.node import Node

from mnist_resnet.config import TEMPORARY_VARIABLE
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.pipelines.wiring import dataset_of
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.streams import OutputError, write_line

logger = logging.getLogger(__name__)


class Summary:
    """The times of a run's pipelines, and what it came to.

    Args:
        context: The run.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._started = 0.0
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    def start_clock(self) -> None:
        """Note that a node begins."""
        self._started = time.perf_counter()

    def stop_clock(self, node: Node) -> None:
        """Add the node's time to its pipeline."""
        for pipeline in node.tags:
            self._seconds[dataset_of(node), pipeline] += time.perf_counter() - self._started

    def show(self, where: str) -> None:
        """Print the table.

        Args:
            where: The place of the run's record, in words; empty if there is none.
        """
        outputs = self._context.pipeline.all_outputs()
        evaluated = [name for name in self._context.namespaces if f"{name}.evaluation" in outputs]
        rows = [self._row(name, name in evaluated) for name in self._context.namespaces]
        _print(rows, [*self._reports(evaluated, where), *([where] if where else [])])

    def _row(self, namespace: str, evaluated: bool) -> list[str]:
        seconds = {pipeline: spent for (name, pipeline), spent in self._seconds.items() if name == namespace}
        times = ", ".join(f"{pipeline} {spent:.0f} s" for pipeline, spent in seconds.items()) or "nothing to do"
        if not evaluated:
            return [namespace, "–", "–", "–", times]
        fp32 = self._context.catalog.load(f"{namespace}.evaluation").fp32
        return [
            namespace,
            f"{fp32.accuracy:.4f}",
            fp32.provider.removesuffix("ExecutionProvider"),
            f"≤ {fp32.max_abs_diff:.0e}",
            times,
        ]

    def _reports(self, evaluated: list[str], where: str) -> list[str]:
        paths = {name: Path(str(self._context.catalog.get(f"{name}.report").path)) for name in evaluated}  # type: ignore[union-attr]
        if not os.environ.get(TEMPORARY_VARIABLE):
            return [f"Report: {shown_path(path, self._context.project)}" for path in paths.values()]
        # Those files are about to be removed.
        return [
            f"Report: {name}/{path.name} among the artifacts of the MLflow run" for name, path in paths.items() if where
        ]


def _print(rows: list[list[str]], notes: list[str]) -> None:
    from rich.table import Table

    from mnist_resnet.terminal.tables import show

    table = Table("data set", "test accuracy", "provider", "parity", "time in each pipeline", title="Summary")
    for row in rows:
        table.add_row(*row)
    try:
        show(table)
        for note in notes:
            write_line(note)
    except OutputError as error:  # all has been done by now
        logger.warning("The summary could not be shown: %s", error)
