"""Nodes of Ray on this machine, each started by the command that starts one on a host, and what runs on them."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE
from tests.integration.scale.processes import processes_below, wait_until

RAY = Path(sys.executable).with_name("ray")
SECONDS_TO_START = 120


@dataclass(frozen=True)
class Nodes:
    """A cluster: the process of each node, and the variables by which a command joins it."""

    variables: Mapping[str, str]
    processes: tuple[subprocess.Popen[bytes], ...]

    def processes_of(self, command: bytes) -> list[list[int]]:
        """The processes of each node by a part of their command, such as ``RayTrainWorker``."""
        return [processes_below(node.pid, command) for node in self.processes]

    def told(self, expression: str) -> str:
        """What another process that joins the cluster says to an expression of the module ``ray``."""
        program = (
            "import ray, ray.util; from mnist_resnet.computing.cluster import cluster\n"
            f"with cluster(): print({expression})"
        )
        return subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | self.variables,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=SECONDS_TO_START,
        ).stdout.strip()


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """A cluster of two nodes, of one core each, that asks for a token."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"127.0.0.1:{port}"
    # Sockets need a short path, and other clusters of this machine are not to find this one.
    with tempfile.TemporaryDirectory(prefix="ray.", dir="/tmp", ignore_cleanup_errors=True) as name:
        token = Path(name) / "token"
        token.write_text(64 * "7")
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        head = ("--head", f"--port={port}", "--include-dashboard=false")
        started = secret | {"RAY_USAGE_STATS_ENABLED": "0"}
        with (
            _node(Path(name) / "a", started, *head) as first,
            _node(Path(name) / "b", started, f"--address={address}") as second,
        ):
            yield Nodes(secret | {ADDRESS_VARIABLE: address}, (first, second))


@contextmanager
def _node(folder: Path, variables: Mapping[str, str], *role: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [RAY, "start", "--block", "--num-cpus=1", "--node-ip-address=127.0.0.1", *role]
    folder.mkdir()
    with (folder / "node.log").open("ab") as log:
        environment = os.environ | variables | {"RAY_TMPDIR": str(folder)}
        node = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: node.poll() is not None or processes_below(node.pid, b"raylet"), SECONDS_TO_START)
        assert node.poll() is None, (folder / "node.log").read_text()
        yield node
    finally:
        node.terminate()
        node.wait(SECONDS_TO_START)
