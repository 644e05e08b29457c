"""The share of each pipeline in a whole `kedro run`, for each data set, and what is left: start, checks and records.

    .venv/bin/python benchmarks/shares.py --env smoke
    .venv/bin/python benchmarks/shares.py --nodes
    .venv/bin/python benchmarks/shares.py --pipelines export,evaluate --namespaces mnist

The run is an ordinary one in this project and this process, so the second command takes as long as `make training`. A
node's time is from the first of its inputs that is read to the last of its outputs that is stored and recorded, which
is more than the table at the end of a run counts. Processor time is that of all threads, and of processes that have
ended.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from hardware import describe_machine
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import Task

PROJECT = Path(__file__).parents[1]
TRAIN = "train"
LEAST_SECONDS_SHOWN = 0.1


@dataclass(frozen=True)
class Spent:
    """Seconds of the clock, and of the processor."""

    clock: float = 0.0
    processor: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.clock + other.clock, self.processor + other.processor)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.clock - other.clock, self.processor - other.processor)


def since_the_start() -> Spent:
    """What this process has spent since it was started."""
    times = os.times()
    processor = times.user + times.system + times.children_user + times.children_system
    return Spent(time.time() - psutil.Process().create_time(), processor)


@dataclass
class Nodes:
    """What each node has spent, by data set, pipeline and the node's own name."""

    spent: dict[tuple[str, str, str], Spent] = field(default_factory=lambda: defaultdict(Spent))

    def watch(self) -> None:
        """Time every node from now on."""
        execute = Task.execute

        def timed(task: Task) -> Any:
            before = since_the_start()
            try:
                return execute(task)
            finally:
                name = task.node.name.rpartition(".")[2]
                self.spent[_namespace(task), *task.node.tags, name] += since_the_start() - before  # type: ignore[index]

        Task.execute = timed  # type: ignore[method-assign]

    def by_pipeline(self) -> dict[tuple[str, str], Spent]:
        """The sums of data set and pipeline."""
        sums: dict[tuple[str, str], Spent] = defaultdict(Spent)
        for (namespace, pipeline, _), spent in self.spent.items():
            sums[namespace, pipeline] += spent
        return sums


def _namespace(task: Task) -> str:
    return (task.node.namespace or "").partition(".")[0]


def run(env: str | None, pipelines: list[str], namespaces: list[str]) -> None:
    """A run as from the command line."""
    bootstrap_project(PROJECT)
    params = {"tracking": {"experiment": "shares"}}
    with KedroSession.create(PROJECT, env=env, runtime_params=params, save_on_close=False) as session:
        session.run(pipeline_names=pipelines, namespaces=namespaces or None)


def print_shares(pipelines: Mapping[tuple[str, str], Spent], whole: Spent) -> None:
    """A row for each pipeline of each data set, one for the rest, and one for all but training."""
    print("| data set | pipeline | seconds | share | processor seconds | share |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (namespace, pipeline), spent in pipelines.items():
        print(f"| {namespace} | {pipeline} | {_figures(spent, whole)} |")
    training = sum((spent for (_, pipeline), spent in pipelines.items() if pipeline == TRAIN), Spent())
    print(f"| | start, checks, records | {_figures(whole - sum(pipelines.values(), Spent()), whole)} |")
    print(f"| | all but training | {_figures(whole - training, whole)} |")
    print(f"| | all | {_figures(whole, whole)} |")


def print_nodes(nodes: Mapping[tuple[str, str, str], Spent]) -> None:
    """A row for each node, the longest first."""
    print("\n| data set | pipeline | node | seconds | processor seconds |\n| --- | --- | --- | --- | --- |")
    for names, spent in sorted(nodes.items(), key=lambda item: -item[1].clock):
        if spent.clock >= LEAST_SECONDS_SHOWN:
            print(f"| {' | '.join(names)} | {spent.clock:.1f} | {spent.processor:.1f} |")


def _figures(spent: Spent, whole: Spent) -> str:
    clock, processor = spent.clock / whole.clock, spent.processor / whole.processor
    return f"{spent.clock:.1f} | {clock:.1%} | {spent.processor:.1f} | {processor:.1%}"


def main() -> None:
    """Print the tables for docs/results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", help="the recipe (default: base)")
    parser.add_argument("--pipelines", default="training", help="which to run (default: training, which is all)")
    parser.add_argument("--namespaces", default="", help="the data sets (default: all)")
    parser.add_argument("--nodes", action="store_true", help="show the time of each node as well")
    asked = parser.parse_args()
    nodes = Nodes()
    nodes.watch()
    run(asked.env, asked.pipelines.split(","), list(filter(None, asked.namespaces.split(","))))
    whole = since_the_start()
    print(f"\n{describe_machine()}; `{asked.env or 'base'}`, {asked.namespaces or 'all data sets'}; n = 1\n")
    print_shares(nodes.by_pipeline(), whole)
    if asked.nodes:
        print_nodes(nodes.spent)


if __name__ == "__main__":
    main()
