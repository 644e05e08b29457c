"""Projects to run: a copy of the configuration in a folder of its own, over the installed package."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

import mlflow
import pytest
import requests
import yaml
from click.testing import CliRunner, Result
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from mlflow.entities import Run
from selenium import webdriver

from mnist_resnet.cli import cli
from mnist_resnet.sweep.plan import SweepPlan, parameters_digest
from mnist_resnet.sweep.project_session import project_session
from mnist_resnet.tracking.store.address import tracking_uri
from tests.conftest import PROJECT, MadeData
from tests.made_repository import git

if TYPE_CHECKING:
    from tests.integration.forked import ForkServer

KEDRO = Path(sys.executable).with_name("kedro")
REPRODUCTION = "mnist_resnet-reproduce-"  # how the name of its temporary folder begins
_CHROMIUM_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1500,1000"
)


@dataclass(frozen=True)
class Project:
    """A Kedro project in a temporary folder."""

    folder: Path

    @property
    def store(self) -> str:
        """The address of MLflow's store, which is the project's own unless a test has set another."""
        return tracking_uri(self.folder)

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(self.store)

    def runs(self) -> list[Run]:
        """What MLflow holds of all runs, the latest first."""
        return self.client.search_runs([each.experiment_id for each in self.client.search_experiments()])

    def recorded(self, run_id: str, path: str) -> Path:
        """A file or folder among the artifacts of a run."""
        return Path(self.client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / path

    def kedro(self, *arguments: str, subfolder: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Type ``kedro`` as a user would."""
        return type_command([KEDRO, *arguments], self.folder / subfolder, **environment)

    def typed(self, *arguments: str) -> Result:
        """Type ``kedro`` within this process, in the present folder."""
        bootstrap_project(self.folder)
        return CliRunner().invoke(cli, arguments)

    def run(self, params: dict[str, Any] | None = None, env: str | None = None, **options: Any) -> dict[str, Any]:
        """Run pipelines within this process."""
        bootstrap_project(self.folder)
        with KedroSession.create(self.folder, env=env, runtime_params=params, save_on_close=False) as session:
            return session.run(**options)

    @contextmanager
    def unchanged(self, temporary: Path) -> Iterator[None]:
        """The project and its repository stay as they are, and no temporary folder of a reproduction is left."""
        before = self._state()
        yield
        assert self._state() == before
        assert list(temporary.glob(f"{REPRODUCTION}*")) == []

    def _state(self) -> list[bytes]:
        asked = ("status --porcelain --ignored", "rev-parse HEAD", "for-each-ref", "stash list")
        return [git(self.folder, *words.split()) for words in asked]


