"""What a trial of a sweep comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mnist_resnet.sweep.plan import Trial

Status = Literal["FINISHED", "PRUNED", "FAILED", "KILLED"]
DONE = frozenset[Status]({"FINISHED", "PRUNED"})


@dataclass(frozen=True)
class Figures:
    """What one data set of a trial comes to.

    Attributes:
        validation_loss: Of the model that is kept; of a trial that was stopped, after its last epoch. In nats; None
            without validation images.
        validation_accuracy: Of the same, in 0 to 1.
        test_accuracy: Of the exported float32 file on the test images, in 0 to 1; None if it was not evaluated.
        epochs: How many were trained.
        losses: The validation loss after each of these, the first epoch's first; empty without validation images.
    """

    validation_loss: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    epochs: int
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        trial: Which one.
        status: PRUNED: the scheduler has stopped it. FAILED: with an error. KILLED: it was interrupted.
        run_id: Of its MLflow run; None if it ended before there was one.
        seconds: It took, all its processes together.
        figures: What it came to, by data set; empty if it trained no epoch.
        reason: Why it failed, in one line; else None.
    """

    trial: Trial
    status: Status
    run_id: str | None
    seconds: float
    figures: Mapping[str, Figures] = field(default_factory=dict)
    reason: str | None = None
