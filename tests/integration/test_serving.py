"""A recorded model, served by MLflow on loopback, answers raw images and refuses everything else."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from mnist_resnet.data.idx import parse
from tests.integration.conftest import SmokeRun, listening_addresses, serving
from tests.tracking.servers import free_port

pytestmark = [pytest.mark.integration, pytest.mark.landing]

CLIENTS, REQUESTS = 32, 8
# Far above what it takes, so that only a server that stalls exceeds it.
SECONDS = 120

BLACK = [[0] * 28] * 28


@dataclass(frozen=True)
class Server:
    """A served model, and what it printed before its first request."""

    address: str
    start: str

    def ask(self, body: Any, client: Any = requests) -> requests.Response:
        """Post a body: text as it stands, anything else as JSON."""
        content = body if isinstance(body, str) else json.dumps(body)
        return client.post(self.address, content, headers={"Content-Type": "application/json"}, timeout=SECONDS)


@pytest.fixture(scope="module")
def server(smoke: SmokeRun) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", "models:/mnist@champion", "--port", str(port), "--workers", "1"]
    with serving(command, smoke.project.folder, f"http://127.0.0.1:{port}/ping") as printed:
        yield Server(f"http://127.0.0.1:{port}/invocations", printed())


@pytest.fixture(scope="module")
def images(smoke: SmokeRun) -> np.ndarray:
    return parse((smoke.project.folder / "data/01_raw/mnist/t10k-images-idx3-ubyte").read_bytes())


@pytest.fixture(scope="module")
def probabilities(smoke: SmokeRun) -> np.ndarray:
    """What onnxruntime answered when the run evaluated the exported file on the same images."""
    return np.load(smoke.outputs / "07_model_output/mnist/test_probabilities.npy")


def assert_answered(answer: requests.Response, expected: np.ndarray) -> None:
    assert answer.status_code == 200, answer.text
    # The same file and runtime at another batch size: only the order of float32 sums may differ.
    assert np.asarray(answer.json()["predictions"]["probabilities"]) == pytest.approx(expected, abs=1e-5)


def with_pixel(value: object) -> list[list[object]]:
    """A black image but for one pixel."""
    return [[value, *BLACK[0][1:]], *BLACK[1:]]


def test_the_server_starts_without_alarming_lines(server: Server) -> None:
    assert "Application startup complete" in server.start
    words = server.start.lower()
    assert not [alarm for alarm in ("error", "warning", "traceback", "fail", "cuda") if alarm in words], server.start


def test_the_server_can_be_asked_from_this_machine_only(server: Server) -> None:
    port = urlsplit(server.address).port
    assert port is not None
    assert listening_addresses(port) == {"127.0.0.1"}


def test_raw_images_are_answered_with_their_probabilities(
    server: Server, images: np.ndarray, probabilities: np.ndarray
) -> None:
    some = images[:8].tolist()
    records = [{"image": image} for image in some]
    for form in ({"inputs": {"image": some}}, {"inputs": some}, {"instances": some}, {"instances": records}):
        assert_answered(server.ask(form), probabilities[:8])


def test_many_clients_at_once_each_get_their_own_answer(
    server: Server, images: np.ndarray, probabilities: np.ndarray
) -> None:
    def ask_for(client: int) -> None:
        with requests.Session() as session:
            for number in range(client * REQUESTS, (client + 1) * REQUESTS):
                answer = server.ask({"inputs": {"image": images[number : number + 1].tolist()}}, session)
                assert_answered(answer, probabilities[number : number + 1])

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(ask_for, range(CLIENTS)))
    assert time.perf_counter() - started < SECONDS


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({"inputs": {"image": [with_pixel(300)]}}, "received 300 in image 0, row 0, column 0", id="300"),
        pytest.param({"inputs": {"image": [with_pixel(float("nan"))]}}, "received nan in", id="NaN"),
        pytest.param({"inputs": {"image": [with_pixel(10**400)]}}, "too large", id="10^400"),
        pytest.param({"inputs": {"image": [[[False] * 28] * 28]}}, "received False", id="booleans"),
        pytest.param({"instances": [{"image": with_pixel(0.5)}]}, "received 0.5 in", id="0.5 in a record"),
        pytest.param({"inputs": {"image": [BLACK[:27]]}}, "shape (1, 27, 28)", id="27 rows"),
        pytest.param({"inputs": {"image": BLACK}}, "shape (28, 28)", id="one image, no list"),
        pytest.param({"inputs": {"image": [[*BLACK[:27], [0]]]}}, "different lengths", id="ragged rows"),
        pytest.param({"inputs": {"image": [BLACK, BLACK[:27]]}}, "different lengths", id="ragged images"),
        pytest.param({"inputs": {"image": []}}, "no pixels", id="no images"),
        pytest.param({"inputs": {"image": "a picture"}}, "received 'a picture'", id="text"),
        pytest.param({"inputs": None}, "received None", id="null"),
        pytest.param({"inputs": {"picture": [BLACK]}}, "missing inputs ['image']", id="another name"),
        pytest.param({"inputs": {}}, "missing inputs ['image']", id="no name"),
        pytest.param({"images": [BLACK]}, "exactly one of the input fields", id="another key"),
        pytest.param([BLACK], "Received a list", id="a list"),
        pytest.param('{"inputs": ', "valid JSON", id="half of a request"),
        pytest.param("", "valid JSON", id="nothing"),
        pytest.param({"dataframe_records": [{"image": BLACK}]}, "not supported", id="a data frame"),
        pytest.param({"inputs": [BLACK] * 10_001}, "at most 10000 images", id="too many images"),
    ],
)
def test_what_is_no_image_is_refused_and_the_server_lives_on(
    server: Server, images: np.ndarray, probabilities: np.ndarray, body: object, says: str
) -> None:
    answer = server.ask(body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert_answered(server.ask({"inputs": images[:1].tolist()}), probabilities[:1])


def test_what_is_no_json_by_its_type_is_refused(server: Server) -> None:
    answer = requests.post(server.address, "a picture", headers={"Content-Type": "image/png"}, timeout=SECONDS)
    assert answer.status_code == 415
