"""A served model under load on loopback: requests in a second, and the time of an answer.

    .venv/bin/python benchmarks/serving.py --clients 32 --seconds 10

Each client sends one raw image a request, over a connection of its own that stays open, and sends the
next when it has the answer. Clients and server share the machine. The model is the newest that MLflow
recorded here, unless one is named.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import numpy as np
import requests
from hardware import describe_machine

from mnist_resnet.tracking.store.address import tracking_uri

PROJECT = Path(__file__).parents[1]
HEADERS = {"Content-Type": "application/json"}
SECONDS_TO_START = 120


@dataclass(frozen=True)
class Load:
    """What clients saw: milliseconds of each good answer, and why other requests had none."""

    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def newest_model() -> str:
    """The URI of the model that was recorded last, in any experiment of the project's store."""
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = [{"field_name": "creation_time", "ascending": False}]
    models = client.search_logged_models(experiments, max_results=1, order_by=newest)
    if not models:
        raise SystemExit(f"No model is recorded in {tracking_uri(PROJECT)}: run `make training` once, or name one")
    return f"models:/{models[0].model_id}"


def input_shape(uri: str) -> tuple[int, int]:
    """Height and width of the images that a model takes."""
    height, width = mlflow.models.get_model_info(uri).metadata["image_size"]
    return height, width


@contextmanager
def served(uri: str) -> Iterator[str]:
    """The address at which `mlflow models serve` answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--model-uri", uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # MLflow starts uvicorn by name.
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as server,
    ):
        try:
            wait_for(server, f"http://127.0.0.1:{port}/ping", Path(output.name))
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            server.terminate()


def wait_for(server: subprocess.Popen[bytes], address: str, output: Path) -> None:
    """Return once the address answers; what the server printed is the error if it does not."""
    deadline = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            requests.get(address, timeout=5)
            return
        time.sleep(0.25)
    raise RuntimeError(f"`mlflow models serve` does not answer at {address}: {output.read_text('utf-8', 'replace')}")


def client(address: str, body: str, until: float, load: Load) -> None:
    """Ask until the time is over."""
    with requests.Session() as session:
        while (started := time.perf_counter()) < until:
            try:
                answer = session.post(address, body, headers=HEADERS, timeout=60)
                answer.raise_for_status()
            except requests.RequestException as error:
                load.errors.append(str(error))
            else:
                load.milliseconds.append(1000 * (time.perf_counter() - started))


def measure(address: str, body: str, clients: int, seconds: float) -> tuple[Load, float]:
    """What all clients saw together, and the seconds until the last had its last answer."""
    load, started = Load(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: client(address, body, started + seconds, load), range(clients)))
    return load, time.perf_counter() - started


def main() -> None:
    """Print the table for docs/results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="as mlflow names it, such as models:/mnist@champion (default: the newest)")
    parser.add_argument("--clients", type=int, default=32, help="how many ask at once (default: 32)")
    parser.add_argument("--seconds", type=float, default=10.0, help="for how long (default: 10)")
    asked = parser.parse_args()
    mlflow.set_tracking_uri(tracking_uri(PROJECT))
    uri = asked.model or newest_model()
    image = np.random.default_rng(0).integers(256, size=(1, *input_shape(uri)), dtype=np.uint8)
    body = json.dumps({"inputs": {"image": image.tolist()}})
    with served(uri) as address:
        measure(address, body, asked.clients, min(asked.seconds, 2.0))  # so that nothing is measured cold
        load, seconds = measure(address, body, asked.clients, asked.seconds)
    if len(load.milliseconds) < 2:
        raise SystemExit(f"No answers: {load.errors[:1]}")
    hundredths = statistics.quantiles(load.milliseconds, n=100)
    print(f"{describe_machine()}; {uri}, {asked.clients} clients, {seconds:.1f} s; n = {len(load.milliseconds)}\n")
    print("| requests/s | p50 | p99 | errors |\n| --- | --- | --- | --- |")
    speed = len(load.milliseconds) / seconds
    print(f"| {speed:.0f} | {hundredths[49]:.1f} ms | {hundredths[98]:.1f} ms | {len(load.errors)} |")


if __name__ == "__main__":
    main()