def type_command(command: Sequence[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type a command in a folder, with these variables besides, and wait for its end."""
    variables = clean_environment() | environment
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=1200, check=False)


def clean_environment() -> dict[str, str]:
    """The environment of a shell in which the project's virtual environment is active."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "KEDRO_"))}
    return kept | {"PATH": f"{KEDRO.parent}{os.pathsep}{os.environ['PATH']}"}


SQUARES = {
    "data": {"validation_fraction": 0.2},
    "preprocessing": {"size": [12, 12]},
    "model": {"architecture": "resnet_tiny"},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "max_shift": 1, "checkpoint_seconds": 0},
    # int8 is published whatever it loses, since what it loses on so few images depends on the processor, and however
    # fast it is; gemm would be if this processor is fast at it.
    "export": {"variants": {"names": ["int8", "fp16"], "tolerance": 0.9, "least_speed": None}},
    "evaluation": {"latency": {"warm_up": 1, "calls": 2}},
}


def make_project(folder: Path, made_data: MadeData | None = None, store: Path | None = None) -> Project:
    """A project in a folder, with the data set ``squares`` and a copy of a store where they are given."""
    shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    for name in ("src", "conf/local"):
        (folder / name).mkdir()
    if made_data:
        _add_squares(folder, made_data)
    if store:
        shutil.copy(store, folder / "mlflow.db")
    return Project(folder)


def _add_squares(folder: Path, made_data: MadeData) -> None:
    edit(folder / "conf/base/datasets.yml", lambda known: known["datasets"].update(squares=asdict(made_data.dataset)))
    edit(folder / "conf/base/parameters.yml", lambda known: known.update(squares=merged(known["mnist"], SQUARES)))


def as_configured(plan: SweepPlan, project: Project) -> SweepPlan:
    """A plan as it would have been made from a project's configuration."""
    with project_session(project.folder, plan, plan.params) as session:
        raw = session.load_context().config_loader["parameters"]
    return replace(plan, parameters_digest=parameters_digest(raw, plan.namespaces))


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Parameters with changes at any depth, of which the base is left as it is."""
    return {**base, **{k: merged(base[k], v) if isinstance(v, dict) else v for k, v in changes.items()}}


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


@dataclass(frozen=True)
class SmokeRun:
    """The smoke recipe, run once by command in this session, on the real data."""

    project: Project
    stdout: str
    stderr: str
    imports: frozenset[str]  # a package and the one that has imported it, by their names

    @property
    def outputs(self) -> Path:
        return self.project.folder / "data" / "recipes" / "smoke"

    def reported(self, namespace: str, name: str) -> dict[str, Any]:
        """One of the JSON files of a report."""
        return json.loads((self.outputs / "08_reporting" / namespace / name).read_text())

    def logged_model(self, namespace: str) -> mlflow.entities.LoggedModel:
        """The model that MLflow recorded for a data set."""
        (run,) = self.project.runs()
        models = self.project.client.search_logged_models([run.info.experiment_id])
        (model,) = [model for model in models if model.name == namespace]
        return model


# Python runs a module of the name sitecustomize first of all, in each process.
_NOTES_IMPORTS = """
import sys
from pathlib import Path

def note(event, arguments, noted=Path(__file__).with_name("imports")):
    # None stands for a package that is not there: see mnist_resnet.computing.blocked_imports.
    if event == "import" and "." not in arguments[0] and sys.modules.get(arguments[0], "") is not None:
        by = sys._getframe(1).f_globals.get("__name__", "")
        with noted.open("a") as file:
            file.write(arguments[0] + " " + by.partition(".")[0] + "\\n")

sys.addaudithook(note)
"""


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    project, watch = make_project(tmp_path_factory.mktemp("smoke")), tmp_path_factory.mktemp("watch")
    (watch / "sitecustomize.py").write_text(_NOTES_IMPORTS)
    words = ("run", "--pipeline", "training", "--env", "smoke")
    mirror = str(PROJECT / "data" / "01_raw")
    ended = project.kedro(*words, MNIST_RESNET_DATA_MIRROR=mirror, PYTHONPATH=str(watch))
    assert_done(ended)
    return SmokeRun(project, ended.stdout, ended.stderr, frozenset((watch / "imports").read_text().splitlines()))


def assert_done(ended: subprocess.CompletedProcess[str]) -> None:
    """Skip the test if a run ended because there are no data to be had, and fail it if for another reason."""
    if "could not be fetched from any source" in ended.stderr:
        pytest.skip(f"the data cannot be fetched here: {ended.stderr}")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def squares(tmp_path: Path, made_data: MadeData, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one more data set, ``squares``, which is added by configuration alone."""
    project = make_project(tmp_path, made_data, empty_store)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(made_data.write(tmp_path / "mirror" / "squares").parent))
    return project


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData) -> Path:
    """A project with the data set ``squares`` that has been through all stages once, untracked."""
    project = make_project(tmp_path_factory.mktemp("template"), made_data)
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


def listening_addresses(port: int) -> set[str]:
    """The addresses of this machine at which something listens to a port."""
    return {address for address, number, _ in _listening() if number == port}


def listening_sockets(process: int) -> set[tuple[str, int]]:
    """Where a process listens: the addresses, each with its port."""
    held = set[str]()
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed
            held.add(str(each.readlink()))
    return {(address, number) for address, number, inode in _listening() if f"socket:[{inode}]" in held}


def _listening() -> Iterator[tuple[str, int, str]]:
    """The address, the port and the inode of each socket that listens."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("Linux tells who listens where; this is another")
    rows = [line.split() for name in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / name)]
    for row in rows:
        # Second and fourth: the own address in hexadecimal, and the state, of which 0A is listening.
        if row[3] == "0A":
            address, _, number = row[1].partition(":")
            yield _in_words(address), int(number, 16), row[9]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []


def _in_words(address: str) -> str:
    """An address as people write it; of the kernel's, each 32 bits are in this machine's order."""
    words = [int(address[place : place + 8], 16).to_bytes(4, sys.byteorder) for place in range(0, len(address), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))


@contextmanager
def serving(command: Sequence[str], folder: Path, address: str, **environment: str) -> Iterator[Callable[[], str]]:
    """Run a server until the block ends; the block starts once ``address`` answers, and gets what is printed so far."""
    variables = clean_environment() | environment
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as server,
    ):
        try:
            _wait_for(server, address, output)
            yield lambda: Path(output.name).read_text(errors="replace")
        finally:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(server.pid, signal.SIGTERM)  # that of kedro viz is a process below the command's
            server.wait(30)


def _wait_for(server: subprocess.Popen[bytes], address: str, output: IO[bytes]) -> None:
    for _ in range(720):
        if server.poll() is not None:
            break
        with suppress(requests.ConnectionError):
            requests.get(address, timeout=5)
            return
        time.sleep(0.25)
    output.seek(0)
    raise AssertionError(f"{address} does not answer: {output.read().decode(errors='replace')}")


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """The address of a server on loopback that hands out the files of a folder until the block ends."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Planner(SequentialRunner):
    """Notes what would be run."""

    planned: set[str]

    def _run(self, pipeline: Pipeline, *_: Any, **__: Any) -> None:
        self.planned = {node.name.rpartition(".")[2] for node in pipeline.nodes}


def names_of(folder: Path) -> Sequence[str]:
    return sorted(times_of(folder))


def times_of(folder: Path) -> dict[str, int]:
    """When each file was last changed, in nanoseconds."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.stat().st_mtime_ns for file in files}


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
