"""The verdict on two runs that MLflow holds."""

from mnist_resnet.comparison.outcome import Tolerances
from mnist_resnet.comparison.record import Record, UndecidableError, check_record
from mnist_resnet.comparison.table import ComparedRun
from mnist_resnet.comparison.verdict import Verdict, compare_runs
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run

_WHY = {
    "RUNNING": ", so it goes on still, or its process was ended without a word",
    "FAILED": ", and MLflow holds how far it came",
    "KILLED": ", so it was interrupted",
}


def compare_recorded(
    first: str, second: str, store: str, tolerances: Tolerances
) -> tuple[Verdict, ComparedRun, ComparedRun]:
    """Compare two recorded runs, without running anything.

    Args:
        first: The identifier of a run, the beginning of it, or its name.
        second: Likewise, of the run to compare with it.
        store: The tracking URI of the store that holds both.
        tolerances: What the runs may differ by.

    Returns:
        The verdict, and both runs as it names them.

    Raises:
        RecordedRunError: If a run cannot be found, or has no provenance.
        UndecidableError: If it cannot be told whether they came out the same.
    """
    runs = [find_run(wanted, store) for wanted in (first, second)]
    records = [whole_record(run) for run in runs]
    shared = sorted(set(records[0]["namespaces"]) & set(records[1]["namespaces"]))
    arrays = [run.probabilities(shared) for run in runs]
    pairs = {name: (arrays[0][name], arrays[1][name]) for name in shared if all(name in each for each in arrays)}
    verdict = compare_runs(records[0], records[1], pairs, tolerances)
    before, after = (ComparedRun(run.run_id, run.name, run.started) for run in runs)
    return verdict, before, after


def whole_record(run: RecordedRun) -> Record:
    """The provenance of a run that finished.

    Args:
        run: As MLflow holds it.

    Raises:
        RecordedRunError: If it has none.
        UndecidableError: If the run did not finish, or its provenance is of another schema or damaged.
    """
    if run.status != "FINISHED":
        raise UndecidableError(
            f"{run.in_words()} did not finish: its status is {run.status}{_WHY.get(run.status, '')}; only whole runs "
            f"are compared or reproduced"
        )
    return check_record(run.provenance(), run.in_words())
