"""``kedro sweep``: many runs by one command, over seeds, a grid, or a space that is searched."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from kedro.framework.cli.utils import env_option, split_string
from kedro.framework.project import pipelines, settings

from mnist_resnet.cli.project import (
    CommandError,
    conf_source_option,
    current_project,
    given_conf_source,
    load_context,
    without_traceback,
)
from mnist_resnet.cli.run import run
from mnist_resnet.config import ENV_VARIABLE, as_typed
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.signals import graceful_shutdown
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.sweep.outcome import SweepOutcome
    from mnist_resnet.sweep.plan import SweepPlan
    from mnist_resnet.sweep.planning import Configured

_MOST_SHOWN = 50
_PARAMS_OF_RUN = next(option for option in run.params if option.name == "params")


# The first sign keeps click from wrapping the lines.
_EXAMPLES = """\b
How much does a result depend on the seed?
  kedro sweep --namespaces mnist --seeds 0-9
\b
Which of some values is best? Three rates with two seeds each:
  kedro sweep --namespaces mnist --seeds 0,1 \\
    --grid mnist.training.learning_rate=0.1,0.2,0.4
\b
What are good values? space.yml has lines such as
mnist.training.learning_rate: {low: 0.01, high: 1.0, log: true}
mnist.model.architecture: {values: [resnet10, resnet18]}
  kedro sweep --namespaces mnist --space space.yml --trials 40 --prune
\b
Go on after an interruption, by the id that was shown at the beginning:
  kedro sweep --resume 0d5f3b1c2a
