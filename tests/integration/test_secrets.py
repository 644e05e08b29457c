"""Credentials that are planted wherever a user may have them reach nothing that a run prints or writes."""

import base64
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner

from mnist_resnet.cli import run as run_command
from tests.integration.conftest import Project, listening_addresses, serving, serving_files
from tests.made_repository import git
from tests.tracking.servers import free_port

pytestmark = pytest.mark.integration

VARIABLES = {
    "AWS_SECRET_ACCESS_KEY": "hunter2-aws",
    "MLFLOW_TRACKING_PASSWORD": "hunter2-mlflow",
    "MLFLOW_TRACKING_USERNAME": "somebody",
    "MLFLOW_TRACKING_TOKEN": "hunter2-bearer",
    "TF_API_TOKEN": "hunter2-tf",  # begins as what is recorded of the environment does
    "OMP_SERVICE_TOKEN": "hunter2-omp",
}
IN_FILE, IN_REMOTE, IN_ADDRESS, IN_QUERY = "hunter2-file", "hunter2-remote", "hunter2-address", "hunter2-query"
SECRETS = (*(value for value in VARIABLES.values() if "hunter2" in value), IN_FILE, IN_REMOTE, IN_ADDRESS, IN_QUERY)
# The store itself is not to be asked with a name and a token at once.
BY_COMMAND = {name: value for name, value in VARIABLES.items() if not name.startswith("MLFLOW_")}
RUN = ("run", "--pipelines", "training", "--namespaces", "squares")


def in_address(url: str) -> str:
    return url.replace("://", f"://somebody:{IN_ADDRESS}@")


def assert_shows_none(text: str) -> None:
    assert not [secret for secret in (*SECRETS, "somebody") if secret in text], text


def assert_written_in_none(folder: Path, planted: set[Path]) -> None:
    """No file holds a secret, as it is or in base64, as basic authentication sends it."""
    sought = [secret.encode() for secret in SECRETS]
    sought += [base64.b64encode(b"somebody:" + secret)[:-4] for secret in sought]
    files = [file for file in folder.rglob("*") if file.is_file() and file not in planted]
    assert len(files) > 20
    assert not [(file, secret) for file in files for secret in sought if secret in file.read_bytes()]


@pytest.fixture
def planted(squares: Project, monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Credentials in the environment, in a file of ``conf/local``, and in the address of a git remote."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    file = squares.folder / "conf/local/credentials.yml"
    file.write_text(f"store:\n  password: {IN_FILE}\n")
    (squares.folder / ".gitignore").write_text("/data/\n/mirror/\n/mlflow.db\n/mlartifacts/\n")
    remote = f"remote add origin https://somebody:{IN_REMOTE}@example.org/repository"
    for words in ("init -q", "add -A", "commit -q -m First", remote):
        git(squares.folder, *words.split())
    file.write_text(f"store:\n  password: {IN_FILE}\n  changed: true\n")  # so that there is a patch
    (squares.folder / "conf/base/globals.yml").write_text("recipe: base\noutputs: data  # and another change\n")
    return {file, *(file for file in (squares.folder / ".git").rglob("*") if file.is_file())}


@pytest.fixture
def web_mirror(squares: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on loopback that has the made data set."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    with serving_files(squares.folder / "mirror") as address:
        yield address


def test_a_run_shows_and_writes_no_credentials(
    squares: Project,
    planted: set[Path],
    web_mirror: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", in_address(web_mirror))
    squares.run(pipeline_names=["training"], namespaces=["squares"])
    printed = "".join((*capfd.readouterr(), caplog.text))
    assert f"4 files from {web_mirror}/squares/" in printed
    assert_shows_none(printed)
    patches = list(squares.folder.rglob("uncommitted.patch"))
    assert len(patches) == 1
    assert "and another change" in patches[0].read_text()
    assert_written_in_none(squares.folder, planted)


def test_sources_that_fail_are_named_without_credentials(
    squares: Project, planted: set[Path], web_mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_query = f"{in_address(web_mirror)}?token={IN_QUERY}"
    for mirror in (in_address(f"{web_mirror}/nowhere"), with_query, in_address("ftp://h")):
        monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", mirror)
        ended = CliRunner().invoke(run_command, RUN[1:], catch_exceptions=False)
        assert ended.exit_code == 1
        assert "could not be fetched from any source" in ended.output
        assert_shows_none(ended.output)
    assert_written_in_none(squares.folder, planted)


def test_an_error_that_nobody_foresaw_is_shown_without_credentials(
    squares: Project, planted: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", in_address(f"http://127.0.0.1:{free_port()}"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ended = CliRunner().invoke(run_command, RUN[1:], catch_exceptions=False)
    mlflow.set_tracking_uri(None)
    assert ended.exit_code == 1
    assert "127.0.0.1" in ended.output
    assert_shows_none(ended.output)


@pytest.mark.slow
def test_a_server_that_is_asked_with_credentials_records_none(squares: Project, planted: set[Path]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    store = squares.folder / "server"
    store.mkdir()
    shutil.copy(squares.folder / "mlflow.db", store)  # empty as yet
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(store / "artifacts"), "--workers", "1"]
    command += ["--port", address.rpartition(":")[2]]
    mirror = str(squares.folder / "mirror")
    with serving(command, squares.folder, f"{address}/health") as printed:
        assert listening_addresses(int(address.rpartition(":")[2])) == {"127.0.0.1"}
        ended = squares.kedro(
            *RUN, MLFLOW_TRACKING_URI=in_address(address), MNIST_RESNET_DATA_MIRROR=mirror, **BY_COMMAND
        )
        assert ended.returncode == 0, ended.stderr
        assert f"in {address}" in ended.stdout
        assert_shows_none(ended.stdout + ended.stderr + printed())
    assert_written_in_none(squares.folder, planted)
