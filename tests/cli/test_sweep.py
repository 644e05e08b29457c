"""``kedro sweep``: what is shown and refused before anything starts, and the exit codes."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from mnist_resnet.cli.sweep import sweep
from mnist_resnet.config import CONF_SOURCE_VARIABLE
from mnist_resnet.sweep.outcome import SweepOutcome, outcome_of
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.sweep.progress_lines import ProgressLines
from tests.conftest import PROJECT
from tests.sweep.made_results import failed, result

SEEDS = ("--namespaces", "mnist", "--seeds", "0-1")


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(sweep, arguments)


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    bootstrap_project(PROJECT)
    monkeypatch.chdir(PROJECT)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An engine that runs nothing; its last call is ``called``, and each trial finishes unless it is told otherwise."""
    made = ModuleType("mnist_resnet.sweep.engine")
    made.end = result  # type: ignore[attr-defined]

    def run_sweep(
        plan: SweepPlan, project: Path, address: str | None, resume: str | None, lines: ProgressLines
    ) -> SweepOutcome:
        made.called = (plan, project, address, resume)  # type: ignore[attr-defined]
        for trial in plan.trials:
            lines.started(trial)
        return outcome_of(plan, map(made.end, plan.trials), 5.0, "parent")  # type: ignore[attr-defined]

    made.run_sweep = run_sweep  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.setattr("mnist_resnet.computing.cluster.find_spec", lambda _: True)
    return made


def test_the_trials_are_shown_without_running_them() -> None:
    shown = typed("--dry-run", *SEEDS, "--grid", "mnist.training.learning_rate=0.1,0.2", "--cpus", "2")
    assert shown.exit_code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.output.splitlines() if "│" in line]
    assert rows == [["0", "0.1", "0"], ["1", "0.1", "1"], ["2", "0.2", "0"], ["3", "0.2", "1"]]
    assert "Trials: 4, of mnist, each with --cpus 2\n" in shown.output


def test_a_space_is_shown(tmp_path: Path) -> None:
    (tmp_path / "space.yml").write_text("mnist.training.learning_rate: {low: 0.01, high: 1.0, log: true}")
    shown = typed("--dry-run", "--namespaces", "mnist", "--space", str(tmp_path / "space.yml"), "--gpus", "0.5")
    assert "│ mnist.training.learning_rate │ 0.01 to 1, logarithmic │" in shown.output
    assert "Trials: 40, of mnist, each with --cpus 1, --gpus 0.5\n" in shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Nothing varies: give --seeds"),
        (("--seeds", "x"), "--seeds: received 'x'"),
        (
            ("--grid", "mnist.training.learning_rat=1"),
            "mnist.training.learning_rat: unknown key, value 1; did you mean",
        ),
        (("--seeds", "0", "--params", "mnist.training.epochs=0"), "mnist.training.epochs: received 0"),
        (("--seeds", "0", "--conf-source", "s3://bucket/conf.zip?key=hunter2"), "received an address with credentials"),
        (("--seeds", "0", "--env", "nope"), "--env: received 'nope'"),
        (("--seeds", "0", "--pipelines", "trian"), "--pipelines: received 'trian'; the pipelines are data, train"),
        (("--resume", "abc", "--seeds", "0"), "--resume and --seeds cannot be given together"),
        (("--resume", "abc", "--promote"), "--resume and --promote cannot be given together"),
        (("--resume", "abc", "--conf-source", "conf"), "--resume and --conf-source cannot be given together"),
        (("--seeds", "0", "--params", "epochs"), "must contain a key and a value"),
    ],
)
def test_options_that_cannot_be_used_end_with_code_2(arguments: tuple[str, ...], said: str) -> None:
    ended = typed(*arguments)
    assert ended.exit_code == 2
    assert said in ended.output
    assert "Traceback" not in ended.output


