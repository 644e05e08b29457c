"""The comparison of two finished runs that MLflow holds."""

from dataclasses import dataclass

from mnist_resnet.comparison.level import Tolerances
from mnist_resnet.comparison.verdict import UndecidableError, Verdict, compare_runs
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run

_REASONS = {
    "RUNNING": ": it is still running, or its process was killed",
    "FAILED": "; MLflow shows how far it came",
    "KILLED": ": it was interrupted",
}


@dataclass(frozen=True)
class Comparison:
    """Two runs and the verdict on them."""

    first: RecordedRun
    second: RecordedRun
    verdict: Verdict


def compare_recorded(first: str, second: str, store: str, tolerances: Tolerances) -> Comparison:
    """Compare two recorded runs, without running anything.

    Args:
        first: The identifier of a run, the beginning of it, or its name.
        second: Likewise, of the run to compare with it.
        store: The tracking URI of the store that holds both.
        tolerances: What the runs may differ by.

    Raises:
        RecordedRunError: If a run cannot be found, or has no provenance.
        ProvenanceError: If a run's provenance is of another schema or damaged.
        UndecidableError: If it cannot be told whether they came out the same.
    """
    runs = find_run(first, store), find_run(second, store)
    records = finished_record(runs[0]), finished_record(runs[1])
    before, after = (run.probabilities(_digests(record)) for run, record in zip(runs, records, strict=True))
    pairs = {name: (before[name], after[name]) for name in before if name in after}
    return Comparison(*runs, compare_runs(*records, pairs, tolerances))


def _digests(record: Provenance) -> dict[str, str]:
    """Those of the test probabilities, by data set."""
    recorded = {name: steps.get("probabilities") for name, steps in record.namespaces.items()}
    return {name: values["sha256"] for name, values in recorded.items() if values}


def finished_record(run: RecordedRun) -> Provenance:
    """The provenance of a run that finished.

    Args:
        run: As MLflow holds it.

    Raises:
        RecordedRunError: If it has none.
        ProvenanceError: If it is of another schema or damaged.
        UndecidableError: If the run did not finish.
    """
    record = run.provenance() if run.status == "FINISHED" else None
    if record is None or record.status != "FINISHED":
        status = record.status if record else run.status
        raise UndecidableError(
            f"{run.in_words()} did not finish: its status is {status}{_REASONS.get(run.status, '')}; only finished "
            f"runs are compared or reproduced"
        )
    return record
