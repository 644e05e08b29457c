import socket
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread

import pytest

from mnist_resnet.demo.server import ListeningError, PageServer

SITE = {"index.html": b"<p>page", "main.js": b"export {};", "runtime/a.wasm": b"\0asm", "models/m n.onnx": b"model"}
LARGE = {"models/large.onnx": bytes(20_000_000)}


@contextmanager
def running(host: str = "127.0.0.1"):
    with PageServer(SITE | LARGE, host, 0) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server():
    with running() as server:
        yield server


def asked(server, path="/", method="GET", **headers):
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/", "text/html; charset=utf-8", "index.html"),
        ("/index.html", "text/html; charset=utf-8", "index.html"),
        ("/main.js?again", "text/javascript; charset=utf-8", "main.js"),
        ("/runtime/a.wasm", "application/wasm", "runtime/a.wasm"),
        ("/models/m%20n.onnx", "application/octet-stream", "models/m n.onnx"),
    ],
)
def test_files_come_with_their_types(server, path, kind, name) -> None:
    response, content = asked(server, path)
    assert (response.status, response.headers["Content-Type"], content) == (200, kind, SITE[name])
    response, content = asked(server, path, "HEAD")
    assert (response.status, response.headers["Content-Length"], content) == (200, str(len(SITE[name])), b"")


@pytest.mark.parametrize("path", ["/other.html", "/../../etc/passwd", "/%2e%2e/pyproject.toml", "//127.0.0.1/x"])
def test_nothing_else_is_there(server, path) -> None:
    response, _ = asked(server, path)
    assert response.status == 404


def test_a_request_for_no_address_is_refused(server, capfd) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(b"GET http://[x HTTP/1.0\r\n\r\n")
        assert b" 400 " in connection.recv(100)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_each_answer_keeps_the_page_to_itself(server, path) -> None:
    headers = asked(server, path)[0].headers
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert {policy[each] for each in ("style-src", "img-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent(server, method) -> None:
    assert asked(server, "/", method)[0].status == 501


def test_a_page_of_another_site_cannot_name_this_machine_as_its_own(server) -> None:
    assert asked(server, Host="site.example")[0].status == 421
    assert asked(server, Host=f"localhost:{server.server_port}")[0].status == 200


@pytest.mark.parametrize("name", ["127.0.0.1", "LOCALHOST:80", "localhost:9000", "[::1]:9000", "[::ffff:127.0.0.1]"])
def test_this_machine_may_be_named_in_any_way_and_at_the_port_of_a_tunnel(server, name) -> None:
    assert server.knows(name)


@pytest.mark.parametrize(
    "name", [None, "", "site.example", "127.0.0.1.site.example:80", "localhost.site", "[::1", "10.0.0.1"]
)
def test_what_names_another_machine_is_not_answered(server, name) -> None:
    assert not server.knows(name)


@pytest.mark.parametrize("host", ["127.1", "LOCALHOST", "::ffff:127.0.0.1"])
def test_only_this_machine_is_answered_however_its_address_is_typed(host) -> None:
    with running(host) as server:
        assert not server.knows("site.example")
        assert server.knows(f"localhost:{server.server_port}")


def test_an_address_that_is_left_out_does_not_stand_for_all() -> None:
    with pytest.raises(ListeningError, match="received ''; name an address, such as 127"):
        PageServer(SITE, "", 0)


def test_on_all_addresses_any_name_is_answered() -> None:
    with running("0.0.0.0") as server:  # noqa: S104
        assert asked(server, Host="my-machine:80")[0].status == 200


def test_version_6_of_the_internet_protocol_is_spoken() -> None:
    if not socket.has_ipv6 or not _can_listen_at("::1"):
        pytest.skip("this machine has no address ::1")
    with running("::1") as server:
        assert server.address == f"http://[::1]:{server.server_port}/"
        connection = HTTPConnection("::1", server.server_port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()


def _can_listen_at(host: str) -> bool:
    with socket.socket(socket.AF_INET6) as opened:
        try:
            opened.bind((host, 0))
        except OSError:
            return False
        return True


def test_a_browser_that_leaves_early_is_nothing_to_tell(server, capfd) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(f"GET /models/large.onnx HTTP/1.1\r\nHost: localhost:{server.server_port}\r\n\r\n".encode())
        connection.recv(100)
        # Closed at once, by a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    time.sleep(0.3)
    assert asked(server)[0].status == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_refused_in_one_line(server) -> None:
    with pytest.raises(ListeningError, match=rf"received 127\.0\.0\.1, {server.server_port}: .*--port 0 for any"):
        PageServer(SITE, "127.0.0.1", server.server_port)
