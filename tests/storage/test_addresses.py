"""Files at addresses: whole or absent, and what is in the way said in one line."""

from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mnist_resnet.storage.addresses import Address, AddressError, is_address, local_path


@pytest.fixture(params=["path", "file URL", "memory", "another file system"])
def folder(request, tmp_path: Path) -> Address:
    places = {
        "path": str(tmp_path / "a folder"),
        "file URL": f"file://{tmp_path}/a%20folder",
        "memory": f"memory://{uuid4()}",
        "another file system": f"local://{tmp_path}/another",
    }
    return Address(places[request.param])


@pytest.mark.parametrize(
    ("place", "expected"),
    [("data", False), ("/data", False), ("file:///data", False), ("s3://bucket", True), ("memory://data", True)],
)
def test_paths_and_file_urls_are_of_this_machine(place, expected):
    assert is_address(place) is expected
    assert (Address(place).local is None) is expected


def test_a_file_url_is_a_path():
    assert local_path("file:///mnt/a%20disk") == Path("/mnt/a disk")
    assert local_path("/mnt/50%20") == Path("/mnt/50%20")


def test_what_is_written_is_there(folder, tmp_path):
    file = folder / "deep" / "file"
    assert not file.exists()
    assert file.version() is None
    assert (folder / "deep").sizes() == {}
    with pytest.raises(FileNotFoundError):
        file.read()
    file.write(b"0123456789")
    assert file.exists()
    assert file.name == "file"
    assert (file.read(), file.read(2, 5)) == (b"0123456789", b"234")
    assert (folder / "deep").sizes() == {"file": 10}
    file.download(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"
    file.remove()
    file.remove()
    assert not file.exists()


def test_another_version_is_seen(folder):
    folder.write(b"first")
    first = folder.version()
    assert folder.version() == first
    folder.write(b"second")
    assert folder.version() != first


def test_a_folder_is_removed_with_all_that_is_in_it(folder):
    for name in ("one", "two"):
        (folder / name).write(b"")
    folder.remove()
    assert not folder.exists()


class CuttingOff(MemoryFileSystem):
    """A file system whose connection breaks while a file is written."""

    protocol = "cuttingoff"

    def pipe_file(self, path, value, mode="overwrite", **options):
        super().pipe_file(path, value[: len(value) // 2], **options)
        raise ConnectionResetError("https://user:secret@host/?token=secret was closed")


def test_a_write_that_is_cut_off_leaves_the_file_as_it_was():
    fsspec.register_implementation("cuttingoff", CuttingOff, clobber=True)
    name = uuid4()
    file = Address(f"memory://{name}/file")
    file.write(b"before")
    with pytest.raises(AddressError, match=r"^cuttingoff://\S+/file cannot be used: .* was closed$") as refused:
        Address(f"cuttingoff://{name}/file").write(b"after")
    assert file.read() == b"before"
    assert "secret" not in str(refused.value)


def test_an_object_store_is_written_to_under_the_names_own(monkeypatch, tmp_path):
    class Store(MemoryFileSystem):
        def mv(self, *_, **__):
            raise AssertionError("an object store has no rename")

    path = f"/{uuid4()}/object"
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda *_, **__: (Store(), path))
    Address("s3://bucket/object").write(b"written")
    assert Address("s3://bucket/object").read() == b"written"
    (tmp_path / "file").write_bytes(b"uploaded")
    Address("s3://bucket/object").upload(tmp_path / "file", "0" * 64)
    assert Address("s3://bucket/object").read() == b"uploaded"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            ImportError("Install s3fs to access S3"),
            r"Install s3fs to access S3\. Its client is not installed: pip install s3fs$",
        ),
        (RuntimeError("Unable to locate credentials"), "Set the credentials in the environment: AWS_PROFILE"),
        (PermissionError("Access Denied"), "Access Denied. Set the credentials in the environment: AWS_PROFILE"),
        (OSError("Name or service not known"), "Name or service not known$"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_in_the_way_is_told_with_the_remedy(monkeypatch, error, remedy):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(AddressError, match=remedy) as refused:
        Address("s3://user:secret@bucket/mnist").read()
    assert str(refused.value).startswith("s3://bucket/mnist cannot be used")
    assert "\n" not in str(refused.value)
