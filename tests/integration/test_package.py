"""The wheel and the archive of the configuration that ``kedro package`` makes, used without the project."""

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT, MadeData
from tests.integration.conftest import KEDRO, Project, make_project, type_command

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Package:
    """An installed wheel, and the configuration beside it, which has the data set ``squares``."""

    installed: Path
    configuration: Path
    mirror: Path

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Type ``python -m mnist_resnet`` in a folder."""
        return run_module(folder, *arguments, PYTHONPATH=str(self.installed), MNIST_RESNET_DATA_MIRROR=str(self.mirror))


def run_module(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return type_command([sys.executable, "-m", "mnist_resnet", *arguments], folder, **environment)


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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_wheel_runs_in_an_empty_folder(package: Package, kind: str, tmp_path: Path) -> None:
    folder, configuration = tmp_path / "empty", package.configuration
    folder.mkdir()
    shutil.unpack_archive(configuration, tmp_path, filter="data")
    source = tmp_path / "conf" if kind == "folder" else configuration
    ended = package(folder, "--conf-source", str(source), "--pipelines", "data", "--namespaces", "squares")
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["data", "mlartifacts", "mlflow.db"]
    assert (folder / "data/05_model_input/squares/preprocessing.json").is_file()
    (run,) = Project(folder).runs()
    assert run.data.tags["command"].startswith(f"kedro run --conf-source {source}")
    assert run.info.status == "FINISHED"


@pytest.mark.slow
def test_the_package_holds_the_whole_source_and_no_local_configuration(package: Package) -> None:
    def modules(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*.py")}

    assert modules(package.installed) == modules(PROJECT / "src")
    with tarfile.open(package.configuration) as opened:
        names = opened.getnames()
    assert "conf/base/catalog.yml" in names
    assert "conf/local/credentials.yml" not in names


def test_the_module_has_the_options_of_kedro_run(tmp_path: Path) -> None:
    ended = run_module(tmp_path, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "Usage: python -m mnist_resnet [OPTIONS]" in ended.stdout
    assert "--conf-source" in ended.stdout


def test_without_a_configuration_the_module_asks_for_one(tmp_path: Path) -> None:
    ended = run_module(tmp_path)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Error: " in ended.stderr
    assert "name its configuration with --conf-source" in ended.stderr
    assert list(tmp_path.iterdir()) == []
