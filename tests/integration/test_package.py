"""The wheel and the archive of the configuration that ``kedro package`` makes, used without the project."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import PROJECT, MadeData
from tests.integration.conftest import KEDRO, Project, clean_environment, make_project, type_command
from tests.made_repository import git

pytestmark = pytest.mark.integration

WITHOUT_PROJECT = "name its configuration with --conf-source"
RUN_DATA = ("--pipelines", "data", "--namespaces", "squares")
# Python imports it when it starts: each address that is asked for is noted, and none is found.
WATCH = """
import os, socket
def refuse(host, *_, **__):
    with open(os.environ["ASKED_FOR"], "a") as file:
        file.write(f"{host}\\n")
    raise socket.gaierror(f"{host}: no network in this test")
socket.getaddrinfo = refuse
"""


@dataclass(frozen=True)
class Package:
    """An installed wheel, and the configuration beside it, which has the data set ``squares``."""

    installed: Path
    configuration: Path
    mirror: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.installed), "MNIST_RESNET_DATA_MIRROR": str(self.mirror)}

    def __call__(self, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type ``mnist_resnet`` in a folder."""
        return run_command(folder, *arguments, **self.variables | environment)

    def run(self, folder: Path, *arguments: str, **environment: str) -> None:
        """Run pipelines of the data set ``squares``."""
        source = ("--conf-source", str(self.configuration))
        ended = self(folder, "run", *source, "--namespaces", "squares", *arguments, **environment)
        assert ended.returncode == 0, ended.stderr


def run_command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return type_command([KEDRO.with_name("mnist_resnet"), *arguments], folder, **environment)


