import base64
import hashlib
import io
import os
import tarfile

import pytest

from mnist_resnet.demo import onnxruntime_web
from mnist_resnet.demo.onnxruntime_web import RuntimeMissingError, cache_folder, web_runtime
from mnist_resnet.errors import UserError
from tests.conftest import flip_a_bit

CONTENTS = {"onnxruntime-web.js": b"export const made = 1;", "onnxruntime-web.wasm": b"\0asm made"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist_resnet" / f"onnxruntime-web-{onnxruntime_web.VERSION}"


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Have npm deliver a made package, which is the pinned one; how often it did is the length of the file ``log``."""
    archive, folder = tmp_path / "made.tgz", tmp_path / "bin"
    with tarfile.open(archive, "w:gz") as written:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    pinned = {name: (f"package/dist/{name}", hashlib.sha256(content).hexdigest()) for name, content in CONTENTS.items()}
    monkeypatch.setattr(onnxruntime_web, "FILES", pinned)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    monkeypatch.setattr(onnxruntime_web, "INTEGRITY", f"sha512-{digest}")
    folder.mkdir()
    (folder / "npm").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log\ncp {archive} .\n')
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return archive


def test_the_package_is_fetched_once_and_kept(npm, cache, tmp_path) -> None:
    assert web_runtime() == CONTENTS
    assert sorted(path.name for path in cache.iterdir()) == sorted(CONTENTS)
    npm.unlink()
    assert web_runtime() == CONTENTS
    asked = (tmp_path / "log").read_text().splitlines()
    assert asked == [f"pack onnxruntime-web@{onnxruntime_web.VERSION} --ignore-scripts"]


def test_what_was_damaged_in_the_cache_is_fetched_again(npm, cache) -> None:
    web_runtime()
    flip_a_bit(cache / "onnxruntime-web.wasm")
    assert web_runtime() == CONTENTS
    assert (cache / "onnxruntime-web.wasm").read_bytes() == CONTENTS["onnxruntime-web.wasm"]


def test_another_package_than_the_pinned_one_is_refused_unread(npm, cache) -> None:
    flip_a_bit(npm)
    with pytest.raises(RuntimeMissingError, match=r"its integrity is sha512-.*, not sha512-"):
        web_runtime()
    assert not cache.exists()


def test_without_npm_one_line_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "no such folder"))
    with pytest.raises(RuntimeMissingError) as refused:
        web_runtime()
    said = str(refused.value)
    assert "npm is not installed" in said
    assert "Install Node.js with npm" in said
    assert str(tmp_path / "cache") in said
    assert "\n" not in said
    assert isinstance(refused.value, UserError)


@pytest.mark.parametrize("named", ["", "relative/cache"])
def test_the_cache_is_in_the_home_folder_unless_an_absolute_one_is_named(named, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/mnist_resnet"
