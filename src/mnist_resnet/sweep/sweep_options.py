"""The options of ``kedro sweep``, and the checks of them that need no configuration or a checked one."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnist_resnet.config import Parameters, as_typed
from mnist_resnet.sweep.plan import SEED, SweepError
from mnist_resnet.sweep.variations import MOST_TRIALS

# What a search draws from must change the network that is trained, and not the images that it is validated on.
_SEARCHED = ("preprocessing", "model", "training")


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What was typed, as the command ``kedro sweep`` describes it; None and empty where nothing was said."""

    env: str | None = None
    conf_source: str | None = None
    namespaces: Sequence[str] = ()
    pipelines: Sequence[str] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    seeds: str | None = None
    grid: Sequence[str] = ()
    space: Path | None = None
    trials: int | None = None
    prune: bool = False
    cpus: int = 1
    gpus: float = 0.0
    promote: bool = False


def check_options(options: SweepOptions) -> None:
    """Refuse options that do not go together, and numbers that cannot be."""
    if options.space and (options.seeds or options.grid):
        raise SweepError("--space searches by itself: leave out --seeds and --grid, or --space")
    if not (options.space or options.seeds or options.grid):
        raise SweepError("Nothing varies: give --seeds 0-9, --grid key=a,b, or --space FILE")
    for name, given in (("--trials", options.trials is not None), ("--prune", options.prune)):
        if given and not options.space:
            raise SweepError(f"{name} is for a search: give --space FILE, too, or leave {name} out")
    if options.trials is not None and not 1 <= options.trials <= MOST_TRIALS:
        raise SweepError(f"--trials: received {options.trials}; choose 1 to {MOST_TRIALS:,}")
    if options.cpus < 1:
        raise SweepError(f"--cpus: received {options.cpus}; a trial needs at least 1 core")
    if not (math.isfinite(options.gpus) and options.gpus >= 0 and (options.gpus <= 1 or options.gpus.is_integer())):
        raise SweepError(
            f"--gpus: received {options.gpus:g}; choose a share of one GPU, such as 0.5, or a whole number"
        )


def check_keys(
    options: SweepOptions, varied: Iterable[str], fixed: Mapping[str, Any], namespaces: Sequence[str]
) -> None:
    """Refuse keys that exist, but that a sweep cannot vary.

    Args:
        options: As typed.
        varied: The dotted keys that differ between trials.
        fixed: The parameters of all trials, by dotted key.
        namespaces: The data sets of the sweep.
    """
    for key in varied:
        option = _option_of(key, options)
        if key in fixed:
            raise SweepError(f"{option}: received '{key}', which --params gives, too; leave out one of the two")
        if key.partition(".")[0] not in namespaces:
            raise SweepError(f"{option}: received '{key}'; a sweep varies the parameters of {', '.join(namespaces)}")
        if options.space and key.split(".")[1] not in _SEARCHED:
            groups = ", ".join(_SEARCHED)
            raise SweepError(f"{option}: received '{key}'; the validation loss is a fair judge of {groups} only")
    for key in (*varied, *fixed):
        if key.endswith(".release.register"):
            raise SweepError(f"received '{key}', but no trial registers its model; --promote offers the winner")


def check_recorded(parameters: Parameters, fixed: Mapping[str, Any]) -> None:
    """Refuse a sweep that would leave no record in MLflow's store, by which its trials find each other."""
    for key, needed in (("enabled", True), ("offline", False)):
        if (received := getattr(parameters.tracking, key)) is not needed:
            place = "--params" if f"tracking.{key}" in fixed else "conf/"
            raise SweepError(
                f"tracking.{key}: received {as_typed(received)} from {place}, but a sweep is kept in MLflow's store; "
                f"make it {as_typed(needed)}"
            )


def check_hosts(parameters: Parameters, namespaces: Sequence[str]) -> None:
    """Refuse trials on several hosts, which would wait for cores that the trials themselves hold."""
    for name in namespaces:
        if (hosts := parameters.namespaces[name].training.hosts) > 1:
            raise SweepError(
                f"{name}.training.hosts: received {hosts}, but a trial of a sweep has one host; make it 1, or start "
                f"such runs one after the other by `run`"
            )


def check_validation(options: SweepOptions, parameters: Parameters, namespaces: Sequence[str]) -> None:
    """Refuse to choose between trials where there are no validation images to do it by."""
    if not (options.space or options.promote):
        return
    for name in namespaces:
        if parameters.namespaces[name].data.validation_fraction == 0:
            raise SweepError(
                f"{'--space' if options.space else '--promote'} compares trials by validation images, but "
                f"{name}.data.validation_fraction is 0; raise it"
            )


def _option_of(key: str, options: SweepOptions) -> str:
    if options.space:
        return "--space"
    return "--seeds" if options.seeds and key.endswith(f".{SEED}") else "--grid"
