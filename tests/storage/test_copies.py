"""Copies of files at addresses: fetched once, verified, and fetched again when the file or the copy has changed."""

from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from mnist_resnet.storage.addresses import Address, AddressError
from mnist_resnet.storage.copies import CopiedFolder, LocalCopy, place_of_copies
from tests.conftest import flip_a_bit


class Counting(Address):
    """An address that counts what is moved."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.moved: list[str] = []

    def download(self, file: Path) -> None:
        self.moved.append("down")
        super().download(file)

    def upload(self, file: Path, digest: str) -> None:
        self.moved.append("up")
        super().upload(file, digest)


@pytest.fixture
def copy(tmp_path: Path) -> LocalCopy:
    return LocalCopy(Counting(f"memory://{uuid4()}/file"), tmp_path / "copies" / "file")


def again(copy: LocalCopy) -> LocalCopy:
    """As another process makes it."""
    return LocalCopy(copy.address, copy.path)


def test_without_a_file_there_is_no_copy(copy):
    assert copy.digest() is None
    with pytest.raises(FileNotFoundError, match=r"memory://.*/file does not exist"):
        copy.fetched()


def test_a_file_is_fetched_once(copy):
    copy.address.write(b"content")
    for each in (copy, copy, again(copy)):
        assert each.fetched().read_bytes() == b"content"
        assert each.digest() == sha256(b"content").hexdigest()
    assert copy.address.moved == ["down"]


def test_a_download_that_breaks_off_is_no_fault_of_the_disk(tmp_path):
    class Unreachable(Counting):
        def download(self, file: Path) -> None:
            raise AddressError(f"{self.url} cannot be used: reset")

    address = Unreachable(f"memory://{uuid4()}/file")
    address.write(b"content")
    with pytest.raises(AddressError, match=r"^memory://\S+ cannot be used: reset$"):
        LocalCopy(address, tmp_path / "copies" / "file").fetched()


def test_a_file_that_has_changed_and_a_damaged_copy_are_fetched_again(copy):
    copy.address.write(b"content")
    copy.fetched()
    copy.address.write(b"another")
    assert copy.fetched().read_bytes() == b"another"
    flip_a_bit(copy.path)
    assert again(copy).fetched().read_bytes() == b"another"
    copy.path.unlink()
    assert again(copy).fetched().read_bytes() == b"another"
    assert copy.address.moved == ["down"] * 4


def test_what_is_published_is_neither_fetched_nor_published_again(copy):
    copy.path.parent.mkdir()
    copy.path.write_bytes(b"content")
    copy.publish()
    again(copy).publish()
    assert copy.address.read() == b"content"
    assert again(copy).digest() == sha256(b"content").hexdigest()
    assert copy.address.moved == ["up"]
    copy.path.write_bytes(b"another")
    again(copy).publish()
    assert copy.address.read() == b"another"


def test_a_copy_that_was_not_published_gives_way_to_the_file(copy):
    copy.address.write(b"content")
    copy.fetched()
    copy.path.write_bytes(b"a run was killed before it published this")
    assert again(copy).fetched().read_bytes() == b"content"


def test_a_folder_has_its_files_copies_at_their_places(tmp_path):
    path = place_of_copies("s3://bucket/mnist/01_raw", tmp_path)
    folder = CopiedFolder(Address("s3://bucket/mnist/01_raw"), path)
    assert path == tmp_path / "s3/bucket/mnist/01_raw"
    assert (str(folder), folder.name) == ("s3://bucket/mnist/01_raw", "01_raw")
    assert (folder.file("a").path, folder.file("a").address.url) == (path / "a", "s3://bucket/mnist/01_raw/a")
