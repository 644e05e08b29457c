"""A recorded model, served by MLflow on loopback, answers raw images."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import requests

from mnist_resnet.data.idx import parse
from tests.integration.conftest import SmokeRun, free_port, serving

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address(smoke: SmokeRun) -> Iterator[str]:
    port = free_port()
    model = smoke.logged_model("mnist").artifact_location
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", model, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with serving(command, smoke.project.folder, f"http://127.0.0.1:{port}/ping"):
        yield f"http://127.0.0.1:{port}/invocations"


def test_raw_images_are_answered_with_their_probabilities(smoke: SmokeRun, address: str) -> None:
    images = parse((smoke.project.folder / "data/01_raw/mnist/t10k-images-idx3-ubyte").read_bytes())[:8]
    expected = np.load(smoke.outputs / "07_model_output/mnist/test_probabilities.npy")[:8]
    answer = requests.post(address, json={"inputs": {"image": images.tolist()}}, timeout=30)
    assert answer.status_code == 200, answer.text
    # The same file and runtime at another batch size: only the order of float32 sums may differ.
    assert np.asarray(answer.json()["predictions"]["probabilities"]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("image", [[[300] * 28] * 28, [[0] * 28] * 27, "a picture"])
def test_what_is_no_image_is_refused(address: str, image: object) -> None:
    answer = requests.post(address, json={"inputs": {"image": [image]}}, timeout=30)
    assert answer.status_code == 400
