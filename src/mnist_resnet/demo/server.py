"""A web server for the page, which answers on this machine alone unless told otherwise."""

import socket
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from mnist_resnet.demo.site import CONTENT_SECURITY_POLICY
from mnist_resnet.errors import UserError

_TYPES = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }
)
_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",  # a model may have been trained again
    }
)


class ListeningError(UserError, OSError):
    """An address that the server cannot listen at."""


class PageServer(ThreadingHTTPServer):
    """A server of files that are in memory, so that no request reaches any other.

    Args:
        site: The contents of the files by their addresses; see ``demo.site``.
        host: The address to listen at. On a loopback address, only requests that name this machine are answered, so
            that no page of another site can have the browser read the models (DNS rebinding).
        port: 0 for any that is free.

    Raises:
        ListeningError: If nothing can listen there, or no address is named, which would be all of them.
    """

    daemon_threads = True

    def __init__(self, site: Mapping[str, bytes], host: str, port: int) -> None:
        if not host:
            raise ListeningError("--host: received ''; name an address, such as 127.0.0.1")
        self.site, self.host = site, host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ListeningError(
                f"--host, --port: received {host}, {port}: {error.strerror or error}; choose another, or --port 0 for "
                f"any that is free"
            ) from error

    @property
    def address(self) -> str:
        """The address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_port}/"

    def knows(self, host: str | None) -> bool:
        """Whether a request's ``Host`` names this server, at any port: a tunnel may end at another one."""
        if not _is_loopback(str(self.server_address[0])):
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in {"localhost", self.host.lower()} or _is_loopback(name)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has left before the answer was whole."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "mnist_resnet", ""

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def log_message(self, *_: Any) -> None:
        """Say nothing of requests, which are a person's own."""

    def _answer(self, with_content: bool) -> None:
        try:
            name = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if not self.server.knows(self.headers.get("Host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        elif name not in self.server.site:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._send(name, self.server.site[name], with_content)

    def _send(self, name: str, content: bytes, with_content: bool) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES[PurePosixPath(name).suffix])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def end_headers(self) -> None:
        """End the headers, of errors too, with those that keep the page to itself."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()
