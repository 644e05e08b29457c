"""``kedro run``: names that are not there, runners that are not taken, interruptions."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from mnist_resnet.cli.run import resuming_command, run
from tests.conftest import PROJECT


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(run, arguments)


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap_project(PROJECT)
    monkeypatch.chdir(PROJECT)


@pytest.mark.parametrize("option", ["--pipelines", "--namespaces", "--nodes", "--tags", "--from-nodes"])
def test_what_is_not_there_is_told_in_one_line_with_what_is(option: str) -> None:
    ended = typed(option, "trian")
    assert ended.exit_code == 1
    (line,) = [line for line in ended.output.splitlines() if line.startswith("Error: ")]
    pipelines, data_sets = line.split("; the pipelines are ")[1].split(", the data sets ")
    assert pipelines == "data, train, export, evaluate, training"
    assert {"fashion_mnist", "mnist"} <= {*data_sets.split(", ")}
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "runner", ["ThreadRunner", "ParallelRunner", "kedro.runner.ThreadRunner", "Foo", "no.such.Runner"]
)
def test_another_runner_is_refused_also_from_a_file_of_options(runner: str, tmp_path: Path) -> None:
    options = tmp_path / "run.yml"
    options.write_text(yaml.safe_dump({"run": {"runner": runner, "pipelines": "data"}}))
    for ended in (typed("--config", str(options)), typed("--runner", runner)):
        assert ended.exit_code == 1
        assert ended.output.startswith(f"Error: runner: received {runner}, but only the sequential runner works here")
        assert len(ended.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["/bin/kedro", "run"], {}, "kedro run --only-missing-outputs"),
        (["kedro", "run", "--only-missing-outputs", "-e", "fast"], {}, "kedro run --only-missing-outputs -e fast"),
        (
            ["kedro", "run", "--env", "my recipe", "--params", "mnist.training.epochs=5"],
            {"HOME": "/root"},
            "kedro run --env 'my recipe' --params mnist.training.epochs=5 --only-missing-outputs",
        ),
        (
            ["/lib/mnist_resnet/__main__.py", "run", "--conf-source", "conf"],
            {},
            "python -m mnist_resnet run --conf-source conf --only-missing-outputs",
        ),
        (["/bin/mnist_resnet", "run"], {}, "mnist_resnet run --only-missing-outputs"),
        (
            ["kedro", "run"],
            {"MNIST_RESNET_CONF_SOURCE": "/my conf"},
            "MNIST_RESNET_CONF_SOURCE='/my conf' kedro run --only-missing-outputs",
        ),
        (
            ["kedro", "run", "--params", "a=http://user:pa'ss@host/x"],
            {},
            "kedro run --params a=http://host/x --only-missing-outputs",
        ),
        (["kedro", "run"], {"KEDRO_ENV": "smoke"}, "KEDRO_ENV=smoke kedro run --only-missing-outputs"),
        # On another backend, the checkpoint would be that of another training.
        (
            ["kedro", "run"],
            {"MLFLOW_TRACKING_URI": "https://ada:secret@host", "KERAS_BACKEND": "jax", "PATH": "/bin"},
            "KERAS_BACKEND=jax MLFLOW_TRACKING_URI=https://host kedro run --only-missing-outputs",
        ),
    ],
)
def test_the_resuming_command_can_be_pasted_into_a_shell(arguments, environment, expected):
    assert resuming_command(arguments, environment) == expected


def test_a_configuration_is_fetched_with_no_credentials_of_its_address() -> None:
    ended = typed("--conf-source", "https://me:hunter2@host/conf.zip")
    assert (ended.exit_code, "hunter2" in ended.output) == (2, False)
    assert "--conf-source" in ended.output
    assert "received an address with credentials" in ended.output


PROGRAM = """
import time
from mnist_resnet.cli.run import saying_how_to_resume
from mnist_resnet.cli.project import without_traceback

def work():
    print("begun", flush=True)
    try:
        time.sleep(60)
    except BaseException:
        raise ValueError("structure had 11 atoms")

saying_how_to_resume(without_traceback(work))()
"""


def test_an_error_that_a_library_has_made_of_a_signal_is_not_shown():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert errors == "Interrupted by SIGTERM. To continue: kedro --only-missing-outputs\n"
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a.b=1,a.c=x y", {"a": {"b": 1, "c": "x y"}}),
        ("a.size=[28, 28]", {"a": {"size": [28, 28]}}),
        ("a.b=true, a.size=[28,28],a.names=[],c=null,", {"a": {"b": True, "size": [28, 28], "names": []}, "c": None}),
    ],
)
def test_parameters_may_be_lists(typed: str, read: dict[str, object]) -> None:
    assert run.make_context("run", ["--params", typed]).params["params"] == read


@pytest.mark.parametrize("wrong", ["[28,28]", "a=[1],b", "=[1]"])
def test_what_names_no_parameter_is_refused_as_kedro_does(wrong: str) -> None:
    ended = typed("--params", wrong)
    assert ended.exit_code == 2
    assert "Invalid format of `params` option" in ended.output
