"""The MLflow run of a reproduction: its verdict, and a tag on the run that it repeats."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.tracking.run_creation import opened_for_another_process
from mnist_resnet.tracking.run_lookup import RecordedRun
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, bounded_requests
from mnist_resnet.tracking.store.remedies import naming_remedies

REPRODUCES = "reproduces"
VERDICT = "reproduction_verdict"


@dataclass(frozen=True)
class Reproduction:
    """A run that MLflow has opened to be filled by another process, which finds it by ``MLFLOW_RUN_ID``.

    Attributes:
        run_id: MLflow's identifier.
        experiment: The name of the experiment that it is in: that of the run it repeats.
        store: The tracking URI of the store that holds both.
    """

    run_id: str
    experiment: str
    store: str

    def variables(self) -> dict[str, str]:
        """The environment variables by which MLflow in another process goes on with this run."""
        return {"MLFLOW_TRACKING_URI": self.store, "MLFLOW_RUN_ID": self.run_id}

    def log_verdict(self, level: str, files: Mapping[str, str], original: RecordedRun) -> None:
        """Add the verdict to this run, and as a tag to the one that it repeats.

        Args:
            level: The verdict.
            files: Documents for the artifacts, by name.
            original: The run that was repeated.

        Raises:
            TrackingUnavailableError: If the store cannot take it.
        """
        import mlflow

        client = mlflow.MlflowClient(self.store)
        with bounded_requests(REQUEST_SECONDS, self.store), naming_remedies(self.store, otherwise=""):
            for file, content in files.items():
                client.log_text(self.run_id, content, file)
            for run_id in (self.run_id, original.run_id):
                client.set_tag(run_id, VERDICT, level)


@contextmanager
def open_reproduction(original: RecordedRun, project: Path) -> Iterator[Reproduction]:
    """Open a run that repeats another, in the same experiment; it is marked FAILED or KILLED if it is left open.

    Args:
        original: The run to repeat.
        project: The folder of the present project, by which a run whose process has died is found.
    """
    import mlflow

    client = mlflow.MlflowClient(original.store)
    experiment = client.get_experiment(client.get_run(original.run_id).info.experiment_id)
    name, tags = f"reproduction of {original.name}", {REPRODUCES: original.run_id}
    with opened_for_another_process(client, experiment.experiment_id, name, tags, project) as run_id:
        yield Reproduction(run_id, experiment.name, original.store)
