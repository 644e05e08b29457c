"""The plan that a user's options ask for, checked before anything starts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mnist_resnet.config import Parameters, flatten, nest, validate_parameters
from mnist_resnet.provenance.record import in_order
from mnist_resnet.sweep.plan import SEED, SweepError, SweepPlan, Trial, parameters_digest
from mnist_resnet.sweep.search_space import Space, points, read_space
from mnist_resnet.sweep.sweep_options import (
    SweepOptions,
    check_hosts,
    check_keys,
    check_options,
    check_recorded,
    check_validation,
)
from mnist_resnet.sweep.variations import product, read_grid, read_seeds

DEFAULT_TRIALS = 40
_WHOLE = frozenset({"training", "__default__"})

# Parameters of trials, nested as ``--params`` takes them, to the whole configuration that Kedro makes of them.
Configured = Callable[[Mapping[str, Any]], dict[str, Any]]


def make_plan(options: SweepOptions, configured: Configured, known_pipelines: Iterable[str]) -> SweepPlan:
    """The plan that the options ask for; each trial has been checked as ``kedro run`` would check it.

    Args:
        options: As typed.
        configured: Merges parameters into the configuration of the recipe, by Kedro's loader.
        known_pipelines: The names that ``--pipelines`` may have.

    Raises:
        SweepError: If the options do not go together, or name what is not there.
        ConfigurationError: If the parameters of a trial cannot be used; in the words of ``kedro run``.
    """
    check_options(options)
    raw = configured(options.params)
    parameters = validate_parameters(raw)
    namespaces = _namespaces(options, parameters)
    pipelines = _pipelines(options, known_pipelines)
    fixed = flatten(options.params)
    space = read_space(options.space, flatten(raw)) if options.space else {}
    trials = () if space else _fixed_trials(options, namespaces)
    for overrides in _corners(space) if space else (trial.overrides for trial in trials):
        check_hosts(validate_parameters(configured(nest({**fixed, **overrides}))), namespaces)
    check_keys(options, space or trials[0].overrides, fixed, namespaces)
    check_recorded(parameters, fixed)
    check_validation(options, parameters, namespaces)
    return SweepPlan(
        env=options.env,
        conf_source=options.conf_source,
        namespaces=namespaces,
        pipelines=pipelines,
        params=fixed,
        trials=trials,
        space=space,
        count=_count(options, space) if space else len(trials),
        prune=options.prune,
        cpus=options.cpus,
        gpus=options.gpus,
        promote=options.promote,
        parameters_digest=parameters_digest(raw, namespaces),
    )


def _namespaces(options: SweepOptions, parameters: Parameters) -> tuple[str, ...]:
    known = tuple(parameters.datasets)
    for name in options.namespaces:
        if name not in known:
            raise SweepError(f"--namespaces: received '{name}'; the data sets are {', '.join(known)}")
    chosen = tuple(name for name in known if name in options.namespaces or not options.namespaces)
    if options.space and len(chosen) > 1:
        raise SweepError(f"--space searches for one data set; name it by --namespaces: one of {', '.join(chosen)}")
    return chosen


def _pipelines(options: SweepOptions, known: Iterable[str]) -> tuple[str, ...]:
    chosen, names = list(options.pipelines) or ["training"], [name for name in known if name != "__default__"]
    for name in chosen:
        if name not in {*names, "__default__"}:
            raise SweepError(f"--pipelines: received '{name}'; the pipelines are {', '.join(names)}")
    whole = _WHOLE & set(chosen)
    if not whole and "train" not in chosen:
        raise SweepError(f"--pipelines: received {','.join(chosen)}, but a trial trains: name training, or train, too")
    if options.promote and not whole:
        raise SweepError("--promote needs the whole training, which evaluates the model: leave --pipelines out")
    return tuple(in_order(chosen))


def _fixed_trials(options: SweepOptions, namespaces: tuple[str, ...]) -> tuple[Trial, ...]:
    grid, seeds = read_grid(options.grid), read_seeds(options.seeds) if options.seeds else ()
    for name in namespaces:
        if seeds and f"{name}.{SEED}" in grid:
            raise SweepError(f"--grid: received '{name}.{SEED}', which --seeds gives, too; leave out one of the two")
    return product(namespaces, grid, seeds)


def _corners(space: Space) -> Iterator[dict[str, Any]]:
    """Each end and each value of a space, with all others at their first, and again with them at their last."""
    for place in (0, -1):
        corner = {key: dimension.ends()[place] for key, dimension in space.items()}
        for key, dimension in space.items():
            yield from (corner | {key: end} for end in dimension.ends())


def _count(options: SweepOptions, space: Space) -> int:
    most = points(space)
    if options.trials is not None and options.trials > most:
        raise SweepError(f"--trials: received {options.trials}, but the space has only {most:,.0f} different trials")
    return int(min(options.trials or DEFAULT_TRIALS, most))
