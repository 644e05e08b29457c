"""The services of compose.yaml: nothing is open to others, and their commands work, here as plain processes."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.conftest import PROJECT, MadeData
from tests.integration.conftest import KEDRO, edit, make_project, serving, type_command
from tests.tracking.servers import free_port

pytestmark = pytest.mark.integration

PORTS = {"tracking": 5000, "serving": 5001, "viz": 4141}
SEALED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "init": True}
OTHERS = ("mnist", "fashion_mnist")
BLACK = [[0] * 8] * 8


def services(**variables: str) -> dict[str, Any]:
    """The services, with variables as a shell would have set them."""
    text = (PROJECT / "compose.yaml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1], found[2]), text)
    return yaml.safe_load(filled)["services"]


def test_the_services_are_sealed_and_reached_from_this_machine_only() -> None:
    known = services()
    assert known.keys() == {*PORTS, "training"}
    for name, service in known.items():
        assert service["image"] == "mnist_resnet:latest"
        assert service.items() >= SEALED.items()
        assert service.get("ports", []) == ([f"127.0.0.1:{PORTS[name]}:{PORTS[name]}"] if name in PORTS else [])
        assert ("healthcheck" in service) == (name in PORTS)
        assert service.get("depends_on", {}).keys() <= known.keys()
        assert (KEDRO.parent / service.get("entrypoint", ["mnist_resnet"])[0]).exists()
    assert "COMPUTE" in known["tracking"]["build"]["args"]


class Machine:
    """This machine in the place of the containers: one folder for /work, and ports that are free."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self._services = folder, services(**variables)
        self._ports = {str(port): str(free_port()) for port in PORTS.values()}

    def address(self, name: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._ports[str(PORTS[name])]}{path}"

    def serving(self, name: str, path: str = "/") -> AbstractContextManager[object]:
        return serving(self.command(name), self.folder, self.address(name, path), **self.variables(name))

    def command(self, name: str) -> list[str]:
        service = self._services[name]
        program, *words = [*service.get("entrypoint", ["mnist_resnet"]), *service["command"]]
        return [str(KEDRO.parent / program), *map(self._here, words)]

    def variables(self, name: str) -> Mapping[str, str]:
        asked = self._services[name].get("environment", {})
        return {key: self._here(value) for key, value in asked.items() if value is not None}

    def _here(self, text: str) -> str:
        text = text.replace("0.0.0.0", "127.0.0.1").replace("http://tracking", "http://127.0.0.1")  # noqa: S104
        text = re.sub("|".join(self._ports), lambda found: self._ports[found[0]], text)
        return text.replace("/work", str(self.folder))


@pytest.mark.slow
def test_what_is_trained_is_recorded_on_the_server_served_and_shown(
    made_data: MadeData, empty_store: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "project", made_data, empty_store)
    for file in ("datasets.yml", "parameters.yml"):
        edit(
            project.folder / "conf/base" / file, lambda known: [known.get("datasets", known).pop(n, 0) for n in OTHERS]
        )
    machine = Machine(project.folder, MODEL="squares")
    mirror = str(made_data.write(tmp_path / "mirror/squares").parent)
    with machine.serving("tracking", "/health"):
        ended = type_command(
            machine.command("training"),
            project.folder,
            **machine.variables("training"),
            MNIST_RESNET_DATA_MIRROR=mirror,
        )
        assert ended.returncode == 0, ended.stderr
        assert not (project.folder / "mlartifacts").exists()
        with machine.serving("serving", "/ping"):
            answer = requests.post(machine.address("serving", "/invocations"), json={"inputs": [BLACK]}, timeout=60)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["predictions"]["probabilities"][0]) == 3
        with machine.serving("viz"):
            shown = requests.get(machine.address("viz", "/api/main"), timeout=60).json()
            assert "squares.onnx" in {node.get(key) for node in shown["nodes"] for key in ("name", "full_name")}
