"""The titles of all pictures."""

from mnist_resnet.config import Dataset
from mnist_resnet.pipelines.annotations import Run


def caption(dataset: Dataset, what: str, run: Run) -> str:
    """A title such as ``MNIST, confusion matrix (base, run 1a2b3c4d)``.

    Args:
        dataset: For its title.
        what: What the picture shows.
        run: The recipe and, where the run is recorded, its ``run_id`` in MLflow.
    """
    recorded = f", run {run['run_id'][:8]}" if run.get("run_id") else ""
    return f"{dataset.title}, {what} ({run['recipe']}{recorded})"
