"""``kedro demo``, as typed in a project."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.storage.fingerprints import Fingerprint
from tests.integration.conftest import KEDRO, Project, clean_environment, listening_addresses, make_project
from tests.made_model import digits_model

pytestmark = [pytest.mark.integration, pytest.mark.landing]


@pytest.fixture
def project(tmp_path: Path, runtime: dict[str, bytes]) -> Project:
    """A project with an exported model of the recipe smoke."""
    project = make_project(tmp_path)
    exported = tmp_path / "data/recipes/smoke/06_models/mnist/model.onnx"
    exported.parent.mkdir(parents=True)
    exported.write_bytes(digits_model())
    made = Fingerprint({}, {}, {"mnist.onnx": sha256_of_path(exported)})
    made.write(tmp_path / "data/recipes/smoke/fingerprints/mnist/export.json")
    return project


def test_the_command_serves_the_page_on_this_machine_until_it_is_interrupted(project: Project) -> None:
    command = [KEDRO, "demo", "--env", "smoke", "--port", "0"]
    with subprocess.Popen(
        command, cwd=project.folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        address = line.split()[4]
        assert line == f"The page is at {address} until you press Ctrl-C.\n"
        (model,) = requests.get(f"{address}models.json", timeout=10).json()["models"]
        assert (model["title"], model["fit"]) == ("Made digits", "digit")
        assert model["source"] == "data/recipes/smoke/06_models/mnist/model.onnx"
        assert requests.get(address + model["file"], timeout=10).content == digits_model()
        assert listening_addresses(int(address.rstrip("/").rpartition(":")[2])) == {"127.0.0.1"}
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=20)
    assert (server.returncode, errors) == (130, "Stopped by SIGINT.\n")


def test_the_command_writes_a_folder_for_any_web_server(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    ended = project.typed("demo", "--env", "smoke", "--namespace", "mnist", "--build", "public/page")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Wrote the page to public/page")
    folder = project.folder / "public/page"
    (model,) = json.loads((folder / "models.json").read_text())["models"]
    assert (folder / model["file"]).read_bytes() == digits_model()
    ended = project.typed("demo", "--model", "data/recipes/smoke/06_models/mnist/model.onnx", "--build", "public/page")
    assert ended.exit_code == 0
    assert [path.name for path in (folder / "models").iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 1, "Error: data/06_models/mnist/model.onnx does not exist. Make it with `kedro run`"),
        (["--env", "smoke", "--namespace", "letters"], 2, "received 'letters'; the data sets are mnist, fashion_mnist"),
        (["--namespace", "mnist", "--model", "x.onnx"], 2, "--model and --namespace cannot be given together"),
        (["--env", "smoke", "--build", "conf"], 1, "Error: --build: received 'conf', which holds 'accurate'"),
        (["--env", "smoke", "--host", "192.0.2.1"], 1, "Error: --host, --port: received 192.0.2.1, 8028: "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(project.folder)
    ended = project.typed("demo", *arguments)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert message in ended.stderr
