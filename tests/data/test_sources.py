import gzip
import logging
import socket
import time
from contextlib import closing

import pytest

from mnist_resnet.data.sources import MEGABYTE, DeliveryError, Folder, WebFolder, file_names
from tests.data.conftest import read

HOUR = {"Retry_After": "3600"}

# A folder of this machine


def test_a_folder_hands_over_each_file_under_each_of_its_names(tmp_path, files):
    first, second, third, _ = (file.name for file in files)
    (tmp_path / first).write_bytes(b"plain")
    (tmp_path / f"{first}.gz").write_bytes(b"compressed")
    (tmp_path / f"{second}.gz").write_bytes(b"compressed")
    (tmp_path / third).mkdir()
    found = [(file.name, content) for file, content in Folder(tmp_path).read(files)]
    assert found == [(first, b"plain"), (first, b"compressed"), (second, b"compressed")]


def test_of_a_file_that_is_too_large_a_folder_reads_no_more_than_shows_it(tmp_path, files):
    with (tmp_path / files[0].name).open("wb") as sparse:
        sparse.truncate(1 << 40)  # a terabyte that takes no room on the disk
    assert len(read(Folder(tmp_path), files)[files[0].name]) == files[0].size + MEGABYTE


@pytest.mark.parametrize("name", [".", "absent"])
def test_a_folder_may_have_none_of_the_files(tmp_path, files, name):
    assert read(Folder(tmp_path / name), files) == {}


# A web server


@pytest.mark.parametrize(("compress", "suffix"), [(gzip.compress, ".gz"), (bytes, "")], ids=["gzip", "plain"])
def test_a_web_folder_serves_files_compressed_or_not(web_server, files, contents, compress, suffix):
    served = {name: compress(content) for name, content in contents.items()}
    for name, content in served.items():
        web_server.say(f"{name}{suffix}", content)
    assert read(WebFolder(web_server.url), files) == served
    assert web_server.requests[0] == f"/{files[0].name}.gz"


def test_a_file_that_the_server_itself_compressed_comes_as_it_is(web_server, files, contents):
    (name, content), *_ = contents.items()
    web_server.say(name, gzip.compress(content), Content_Encoding="gzip")
    assert read(WebFolder(web_server.url), files[:1]) == {name: content}


def test_a_web_folder_with_none_of_the_files_is_asked_for_each_name(web_server, files):
    assert read(WebFolder(web_server.url), files[:1]) == {}
    assert web_server.requests == [f"/{name}" for name in file_names(files[0].name)]


# With what it answers, and how often it is asked at least: one that asks for an hour does not get it.
IN_TROUBLE = [(500, {}, 2), (502, {}, 2), (503, {}, 2), (504, {}, 2), (429, HOUR, 1), (503, HOUR, 1)]


@pytest.mark.parametrize(("status", "headers", "least"), IN_TROUBLE)
def test_a_server_in_trouble_is_asked_again_but_not_for_long(web_server, files, naps, status, headers, least):
    web_server.say(f"{files[0].name}.gz", status=status, **headers)
    with pytest.raises(DeliveryError, match=str(status)):
        read(WebFolder(web_server.url), files)
    assert least <= len(web_server.requests) <= 5
    assert sum(naps) < 10


def test_a_server_that_refuses_is_not_asked_again(web_server, files, naps):
    web_server.say(f"{files[0].name}.gz", status=403)
    with pytest.raises(DeliveryError, match="403"):
        read(WebFolder(web_server.url), files)
    assert len(web_server.requests) == 1
    assert naps == []


def test_a_server_that_sends_too_much_is_refused(web_server, files):
    web_server.say(files[0].name, bytes(files[0].size + MEGABYTE + 1))
    with pytest.raises(DeliveryError, match=f"sent more than the {files[0].size} bytes of {files[0].name}"):
        read(WebFolder(web_server.url), files)


def test_a_server_is_read_only_a_little_ahead_of_what_is_used(web_server, files, contents):
    sent, whole = [], 100 * MEGABYTE
    web_server.say(files[0].name, contents[files[0].name])
    web_server.say(files[1].name, (sent.append(1 << 16) or bytes(1 << 16) for _ in range(whole >> 16)))
    with closing(WebFolder(web_server.url).read(files[:2])) as read_so_far:
        assert next(read_so_far)[0] == files[0]
        time.sleep(1)  # as long as a large file takes to verify
        assert sum(sent) < whole / 2  # what the system keeps of a connection included


def test_a_server_that_is_not_there_is_refused_at_once(files, naps, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        with pytest.raises(DeliveryError) as refusal:
            read(WebFolder(f"http://127.0.0.1:{bound.getsockname()[1]}/"), files)
    assert "refused" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert naps == []


def test_progress_is_told_for_each_download(web_server, files, contents, monkeypatch, caplog):
    monkeypatch.setattr("mnist_resnet.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    caplog.set_level(logging.INFO, logger="mnist_resnet")
    web_server.say(files[0].name, contents[files[0].name])
    read(WebFolder(web_server.url), files[:1])
    assert f"Downloading {files[0].name}" in caplog.text


def test_places_are_named_as_a_reader_knows_them(tmp_path):
    assert str(Folder(tmp_path)) == f"folder {tmp_path}"
    assert str(WebFolder("https://example.org/mnist/")) == "https://example.org/mnist/"
