"""Servers that stall, drip, lie and lead astray: bounded time and memory, the reason told, the next source asked."""

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

import pytest

from mnist_resnet.config import DebianSource, HttpsSource, IdxFile
from mnist_resnet.data.fetch import FetchError, fetch
from mnist_resnet.data.sources import DeliveryError, WebFolder, time_limit
from mnist_resnet.storage.artifacts import read_files
from tests.conftest import memory_below

PATIENCE = 20  # seconds; a busy machine is slow in all it does
MOST_BYTES = 20_000_000
STALLED, TOO_SLOW = "Read timed out", "it took more than 0.8 s in all"


class Connection:
    """What a behaviour of the server acts on."""

    def __init__(self, send: Callable[[bytes], None], path: str, over: Event) -> None:
        self.send, self.path, self.over = send, path, over

    def reply(self, body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> None:
        length = len(body) if length is None else length
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", "Connection: close", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def repeat(self, content: bytes, pause: float = 0.0) -> None:
        while not self.over.wait(pause):
            self.send(content)

    def stall(self) -> None:
        self.over.wait(2 * PATIENCE)


Behaviour = Callable[[Connection, bytes], None]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Start servers that treat each request by one behaviour, and know the file that is asked for."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    servers, over = [], Event()

    def start(behave: Behaviour, contents: dict[str, bytes], context: ssl.SSLContext | None = None) -> str:
        def secured(request: socket.socket) -> socket.socket:
            return context.wrap_socket(request, server_side=True) if context else request

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                # The client may have gone.
                with suppress(OSError, IndexError, KeyError), secured(self.request) as request:
                    path = request.recv(1 << 16).split()[1].decode(errors="replace")
                    connection = Connection(request.sendall, path, over)
                    behave(connection, contents[Path(path).name.removesuffix(".gz")])

        class Server(ThreadingTCPServer):
            daemon_threads = True

        servers.append(Server(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"{'https' if context else 'http'}://127.0.0.1:{servers[-1].server_address[1]}/"

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@cache
def bomb() -> bytes:
    """A hundred megabytes in a hundred kilobytes."""
    return gzip.compress(bytes(100_000_000), 9)


def endless(beginning: bytes, content: bytes, pause: float = 0.0) -> Behaviour:
    """Send the beginning of an answer once, and then the same again and again."""
    return lambda client, _: (client.send(beginning), client.repeat(content, pause))


def redirect(client: Connection, place: str) -> None:
    client.reply(b"", f"Location: {place}", status="302 Found")


OK, DRIP = b"HTTP/1.1 200 OK\r\n", 0.05
CHUNKED, UNFINISHED = OK + b"Transfer-Encoding: chunked\r\n\r\n", OK + b"X: "
NO_FILE = "No connection adapters were found for 'file:///etc/hostname'"
BEHAVIOURS: dict[str, tuple[Behaviour, str]] = {
    "stalls": (lambda client, _: client.stall(), STALLED),
    "stalls within the body": (
        lambda client, file: (client.reply(file[:9], length=len(file)), client.stall()),
        STALLED,
    ),
    "drips headers": (endless(UNFINISHED, b"x", DRIP), TOO_SLOW),
    "drips the body": (endless(OK + b"Content-Length: 10000\r\n\r\n", b"x", DRIP), TOO_SLOW),
    "drips chunks": (endless(CHUNKED, b"1\r\nx\r\n", DRIP), TOO_SLOW),
    "never ends the size of a chunk": (
        endless(CHUNKED, b"0" * 65536),
        "Response chunk size line exceeded maximum allowed length",
    ),
    "never ends its headers": (endless(UNFINISHED, b"x" * 65536), "got more than 65536 bytes"),
    "never ends": (endless(OK + b"\r\n", bytes(65536)), "sent more than the"),
    "breaks off": (lambda client, file: client.reply(file[:-7], length=len(file)), "IncompleteRead"),
    "tells too small a length": (
        lambda client, file: client.reply(file, length=len(file) - 7),
        "uncompressed bytes, received",
    ),
    "sends nothing": (lambda client, _: None, "Remote end closed connection without response"),
    "speaks no HTTP": (lambda client, _: client.send(b"220 mail.example ESMTP\r\n"), "220 mail.example"),
    "sends wrong bytes": (lambda client, file: client.reply(bytes(len(file))), "SHA-256 is"),
    "sends a page": (lambda client, _: client.reply(b"<html>Log in</html>"), "uncompressed bytes, received 19"),
    "sends a gzip bomb": (lambda client, _: client.reply(bomb()), "the gzip stream expands to more than"),
    "compresses a bomb": (lambda client, _: client.reply(bomb(), "Content-Encoding: gzip"), "sent more than the"),
    "fails": (lambda client, _: client.reply(b"", status="500 Internal Server Error"), "500"),
    "redirects to a file": (lambda client, _: redirect(client, "file:///etc/hostname"), NO_FILE),
    "redirects to itself": (lambda client, _: redirect(client, client.path), "Exceeded 30 redirects"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Shorten the limit that is to be exceeded, by the reason expected, and no other."""

    def shorten(reason: str) -> None:
        monkeypatch.setattr("mnist_resnet.data.sources.READ_SECONDS", 0.2 if reason == STALLED else PATIENCE)
        monkeypatch.setattr("mnist_resnet.data.sources.SOURCE_SECONDS", 0.8 if reason == TOO_SLOW else 2 * PATIENCE)

    return shorten


@pytest.mark.parametrize(("size", "seconds"), [(11_000_000, 300), (600_000_000, 4 * 3000)])
def test_larger_data_have_more_time(size, seconds):
    assert time_limit([IdxFile(name=f"file{number}", size=size, sha256="0" * 64) for number in range(4)]) == seconds


@pytest.mark.parametrize(("behave", "reason"), BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_the_next_source_is_asked_soon_and_the_reason_told(
    start, behave, reason, impatient, made_data, contents, tmp_path, caplog, naps
):
    impatient(reason)
    caplog.set_level("INFO", logger="mnist_resnet.data.fetch")
    made_data.write(tmp_path / "installed")
    before = read_files(tmp_path)
    source = DebianSource(kind="debian", package="made-squares", folder=str(tmp_path / "installed"))
    mirror = start(behave, contents)
    bomb()  # it is the server's memory that making it takes
    started = time.monotonic()
    with memory_below(MOST_BYTES):
        found = fetch(replace(made_data.dataset, sources=(source,)), tmp_path / "raw", mirror)
    assert found == made_data.contents
    assert time.monotonic() - started < PATIENCE
    *refusals, taken = [each.getMessage() for each in caplog.records if each.name == "mnist_resnet.data.fetch"]
    assert refusals
    for line in refusals:
        assert line.startswith(f"Made squares: a source failed: {mirror}: ")
        assert reason in line
    assert "4 files from Debian package made-squares" in taken
    assert read_files(tmp_path) == before
    assert not (tmp_path / "raw").exists()


def test_one_error_names_each_source_and_its_reason(start, made_data, contents, tmp_path, naps):
    leading_astray, plain = (start(BEHAVIOURS[name][0], contents) for name in ("redirects to a file", "fails"))
    url = f"https://{plain.removeprefix('http://')}"  # where no TLS is spoken
    dataset = replace(made_data.dataset, sources=(HttpsSource(kind="https", url=url),))
    with pytest.raises(FetchError) as refusal:
        fetch(dataset, tmp_path / "raw", leading_astray)
    lines = str(refusal.value).splitlines()
    assert f"- {leading_astray}: {NO_FILE}" in lines
    assert any(line.startswith(f"- {url}: ") and "SSL" in line for line in lines)


# Whom a server claims to be


@pytest.fixture
def certify(tmp_path) -> Callable[[str], tuple[Path, ssl.SSLContext]]:
    """A certificate for an address, signed by itself, and a server's context with it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    def certify(address: str) -> tuple[Path, ssl.SSLContext]:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made")])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        public, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
        public.write_bytes(certificate.public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        return public, context

    return certify


@pytest.fixture
def trusted(certify, monkeypatch) -> ssl.SSLContext:
    """The context of a server on this machine whose certificate the user trusts."""
    certificate, context = certify("127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return context


def right(client: Connection, file: bytes) -> None:
    client.reply(file)


def read(url: str, files: list[IdxFile]) -> dict[str, bytes]:
    return {file.name: content for file, content in WebFolder(url).read(files[:1])}


@pytest.mark.parametrize(
    ("address", "trusted", "reason"),
    [("127.0.0.1", False, "self-signed certificate"), ("127.0.0.2", True, "IP address mismatch")],
    ids=["signed by nobody", "another's name"],
)
def test_a_server_that_cannot_prove_who_it_is_gets_no_request(
    start, certify, files, contents, monkeypatch, naps, address, trusted, reason
):
    asked = []
    certificate, context = certify(address)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    url = start(lambda client, file: (asked.append(client.path), right(client, file)), contents, context)
    with pytest.raises(DeliveryError, match=reason):
        read(url, files)
    assert asked == []


def test_a_server_whose_certificate_the_user_trusts_is_read(start, trusted, files, contents):
    assert read(start(right, contents, trusted), files) == {files[0].name: contents[files[0].name]}


def test_a_drip_over_tls_is_cut_off_too(start, trusted, files, contents, impatient):
    impatient(TOO_SLOW)
    started = time.monotonic()
    with pytest.raises(DeliveryError, match=TOO_SLOW):
        read(start(BEHAVIOURS["drips the body"][0], contents, trusted), files)
    assert time.monotonic() - started < PATIENCE