def run_module(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return type_command([sys.executable, "-m", "mnist_resnet", *arguments], folder, **environment)


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The only line that a refused command has printed."""
    (line,) = (ended.stdout + ended.stderr).splitlines()
    return line


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData) -> Package:
    folder = tmp_path_factory.mktemp("project")
    project = make_project(folder, made_data)
    (folder / "conf/local/credentials.yml").write_text("token: hunter2\n")
    (folder / "src").rmdir()
    shutil.copytree(PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder / name)
    ended = project.kedro("package")
    (wheel,) = (folder / "dist").glob("*.whl")
    installed = tmp_path_factory.mktemp("installed")
    install = ["pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run([KEDRO.with_name("uv"), *install], check=True)
    assert ended.returncode == 0, ended.stderr
    configuration = folder / "dist" / "conf-mnist_resnet.tar.gz"
    return Package(installed, configuration, made_data.write(folder / "mirror" / "squares").parent)


@pytest.fixture(scope="module")
def trained(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder in which the wheel has run all pipelines once; and which is a repository of something else."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "compose.yaml").write_text("services: {}\n")
    for words in ("init -q", "add compose.yaml", "commit -q -m First"):
        git(folder, *words.split())
    watch = tmp_path_factory.mktemp("watch")
    (watch / "sitecustomize.py").write_text(WATCH)
    package.run(folder, PYTHONPATH=f"{watch}{os.pathsep}{package.installed}", ASKED_FOR=str(folder / "asked_for.txt"))
    return Project(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "archive", "beside", "variable"])
def test_a_wheel_runs_in_an_empty_folder(package: Package, kind: str, tmp_path: Path) -> None:
    folder, configuration = tmp_path / "empty", package.configuration
    folder.mkdir()
    shutil.unpack_archive(configuration, folder if kind == "beside" else tmp_path, filter="data")
    source = tmp_path / "conf" if kind == "folder" else configuration
    words = ["--conf-source", str(source)] if kind in {"folder", "archive"} else []
    ended = package(
        folder, "run", *words, *RUN_DATA, MNIST_RESNET_CONF_SOURCE=str(source) if kind == "variable" else ""
    )
    assert ended.returncode == 0, ended.stderr
    made = {"data", "mlartifacts", "mlflow.db", "mlspool"} | ({"conf"} if kind == "beside" else set())
    assert {path.name for path in folder.iterdir()} == made
    assert (folder / "data/05_model_input/squares/preprocessing.json").is_file()
    (run,) = Project(folder).runs()
    assert run.data.tags["command"] == shlex.join(["mnist_resnet", "run", *words, *RUN_DATA])
    assert run.info.status == "FINISHED"


@pytest.mark.slow
def test_all_pipelines_run_by_the_wheel_and_nobody_is_asked_for_anything(trained: Project) -> None:
    assert (trained.folder / "data/08_reporting/squares/report.html").is_file()
    assert not (trained.folder / "asked_for.txt").exists()


@pytest.mark.slow
def test_a_picture_is_classified_by_the_wheel(package: Package, trained: Project) -> None:
    Image.new("L", (8, 8)).save(trained.folder / "black.png")
    source = ("--conf-source", str(package.configuration))
    for words in (["--namespace", "squares", *source], ["--model", "models:/squares/1"]):
        ended = package(trained.folder, "predict", "black.png", *words)
        assert ended.returncode == 0, ended.stderr
        assert "left" in ended.stdout


@pytest.mark.slow
def test_a_run_of_the_wheel_is_compared_and_says_why_it_cannot_be_reproduced(
    package: Package, trained: Project
) -> None:
    (run,) = trained.runs()
    ended = package(trained.folder, "compare", run.info.run_id, run.info.run_id, "--at-least", "bitwise")
    assert ended.returncode == 0, ended.stderr
    assert "git_commit" not in run.data.tags  # that of the folder is not the source's
    ended = package(trained.folder, "reproduce", run.info.run_id)
    assert ended.returncode == 2
    assert "- commit: recorded none: mnist_resnet runs from an installed wheel" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_of_the_wheel_says_how_to_go_on(
    package: Package, number: signal.Signals, tmp_path: Path
) -> None:
    words = ["run", "--conf-source", str(package.configuration), "--namespaces", "squares"]
    command = [KEDRO.with_name("mnist_resnet"), *words, "--params", "squares.training.epochs=100000"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment() | package.variables, stderr=subprocess.PIPE, text=True
    ) as running:
        while not (tmp_path / "data/06_models/squares/checkpoint").exists():
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    expected = " ".join(["mnist_resnet", *words, "--params squares.training.epochs=100000 --only-missing-outputs"])
    assert f"Interrupted by {number.name}. To continue: {expected}\n" in errors
    (run,) = Project(tmp_path).runs()
    assert run.info.status == "KILLED"


@pytest.mark.slow
@pytest.mark.scale
def test_a_sweep_by_the_wheel_runs_trials_with_its_configuration(package: Package, tmp_path: Path) -> None:
    source = ("--conf-source", str(package.configuration))
    words = ("sweep", "--namespaces", "squares", "--seeds", "3", "--promote")
    ended = package(tmp_path, *words, *source)
    assert ended.returncode == 0, ended.stderr
    assert "is version 1 of 'squares' in the registry, champion" in ended.stdout
    runs = Project(tmp_path).runs()
    (parent,) = [run for run in runs if run.data.tags.get("command") == shlex.join(["mnist_resnet", *words, *source])]
    (trial,) = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 3
    assert trial.data.tags["command"].startswith(f"mnist_resnet run --conf-source {package.configuration} --pipelines")
    (log,) = (tmp_path / "data/sweeps").glob("*/0-*/trial.log")
    assert re.search(r"^\d\d:\d\d:\d\d Training on the CPU", log.read_text(), re.MULTILINE)


@pytest.mark.slow
def test_the_package_holds_the_whole_source_and_no_local_configuration(package: Package) -> None:
    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for kind in ("*.py", "*.yml", "page/*") for path in folder.rglob(kind)}

    assert files(package.installed) == files(PROJECT / "src")
    with tarfile.open(package.configuration) as opened:
        names = opened.getnames()
    assert "conf/base/catalog.yml" in names
    assert "conf/local/credentials.yml" not in names


def test_messages_look_alike_with_and_without_the_project() -> None:
    assert (PROJECT / "src/mnist_resnet/logging.yml").read_text() == (PROJECT / "conf/logging.yml").read_text()


def test_the_commands_are_listed_and_options_alone_are_those_of_run(tmp_path: Path) -> None:
    assert "sync-tracking" in run_module(tmp_path, "--help").stdout
    ended = run_command(tmp_path, "--pipelines", "data")
    assert ended.returncode == 1
    assert WITHOUT_PROJECT in one_line(ended)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_the_configuration_of_commands_besides_run(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "conf"), "zip", PROJECT, "conf/base")
    with_local = shutil.copytree(PROJECT / "conf/base", tmp_path / "conf/local")
    assert with_local.is_dir()
    ended = run_command(tmp_path, "layers", "--conf-source", archive, "--env", "base", "--namespaces", "letters")
    assert "received 'letters'; the data sets are mnist, fashion_mnist" in ended.stderr
