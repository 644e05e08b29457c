import gzip
import logging
import socket

import pytest

from mnist_resnet.data.sources import Folder, SourceError, WebFolder

SLACK = 1_000_000  # what a place may send beyond the published size of a file


def compressed(contents):
    return {name: gzip.compress(content, mtime=0) for name, content in contents.items()}


# A folder of this machine


def test_a_folder_hands_over_plain_files(tmp_path, made_data, files, contents):
    assert Folder(made_data.write(tmp_path)).read(files) == contents


def test_a_folder_hands_over_compressed_files_as_they_are(tmp_path, files, contents):
    for name, content in compressed(contents).items():
        (tmp_path / f"{name}.gz").write_bytes(content)
    assert Folder(tmp_path).read(files) == compressed(contents)


def test_a_folder_leaves_out_what_it_does_not_hold(tmp_path, files, contents):
    first, second, third, _ = contents
    (tmp_path / first).write_bytes(b"plain")
    (tmp_path / f"{first}.gz").write_bytes(b"compressed")
    (tmp_path / f"{second}.gz").write_bytes(b"compressed")
    (tmp_path / third).mkdir()
    assert Folder(tmp_path).read(files) == {first: b"plain", second: b"compressed"}


def test_of_a_file_that_is_too_large_a_folder_reads_no_more_than_shows_it(tmp_path, files):
    with (tmp_path / files[0].name).open("wb") as sparse:
        sparse.truncate(1 << 40)  # a terabyte that takes no room on the disk
    assert len(Folder(tmp_path).read(files)[files[0].name]) == files[0].size + SLACK


@pytest.mark.parametrize("name", [".", "absent"])
def test_a_folder_with_none_of_the_files_is_refused(tmp_path, files, name):
    with pytest.raises(SourceError, match="holds none of the files"):
        Folder(tmp_path / name).read(files)


# A web server


def test_a_web_folder_serves_compressed_files(web_server, files, contents):
    for name, content in compressed(contents).items():
        web_server.say(f"{name}.gz", content)
    assert WebFolder(web_server.url).read(files) == compressed(contents)
    assert web_server.requests == [f"/{name}.gz" for name in contents]


def test_a_web_folder_serves_plain_files(web_server, files, contents):
    for name, content in contents.items():
        web_server.say(name, content)
    assert WebFolder(web_server.url).read(files) == contents


def test_a_file_that_the_server_itself_compressed_comes_as_it_is(web_server, files, contents):
    (name, content), *_ = contents.items()
    web_server.say(name, gzip.compress(content), Content_Encoding="gzip")
    assert WebFolder(web_server.url).read(files[:1]) == {name: content}


def test_a_web_folder_leaves_out_what_it_does_not_hold(web_server, files, contents):
    *_, (name, content) = contents.items()
    web_server.say(name, content)
    assert WebFolder(web_server.url).read(files) == {name: content}


def test_a_web_folder_with_none_of_the_files_is_refused(web_server, files):
    with pytest.raises(SourceError):
        WebFolder(web_server.url).read(files)
    assert f"/{files[0].name}.gz" in web_server.requests
    assert f"/{files[0].name}" in web_server.requests


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again_but_not_for_long(web_server, files, naps, status):
    web_server.say(f"{files[0].name}.gz", status=status)
    with pytest.raises(SourceError, match=str(status)):
        WebFolder(web_server.url).read(files)
    assert 2 <= len(web_server.requests) <= 5
    assert sum(naps) < 10


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_an_hour_does_not_get_it(web_server, files, naps, status):
    web_server.say(f"{files[0].name}.gz", status=status, Retry_After="3600")
    with pytest.raises(SourceError, match=str(status)):
        WebFolder(web_server.url).read(files)
    assert sum(naps) < 10


def test_a_server_that_refuses_is_not_asked_again(web_server, files, naps):
    web_server.say(f"{files[0].name}.gz", status=403)
    with pytest.raises(SourceError, match="403"):
        WebFolder(web_server.url).read(files)
    assert len(web_server.requests) == 1
    assert naps == []


def test_a_server_that_sends_too_much_is_refused(web_server, files):
    web_server.say(files[0].name, bytes(files[0].size + SLACK + 1))
    with pytest.raises(SourceError, match=f"sent more than the {files[0].size} bytes of {files[0].name}"):
        WebFolder(web_server.url).read(files)


def test_a_server_that_never_ends_is_cut_off(web_server, files):
    sent = []

    def forever():
        while len(sent) < 2000:  # 131 MB, lest a broken bound fill the memory
            sent.append(bytes(1 << 16))
            yield sent[-1]

    web_server.say(f"{files[0].name}.gz", forever())
    with pytest.raises(SourceError, match="sent more than"):
        WebFolder(web_server.url).read(files)
    assert len(sent) < 1000  # what was read, and what the buffers of both ends hold


def test_a_download_that_breaks_off_is_refused(web_server, files, contents):
    content = contents[files[0].name]
    web_server.say(files[0].name, content[:-5], Content_Length=str(len(content)))
    with pytest.raises(SourceError):
        WebFolder(web_server.url).read(files)


def test_a_server_that_is_not_there_is_refused_at_once(files, naps, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        with pytest.raises(SourceError) as refusal:
            WebFolder(f"http://127.0.0.1:{bound.getsockname()[1]}/").read(files)
    assert "refused" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert naps == []


def test_progress_is_told_for_each_download(web_server, files, contents, monkeypatch, caplog):
    monkeypatch.setattr("mnist_resnet.terminal.progress._SECONDS_BETWEEN_LINES", 0)
    caplog.set_level(logging.INFO, logger="mnist_resnet")
    web_server.say(files[0].name, contents[files[0].name])
    WebFolder(web_server.url).read(files[:1])
    assert f"Downloading {files[0].name}" in caplog.text


def test_places_are_named_as_a_reader_knows_them(tmp_path):
    assert str(Folder(tmp_path)) == f"folder {tmp_path}"
    assert str(WebFolder("https://example.org/mnist/")) == "https://example.org/mnist/"
