"""What sweeps over seeds came to: each trial as a row of a file, and a table of all that differ by seed alone.

    kedro sweep --namespaces fashion_mnist --seeds 0-9
    .venv/bin/python benchmarks/seeds.py 0d5f3b1c --file docs/results/seeds.csv
    .venv/bin/python benchmarks/seeds.py --file docs/results/seeds.csv

A sweep is named by the id of its MLflow run, or the beginning of it. Its finished trials are added to the file, those
of an interrupted sweep too; they take the place of older rows of the same trial. `--rows` adds those that
`benchmarks/gpu_recipe.py` has printed. The table, for docs/results, is that of all rows of the file. A commit is
missing where files were changed after it.
"""

import argparse
import csv
import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from pydantic import TypeAdapter

from mnist_resnet.config import as_typed
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.sweep.plan import SEED, SweepPlan
from mnist_resnet.sweep.trial_result import TrialResult
from mnist_resnet.sweep.trial_runs import SweepRecord, read_results
from mnist_resnet.tracking.run_lookup import find_run, run_with_id
from mnist_resnet.tracking.store.database import present_store
from mnist_resnet.tracking.sweep_run import PLAN_FILE

PROJECT = Path(__file__).parents[1]
# What decides on a network's accuracy, and what of it has a column of its own.
_DECISIVE = ("data.", "preprocessing.", "model.", "training.")
_APART = ("training.precision", SEED)
_FIGURES = ("first_epoch_loss", "validation_loss", "validation_accuracy", "test_accuracy")


@dataclass(frozen=True, order=True)
class Row:
    """One data set of one trial; accuracies in 0 to 1, losses in nats, empty where the trial has none."""

    data_set: str
    recipe: str
    parameters: str
    precision: str
    processor: str
    commit: str
    seed: int
    epochs: int
    first_epoch_loss: str
    last_epoch_loss: str
    validation_loss: str
    validation_accuracy: str
    test_accuracy: str

    @property
    def group(self) -> tuple[str, ...]:
        """What it has in common with the rows that differ by seed."""
        return (self.data_set, self.recipe, self.parameters, self.precision, self.processor, self.commit)


def rows_of(sweep: str, store: str) -> Iterator[Row]:
    """The rows of a sweep.

    Args:
        sweep: The id of its MLflow run, or the beginning of it.
        store: The tracking URI of the store that holds it.

    Raises:
        SystemExit: If it is no sweep.
    """
    run, client = find_run(sweep, store), MlflowClient(store)
    content = run.artifact(PLAN_FILE)
    if content is None:
        raise SystemExit(f"{run.in_words()} has no {PLAN_FILE}: it is no sweep")
    plan = SweepPlan.from_json(content)
    experiment = client.get_experiment(client.get_run(run.run_id).info.experiment_id).name
    for result in read_results(SweepRecord(store, experiment, run.run_id, plan.namespaces)):
        if result.status == "FINISHED" and result.run_id:
            provenance = run_with_id(result.run_id, store).provenance()
            for name in result.figures:
                yield _row(name, result, plan.params, provenance)


def _row(name: str, result: TrialResult, params: Mapping[str, Any], provenance: Provenance) -> Row:
    figures, epochs = result.figures[name], list(provenance.namespaces[name]["epochs"].values())
    said = {**params, **result.trial.overrides}
    own = {key.removeprefix(f"{name}."): value for key, value in said.items() if key.startswith(f"{name}.")}
    decisive = {key: value for key, value in own.items() if key.startswith(_DECISIVE) and key not in _APART}
    commit = provenance.source.commit[:7] if provenance.source and not provenance.source.dirty else ""
    return Row(
        data_set=name,
        recipe=provenance.parameters["recipe"],
        parameters=" ".join(f"{key}={as_typed(value)}" for key, value in sorted(decisive.items())),
        precision=provenance.precision[name],
        processor=_processor(provenance),
        commit=commit,
        seed=provenance.training(name)["seed"],
        epochs=figures.epochs,
        first_epoch_loss=_cell(epochs[0]["train_loss"]),
        last_epoch_loss=_cell(epochs[-1]["train_loss"]),
        validation_loss=_cell(figures.validation_loss),
        validation_accuracy=_cell(figures.validation_accuracy),
        test_accuracy=_cell(figures.test_accuracy),
    )


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _processor(provenance: Provenance) -> str:
    """The processor with the widest of its instruction sets that training depends on."""
    environment = provenance.environment
    sets = environment.instruction_sets or ()
    known = [each for each in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if each in sets]
    return f"{environment.processor} ({known[0]})" if known else environment.processor


def read_rows(file: Path) -> list[Row]:
    """The rows of a file; none if it is not there."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return TypeAdapter(list[Row]).validate_python(list(csv.DictReader(lines)))


def write_rows(file: Path, rows: Iterable[Row]) -> None:
    """Write rows in their order."""
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in sorted(rows))


def tables(rows: Iterable[Row]) -> list[str]:
    """The lines for docs/results: mean, deviation, least and most of all trials that differ by seed alone."""
    lines = []
    ordered = sorted(rows, key=lambda row: (row.data_set, row.commit, row.group))
    for (data_set, commit), together in groupby(ordered, key=lambda row: (row.data_set, row.commit)):
        part = list(together)
        shown = [figure for figure in _FIGURES if any(getattr(row, figure) for row in part)]
        heads = ["recipe", "changed", "precision", "n", *(figure.replace("_", " ") for figure in shown)]
        state, processors = f"at {commit}" if commit else "before a commit", sorted({row.processor for row in part})
        lines += [f"{data_set} {state}, on {', '.join(processors)}:", ""]
        lines += [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
        groups = [list(group) for _, group in groupby(part, key=lambda row: row.group)]
        lines += [*(_line(group, shown) for group in groups), ""]
    return lines


def _line(group: Sequence[Row], shown: Sequence[str]) -> str:
    first = group[0]
    cells = [f"`{first.recipe}`", first.parameters.replace("training.", ""), first.precision, str(len(group))]
    return f"| {' | '.join(cells + [_spread(group, figure) for figure in shown])} |"


def _spread(group: Sequence[Row], figure: str) -> str:
    values = [float(getattr(row, figure)) for row in group if getattr(row, figure)]
    if not values:
        return "–"
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4f}{deviation} ({min(values):.4f}–{max(values):.4f})"


def main() -> None:
    """Add the sweeps' rows to the file, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", nargs="*", help="ids of MLflow runs of sweeps")
    parser.add_argument("--file", type=Path, required=True, help="the CSV file of all rows")
    parser.add_argument("--rows", type=Path, help="lines of JSON, each a row")
    options = parser.parse_args()
    store = present_store(PROJECT) if options.sweeps else ""
    new = [row for sweep in options.sweeps for row in rows_of(sweep, store)]
    if options.rows:
        lines = options.rows.read_text(encoding="utf-8").splitlines()
        new += TypeAdapter(list[Row]).validate_python([json.loads(line) for line in lines])
    replaced = {(row.group, row.seed) for row in new}
    kept = [row for row in read_rows(options.file) if (row.group, row.seed) not in replaced]
    if new:
        write_rows(options.file, [*kept, *new])
    print(*tables([*kept, *new]), sep="\n")


if __name__ == "__main__":
    main()
