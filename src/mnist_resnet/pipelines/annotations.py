"""Types of values between nodes, for annotations.

Kedro resolves a node's annotations at run time, to turn its parameters into typed objects. These
names resolve without importing the heavy libraries that define them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras import Model as Network
    from matplotlib.figure import Figure
else:
    Network = Figure = Any

# The recipe and, where the run is recorded, its ``run_id`` in MLflow and ``git_commit``.
Run = dict[str, Any]

__all__ = ["Figure", "Network", "Run"]
