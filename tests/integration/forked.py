"""The client of ``fork_server.py``: ``kedro`` commands as processes that start at once, to be signalled."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.conftest import Project, clean_environment

SERVER = Path(__file__).with_name("fork_server.py")
SECONDS = 240
# MLflow does not recognize these processes as a test's, and would report its use.
NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class ForkServer:
    """Start commands of projects."""

    def __init__(self, process: "subprocess.Popen[str]", scratch: Path) -> None:
        self._process, self._scratch, self._started = process, scratch, 0

    def kedro(self, project: Project, *arguments: str, **environment: str) -> "Forked":
        """Type ``kedro`` as a user would; do not wait for its end."""
        self._started += 1
        output, marks = (self._scratch / f"{kind}{self._started}.txt" for kind in ("output", "marks"))
        variables = clean_environment() | NO_TELEMETRY | environment
        request = {"folder": str(project.folder), "arguments": arguments, "environment": variables}
        return Forked(self, self.ask(request | {"output": str(output), "marks": str(marks)}), output, marks)

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@dataclass
class Forked:
    """A command that the server has started."""

    server: ForkServer
    pid: int
    _output: Path
    _marks: Path
    _code: int | None = None

    def ended(self, wait: bool = False) -> int | None:
        """The exit code, negative for a signal; None if it goes on."""
        if self._code is None:
            self._code = self.server.ask({"ended": self.pid, "wait": wait})
        return self._code

    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text() if self._output.exists() else ""

    def marks(self) -> list[tuple[float, str]]:
        """When which kind of work has begun: start, fetch, prepare, train, export, evaluate or logging."""
        lines = self._marks.read_text().splitlines() if self._marks.exists() else []
        return [(float(at), kind) for at, kind in (line.split() for line in lines)]

    def finish(self) -> "Forked":
        """Wait for an end without an error."""
        assert self.ended(wait=True) == 0, self.output()
        return self

    def reach(self, kind: str, place: int = 0) -> bool:
        """Wait until a kind of work has begun ``place`` + 1 times; False if the process has ended before."""
        deadline = time.monotonic() + SECONDS
        while [kind for _, kind in self.marks()].count(kind) <= place:
            if self.ended() is not None:
                return False
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.005)
        return True

    def kill(self) -> str | None:
        """Kill it; what it was at, or None if it had ended by itself."""
        if self.ended() is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.marks()[-1][1] if self.ended(wait=True) == -signal.SIGKILL else None


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    """A server that ends with the block."""
    environment = clean_environment() | NO_TELEMETRY
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(
            [sys.executable, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        ) as process,
    ):
        yield ForkServer(process, Path(scratch))
        assert process.stdin is not None
        process.stdin.close()