def test_without_ray_the_remedy_is_told(engine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_resnet.computing.cluster.find_spec", lambda _: None)
    ended = typed(*SEEDS)
    assert ended.exit_code == 1
    assert ended.output.startswith("Error: Ray is not installed: `make scale` adds it")
    assert len(ended.output.splitlines()) == 1


def test_a_sweep_ends_with_its_table(engine: ModuleType) -> None:
    ended = typed(*SEEDS, "--address", "head:6379", "--params", "mnist.training.epochs=2")
    assert ended.exit_code == 0
    assert ended.stderr.splitlines() == ["Trial 0 starts: seed=0", "Trial 1 starts: seed=1"]
    assert "0.9900 ± 0.0000" in ended.stdout
    assert ended.stdout.endswith("2 trials: 2 finished; 5 s\n")
    plan, project, address, resume = engine.called
    assert (project, address, resume) == (PROJECT, "head:6379", None)
    assert plan.params == {"mnist.training.epochs": 2}


def test_a_parameter_of_all_trials_may_be_a_list(engine: ModuleType) -> None:
    assert typed(*SEEDS, "--params", "mnist.preprocessing.size=[28,28],mnist.training.epochs=2").exit_code == 0
    assert engine.called[0].params == {"mnist.preprocessing.size": [28, 28], "mnist.training.epochs": 2}


def test_a_failed_trial_is_code_1(engine: ModuleType) -> None:
    engine.end = failed  # type: ignore[attr-defined]
    ended = typed(*SEEDS)
    assert ended.exit_code == 1
    assert "failed: MNIST: the loss is nan" in ended.stdout


def test_the_recipe_is_also_that_of_the_environment(engine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "smoke")
    assert typed(*SEEDS).exit_code == 0
    assert engine.called[0].env == "smoke"


def test_the_configuration_is_read_and_planned_by_its_absolute_path(
    engine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PROJECT / "conf", tmp_path / "my conf", ignore=shutil.ignore_patterns("local"))
    (tmp_path / "my conf/only_here").mkdir()
    named = "recipe: only_here\noutputs: data/recipes/only_here\n"
    (tmp_path / "my conf/only_here/globals.yml").write_text(named)
    monkeypatch.chdir(tmp_path)  # no project
    assert typed(*SEEDS, "--env", "only_here", "--conf-source", "my conf").exit_code == 0
    plan, project, *_ = engine.called
    assert (plan.conf_source, project) == (str(tmp_path / "my conf"), tmp_path)
    monkeypatch.setenv(CONF_SOURCE_VARIABLE, str(tmp_path / "my conf"))
    assert typed(*SEEDS, "--env", "only_here").exit_code == 0
    assert engine.called[0] == plan


def test_a_resumed_sweep_reads_its_own_configuration(
    engine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(PROJECT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    (source / "local").mkdir()
    recorded(engine, lambda plan: replace(plan, conf_source=str(source)))
    monkeypatch.setenv(CONF_SOURCE_VARIABLE, str(tmp_path))  # which has no configuration
    assert typed("--resume", "abc").exit_code == 0
    shutil.rmtree(source)
    ended = typed("--resume", "abc")
    assert ended.exit_code == 2
    assert f"{source} has no configuration" in ended.output


def recorded(engine: ModuleType, change: Callable[[SweepPlan], SweepPlan]) -> SweepPlan:
    """A plan that the engine finds on a parent run."""
    typed(*SEEDS)
    plan: SweepPlan = change(engine.called[0])

    def recorded_plan(run_id: str, project: Path) -> SweepPlan:
        assert (run_id, project) == ("abc", PROJECT)
        return plan

    vars(engine)["recorded_plan"] = recorded_plan
    return plan


def test_a_sweep_is_resumed_by_its_recorded_plan(engine: ModuleType) -> None:
    plan = recorded(engine, lambda plan: plan)
    assert typed("--resume", "abc", "--address", "auto").exit_code == 0
    assert engine.called == (plan, PROJECT, "auto", "abc")


def test_a_sweep_is_not_resumed_with_other_parameters(engine: ModuleType) -> None:
    recorded(engine, lambda plan: replace(plan, parameters_digest="another"))
    ended: Any = typed("--resume", "abc")
    assert ended.exit_code == 2
    assert "the parameters in conf/ have changed since this sweep began" in ended.output


def test_help_shows_examples_line_by_line() -> None:
    shown = typed("--help").output
    assert "\n    kedro sweep --namespaces mnist --seeds 0-9\n" in shown
    assert "\\b" not in shown
