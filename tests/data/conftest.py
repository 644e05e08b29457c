"""A web server on this machine, and stand-ins for the clients of package registries."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mnist_resnet.config import IdxFile
from tests.conftest import MadeData


@dataclass(frozen=True)
class Reply:
    """What the server says; content in parts is sent without telling its length."""

    content: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WebServer:
    """``replies`` by path, all else is 404; ``requests`` are the paths asked for so far."""

    url: str
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def say(self, name: str, content: bytes | Iterable[bytes] = b"", status: int = 200, **headers: str) -> None:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.replies[f"/{name}"] = Reply(content, status, named)


@pytest.fixture
def web_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            reply = served.replies.get(self.path, Reply(status=404))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if isinstance(reply.content, bytes) and "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            try:
                for part in [reply.content] if isinstance(reply.content, bytes) else reply.content:
                    self.wfile.write(part)
            except ConnectionError:
                pass  # The client has read enough.

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = WebServer(f"http://127.0.0.1:{server.server_port}/")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the code under test would have slept; it does not."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script on PATH, before all else, under the name of a client."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return put


@pytest.fixture
def no_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without npm and apt-get."""
    monkeypatch.setenv("PATH", str(tmp_path / "no such folder"))


def read(place: Any, files: list[IdxFile]) -> dict[str, Any]:
    """What a place holds, by file name; of several contents of a file the last."""
    return {file.name: content for file, content in place.read(files)}


@pytest.fixture
def files(made_data: MadeData) -> list[IdxFile]:
    return [getattr(made_data.dataset.files, role) for role in made_data.contents]


@pytest.fixture
def contents(made_data: MadeData) -> dict[str, bytes]:
    """The contents by file name."""
    return {getattr(made_data.dataset.files, role).name: content for role, content in made_data.contents.items()}
