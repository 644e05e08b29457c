"""MLflow's experiments, and what choosing one leaves behind."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# MLflow passes these on to later processes, and so to later runs of this one.
_EXPORTED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")


@contextmanager
def own_environment() -> Iterator[None]:
    """Put back, after the block, what MLflow sets in the environment when a store and an experiment are chosen."""
    before = {name: os.environ.get(name) for name in _EXPORTED}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def select_experiment(name: str, project: Path) -> None:
    """Make an experiment MLflow's present one.

    Args:
        name: Created if there is none of that name.
        project: The project's folder, which holds the artifacts if MLflow's present store is a file.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    if mlflow.get_experiment_by_name(name) is None:
        local = mlflow.get_tracking_uri().startswith("sqlite:")
        try:
            mlflow.create_experiment(name, (project / "mlartifacts").as_uri() if local else None)
        except MlflowException:
            if mlflow.get_experiment_by_name(name) is None:  # else another run was faster
                raise
    mlflow.set_experiment(name)
