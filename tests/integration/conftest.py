"""Projects to run: a copy of the configuration in a folder of its own, over the installed package."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import mlflow
import pytest
import requests
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from selenium import webdriver

from mnist_resnet.tracking.store.address import tracking_uri
from tests.conftest import PROJECT, MadeData

if TYPE_CHECKING:
    from tests.integration.forked import ForkServer

KEDRO = Path(sys.executable).with_name("kedro")
_CHROMIUM_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1500,1000"
)


@dataclass(frozen=True)
class Project:
    """A Kedro project in a temporary folder."""

    folder: Path

    def kedro(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type ``kedro`` as a user would."""
        return subprocess.run(
            [KEDRO, *arguments],
            cwd=self.folder,
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def run(self, params: dict[str, Any] | None = None, env: str | None = None, **options: Any) -> dict[str, Any]:
        """Run pipelines within this process."""
        bootstrap_project(self.folder)
        with KedroSession.create(self.folder, env=env, runtime_params=params, save_on_close=False) as session:
            return session.run(**options)


def clean_environment() -> dict[str, str]:
    """The environment of a shell in which the project's virtual environment is active."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "KEDRO_"))}
    return kept | {"PATH": f"{KEDRO.parent}{os.pathsep}{os.environ['PATH']}"}


def make_project(folder: Path) -> Project:
    shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    for name in ("src", "conf/local"):
        (folder / name).mkdir()
    return Project(folder)


@dataclass(frozen=True)
class SmokeRun:
    """The smoke recipe, run once by command in this session, on the real data."""

    project: Project
    stdout: str
    stderr: str

    @property
    def outputs(self) -> Path:
        return self.project.folder / "data" / "recipes" / "smoke"

    def logged_model(self, namespace: str) -> mlflow.entities.LoggedModel:
        """The model that MLflow recorded for a data set."""
        client = mlflow.MlflowClient(tracking_uri(self.project.folder))
        experiment = client.get_experiment_by_name("mnist_resnet")
        assert experiment is not None
        models = client.search_logged_models([experiment.experiment_id])
        (model,) = [model for model in models if model.name == namespace]
        return model


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    project = make_project(tmp_path_factory.mktemp("smoke"))
    ended = project.kedro(
        "run", "--pipeline", "training", "--env", "smoke", MNIST_RESNET_DATA_MIRROR=str(PROJECT / "data" / "01_raw")
    )
    if "could not be fetched from any source" in ended.stderr:
        pytest.skip(f"the data cannot be fetched here: {ended.stderr}")
    assert ended.returncode == 0, ended.stderr
    return SmokeRun(project, ended.stdout, ended.stderr)


SQUARES_PARAMETERS = {
    "data": {"validation_fraction": 0.2},
    "preprocessing": {"size": [12, 12]},
    "model": {"architecture": "resnet_tiny"},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "max_shift": 1},
    # int8 is published whatever it loses, since what it loses on so few images depends on the processor.
    "export": {"variants": {"tolerance": 0.9}},
    "evaluation": {"latency": {"warm_up": 1, "calls": 2}},
}


@pytest.fixture
def squares(tmp_path: Path, made_data: MadeData, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one more data set, ``squares``, which is added by configuration alone."""
    project = make_project(tmp_path)
    add_squares(project, made_data)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(made_data.write(tmp_path / "mirror" / "squares").parent))
    return project


def add_squares(project: Project, made_data: MadeData) -> None:
    files = {
        role: {"name": file.name, "size": file.size, "sha256": file.sha256}
        for role, file in vars(made_data.dataset.files).items()
        if not role.startswith("_")
    }
    described = {
        "title": made_data.dataset.title,
        "image_size": list(made_data.dataset.image_size),
        "class_names": list(made_data.dataset.class_names),
        "first_label": made_data.dataset.first_label,
        "empty_classes": list(made_data.dataset.empty_classes),
        "files": files,
    }
    _edit(project.folder / "conf/base/datasets.yml", lambda known: known["datasets"].update(squares=described))
    _edit(project.folder / "conf/base/parameters.yml", _add_parameters)


def _add_parameters(parameters: dict[str, Any]) -> None:
    squares = {concern: dict(values) for concern, values in parameters["mnist"].items()}
    for concern, values in SQUARES_PARAMETERS.items():
        squares[concern] = _merged(squares[concern], values)
    parameters["squares"] = squares


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {**base, **{k: _merged(base[k], v) if isinstance(v, dict) else v for k, v in changes.items()}}


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData) -> Path:
    """A project with the data set ``squares`` that has been through all stages once, untracked."""
    project = make_project(tmp_path_factory.mktemp("template"))
    add_squares(project, made_data)
    made_data.write(project.folder / "data/01_raw/squares")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        project.run({"tracking": {"enabled": False}}, pipeline_names=["training"], namespaces=["squares"])
    return project.folder


@pytest.fixture
def trained(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the template, to be spoiled."""
    folder = tmp_path / "trained"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return Project(folder)


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    variables = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, cwd=folder, check=True, env=variables, capture_output=True, text=True).stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listening_addresses(port: int) -> set[str]:
    """The addresses of this machine at which something listens to a port."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("Linux tells who listens where; this is another")
    rows = [line.split() for name in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / name)]
    # Second and fourth: the own address in hexadecimal, and the state, of which 0A is listening.
    local = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {_in_words(address) for address, number in local if int(number, 16) == port}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []


def _in_words(address: str) -> str:
    """An address as people write it; of the kernel's, each 32 bits are in this machine's order."""
    words = [int(address[place : place + 8], 16).to_bytes(4, sys.byteorder) for place in range(0, len(address), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))


@contextmanager
def serving(command: Sequence[str], folder: Path, address: str, **environment: str) -> Iterator[Callable[[], str]]:
    """Run a server until the block ends; the block starts once ``address`` answers, and gets what is printed so far."""
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(
            command, cwd=folder, env=clean_environment() | environment, stdout=output, stderr=subprocess.STDOUT
        ) as server,
    ):
        try:
            _wait_for(server, address, output)
            yield lambda: Path(output.name).read_text(errors="replace")
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(server: subprocess.Popen[bytes], address: str, output: IO[bytes]) -> None:
    for _ in range(240):
        if server.poll() is not None:
            break
        with suppress(requests.ConnectionError):
            requests.get(address, timeout=5)
            return
        time.sleep(0.25)
    output.seek(0)
    raise AssertionError(f"{address} does not answer: {output.read().decode(errors='replace')}")


def names_of(folder: Path) -> Sequence[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in [*_CHROMIUM_OPTIONS.split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(option)
    opened = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="session")
def fork_server() -> Iterator["ForkServer"]:
    """Commands in processes that start at once."""
    from tests.integration.forked import fork_server

    with fork_server() as server:
        yield server
