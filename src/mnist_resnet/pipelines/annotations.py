"""Types of values between nodes, for annotations.

Kedro resolves a node's annotations at run time, to turn its parameters into typed objects. These
names resolve without importing the heavy libraries that define them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from keras import Model as Network
    from matplotlib.figure import Figure

    from mnist_resnet.storage.copies import CopiedFolder

    Folder = Path | CopiedFolder
else:
    Network = Figure = Any
    Folder = Any  # Kedro would warn of a parameter that is one of two types

# The recipe and, where the run is recorded, its ``run_id`` in MLflow, ``git_commit`` and ``git_dirty``.
Run = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """The MLflow run and the commit that a model comes from, where they are known, and how many epochs it has seen.

    ``git_dirty`` tells whether files had been changed after that commit.
    """

    training_run_id: str | None
    git_commit: str | None
    epochs: int
    git_dirty: bool | None = None


__all__ = ["Figure", "Folder", "Network", "Origin", "Run"]
