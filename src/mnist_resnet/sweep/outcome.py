"""What a sweep comes to: the contents of ``sweep.json``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pydantic import ConfigDict, TypeAdapter, with_config

from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.sweep.promotion import Promotion
from mnist_resnet.sweep.trial_groups import Group, Statistics, finite, groups_of
from mnist_resnet.sweep.trial_result import DONE, TrialResult

OUTCOME_FILE = "sweep.json"


@dataclass(frozen=True)
class Winner:
    """The finished trial with the lowest validation loss; figures of the test images have no say in it.

    Attributes:
        trial: Its number.
        run_id: Of its MLflow run.
        validation_loss: In nats.
    """

    trial: int
    run_id: str | None
    validation_loss: float


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """The whole of ``sweep.json``.

    Attributes:
        schema: The version of this format.
        plan: What was asked for.
        trials: How each trial ended, by number; those of an earlier part of a resumed sweep included.
        groups: Of the finished trials, those with the lowest mean validation loss first.
        winners: By data set; none where nothing finished, where there are no validation images, or where the trials
            were validated on different images.
        seconds: The sweep took; of a resumed one, its last part.
        run_id: Of the parent run in MLflow.
        promotions: By data set, what became of the winner in the model registry; empty without ``--promote``.
    """

    schema: int = 1
    plan: SweepPlan
    trials: tuple[TrialResult, ...]
    groups: tuple[Group, ...]
    winners: Mapping[str, Winner]
    seconds: float
    run_id: str
    promotions: Mapping[str, Promotion] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether every trial finished, or was stopped by the scheduler, and every winner could be offered."""
        offered = not any(promotion.failed for promotion in self.promotions.values())
        return offered and all(each.status in DONE for each in self.trials) and len(self.trials) == self.plan.count

    def as_json(self) -> bytes:
        """The content of ``sweep.json``."""
        return TypeAdapter(SweepOutcome).dump_json(self, indent=2)

    def metrics(self) -> dict[str, float]:
        """The figures for the parent run: counts, and of each data set the winner and the statistics of its group.

        Named as the figures of a run, by group. Without a winner they are those of the only group, if there is one.
        """
        flat = {f"trials_{status.lower()}": float(count) for status, count in self.counts().items()}
        for name in self.plan.namespaces:
            if winner := self.winners.get(name):
                flat[f"{name}/winner/validation_loss"] = winner.validation_loss
            for figure, values in self.leading_statistics(name).items():
                known = {key: value for key, value in asdict(values).items() if value is not None}
                flat |= {f"{name}/{figure}/{key}": float(value) for key, value in known.items()}
        return flat

    def counts(self) -> dict[str, int]:
        """How many trials ended in which way; ways that none ended in are left out."""
        found = [result.status for result in self.trials]
        return {status: found.count(status) for status in ("FINISHED", "PRUNED", "FAILED", "KILLED") if status in found}

    def leading_statistics(self, namespace: str) -> Mapping[str, Statistics]:
        """Those of the winner's group, or of the only group; empty if there is neither."""
        winner = self.winners.get(namespace)
        leading = [group for group in self.groups if winner and winner.trial in group.trials]
        if not leading and len(self.groups) == 1:
            leading = list(self.groups)
        return leading[0].statistics.get(namespace, {}) if leading else {}


def outcome_of(plan: SweepPlan, results: Iterable[TrialResult], seconds: float, run_id: str) -> SweepOutcome:
    """What the results of a plan's trials come to.

    Args:
        plan: What was asked for.
        results: One for each trial that was begun, in any order.
        seconds: The sweep took.
        run_id: Of the parent run in MLflow.
    """
    trials = tuple(sorted(results, key=lambda result: result.trial.number))
    finished = [result for result in trials if result.status == "FINISHED"]
    return SweepOutcome(
        plan=plan,
        trials=trials,
        groups=groups_of(finished),
        winners=_winners(plan, finished),
        seconds=seconds,
        run_id=run_id,
    )


def _winners(plan: SweepPlan, finished: Sequence[TrialResult]) -> dict[str, Winner]:
    winners = {}
    for name in plan.namespaces:
        losses = {
            result.trial.number: (result.figures[name].validation_loss, result.run_id)
            for result in finished
            if name in result.figures and finite([result.figures[name]], "validation_loss")
        }
        if losses and not any(key.startswith(f"{name}.data.") for key in plan.varied):
            number = min(losses, key=lambda each: (losses[each][0], each))
            loss, run_id = losses[number]
            assert loss is not None
            winners[name] = Winner(number, run_id, loss)
    return winners
