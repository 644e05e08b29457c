"""Names that are not there, and runners that are not taken, typed after ``kedro run``."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from mnist_resnet.cli import run
from tests.conftest import PROJECT


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(run, arguments)


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap_project(PROJECT)
    monkeypatch.chdir(PROJECT)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--pipelines", "trian"),
        ("--namespaces", "squares"),
        ("--nodes", "trian"),
        ("--tags", "trian"),
        ("--from-nodes", "trian"),
    ],
)
def test_what_is_not_there_is_told_in_one_line_with_what_is(option: str, name: str) -> None:
    ended = typed(option, name)
    assert ended.exit_code == 1
    (line,) = [line for line in ended.output.splitlines() if line.startswith("Error: ")]
    assert line.endswith(
        "; the pipelines are data, train, export, evaluate, training, the data sets fashion_mnist, mnist"
    )
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "runner", ["ThreadRunner", "ParallelRunner", "kedro.runner.ThreadRunner", "Foo", "no.such.Runner"]
)
def test_another_runner_is_refused_also_from_a_file_of_options(runner: str, tmp_path: Path) -> None:
    options = tmp_path / "run.yml"
    options.write_text(yaml.safe_dump({"run": {"runner": runner, "pipelines": "data"}}))
    for ended in (typed("--config", str(options)), typed("--runner", runner)):
        assert ended.exit_code == 1
        assert ended.output.startswith(f"Error: runner: received {runner}, but here nodes run one after another")
        assert len(ended.output.splitlines()) == 1