"""


class UnusableOptionsError(CommandError):
    """Options that ask for no sweep; the message says why."""

    exit_code = 2


@click.command(epilog=_EXAMPLES)
@env_option
@conf_source_option
@click.option("--namespaces", callback=split_string, default="", help="Data sets, separated by commas. Default: all.")
@click.option(
    "--pipelines",
    callback=split_string,
    default="",
    help="Pipelines of each trial, separated by commas. Default: training, which is all of them.",
)
@click.option(
    "--params",
    callback=_PARAMS_OF_RUN.callback,
    type=click.UNPROCESSED,
    default="",
    help="Parameters of all trials, as kedro run takes them: key=value, separated by commas.",
)
@click.option("--seeds", metavar="0-9", help="Seeds of training, one trial for each: 0-9, or 0,3,7.")
@click.option(
    "--grid",
    multiple=True,
    metavar="KEY=A,B",
    help="Values of a parameter, one trial for each. May be repeated: all combinations are run, with each seed.",
)
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    help="A YAML file of what is searched: a line for each parameter, key: {low, high, log, step} or key: {values}.",
)
@click.option("--trials", type=int, help="How many trials a search has. Default: 40.")
@click.option(
    "--prune",
    is_flag=True,
    help="Stop trials of a search whose validation loss is worse than the median of others at the same epoch.",
)
@click.option("--cpus", type=int, default=1, show_default=True, help="Cores of each trial.")
@click.option(
    "--gpus", type=float, default=0.0, show_default=True, help="GPUs of each trial, or the share of one: 0.5."
)
@click.option("--address", help="A Ray cluster, host:port or auto. Default: RAY_ADDRESS, else this machine alone.")
@click.option("--resume", metavar="RUN_ID", help="Resume the sweep of this MLflow run; its recorded options apply.")
@click.option("--promote", is_flag=True, help="Offer the winner to the model registry, where it may become champion.")
@click.option("--dry-run", is_flag=True, help="Check everything, show the trials and stop.")
@without_traceback
def sweep(address: str | None, resume: str | None, dry_run: bool, **options: Any) -> None:
    """Make many runs by one command, and compare them.

    Each trial is a kedro run with its own parameters, outputs and MLflow run, below one parent run. As many run at the
    same time as there are cores and GPUs for. All parameters are checked before the first one starts.

    The winner is the trial with the lowest validation loss; figures of the test images have no say in it. At the end
    there are a table, and sweep.json and pictures on the parent run. The exit code is 0 if all trials finished or were
    pruned, 1 if one failed, a winner could not be offered or the sweep could not run, and 2 if the options cannot be
    used.
    """
    try:
        plan = _resumed_plan(resume, options) if resume else _new_plan(options)
    except UserError as error:
        raise UnusableOptionsError(str(error)) from error
    if dry_run:
        _show_plan(plan)
        return
    outcome = _run(plan, address, resume)
    _show_outcome(outcome)
    if not outcome.succeeded:
        sys.exit(1)


def _new_plan(options: Mapping[str, Any]) -> "SweepPlan":
    from mnist_resnet.sweep.planning import make_plan
    from mnist_resnet.sweep.sweep_options import SweepOptions

    env = options["env"] or os.environ.get(ENV_VARIABLE)
    typed = SweepOptions(**{**options, "env": env}, conf_source=given_conf_source())
    return make_plan(typed, _configured(env), pipelines)


def _configured(env: str | None) -> "Configured":
    """What Kedro makes of the configuration of a recipe and of parameters."""
    context = load_context(env)
    source = str(context.config_loader.conf_source)

    def merged(params: Mapping[str, Any]) -> dict[str, Any]:
        loader = settings.CONFIG_LOADER_CLASS(
            conf_source=source, env=context.env, runtime_params=dict(params), **settings.CONFIG_LOADER_ARGS
        )
        parameters: dict[str, Any] = loader["parameters"]
        return parameters

    return merged


def _resumed_plan(run_id: str, options: Mapping[str, Any]) -> "SweepPlan":
    """The recorded plan of a sweep, of which nothing may be changed."""
    context = click.get_current_context()
    for name in (*options, "conf_source"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise click.UsageError(
                f"--resume and --{option} cannot be given together: the sweep's own options are kept."
            )

    from mnist_resnet.sweep.engine import recorded_plan
    from mnist_resnet.sweep.project_session import require_unchanged

    plan: SweepPlan = recorded_plan(run_id, current_project())
    require_unchanged(current_project(), plan)
    return plan


def _run(plan: "SweepPlan", address: str | None, resume: str | None) -> "SweepOutcome":
    from mnist_resnet.computing.cluster import require_extra
    from mnist_resnet.sweep.engine import run_sweep
    from mnist_resnet.sweep.progress_lines import ProgressLines

    require_extra("ray", *(["optuna"] if plan.space else []))
    lines = ProgressLines(plan, lambda line: write_line(line, sys.stderr))
    with graceful_shutdown(lines.say_how_to_resume):
        outcome: SweepOutcome = run_sweep(plan, current_project(), address, resume, lines)
    return outcome


def _show_plan(plan: "SweepPlan") -> None:
    """Print the trials, or what they are drawn from."""
    from rich.table import Table

    from mnist_resnet.terminal.tables import show

    gpus = f", --gpus {plan.gpus:g}" if plan.gpus else ""
    counted = f"Trials: {plan.count}, of {', '.join(plan.namespaces)}, each with --cpus {plan.cpus}{gpus}"
    if plan.space:
        table = Table("parameter", "drawn from")
        for key, dimension in plan.space.items():
            table.add_row(key, dimension.in_words())
    else:
        hidden = len(plan.trials) - _MOST_SHOWN
        table = Table("trial", *plan.varied, caption=f"{hidden} more" if hidden > 0 else None)
        for trial in plan.trials[:_MOST_SHOWN]:
            table.add_row(str(trial.number), *(as_typed(value) for value in trial.overrides.values()))
    show(table, counted)


def _show_outcome(outcome: "SweepOutcome") -> None:
    from mnist_resnet.sweep.outcome_table import as_tables
    from mnist_resnet.terminal.tables import show

    show(*as_tables(outcome))
