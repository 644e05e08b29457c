import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import replacing
from mnist_resnet.storage.disk_space import StorageError, require_space, temporary_folder, writing
from tests.conftest import files_up_to

FULL = Path("/dev/full")  # takes no byte
READ_ONLY = Path("/sys/mnist_resnet")  # not even root can make a folder there


def fill_the_disk(path):
    with replacing(path) as temporary:
        (temporary.parent / "so far").write_bytes(bytes(2_000_000))
        temporary.symlink_to(FULL)
        temporary.write_bytes(b"new")


def write_five_megabytes(path):
    with replacing(path) as temporary:
        temporary.write_bytes(bytes(5_000_000))


def test_a_full_disk_is_one_error_with_path_and_need_and_leaves_all_as_it_was(tmp_path):
    path = tmp_path / "target"
    path.write_bytes(b"old")
    with pytest.raises(StorageError) as refused:
        fill_the_disk(path)
    message = str(refused.value)
    assert message.startswith(f"{path} could not be written: No space left on device; it needs more than the ")
    assert message.endswith(" MB that are left. What was there before is unchanged.")
    assert isinstance(refused.value, UserError)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_limit_on_file_sizes_says_how_far_it_came(tmp_path):
    too_large = "File too large; it needs more than the 2.0 MB that are left"
    with files_up_to(2_000_000), pytest.raises(StorageError, match=too_large):
        write_five_megabytes(tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named():
    with (
        pytest.raises(StorageError, match=f"{READ_ONLY}/target could not be written: "),
        replacing(READ_ONLY / "target"),
    ):
        pass


@pytest.fixture
def full_disk(monkeypatch):
    """The disk of all folders says that it is full."""
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


class LibraryError(Exception):
    """What a library that writes by itself raises."""


def test_on_a_full_disk_any_error_of_a_library_is_put_down_to_that(tmp_path, full_disk):
    with pytest.raises(StorageError, match="No space left on device") as refused, writing(tmp_path / "x", tmp_path):
        raise LibraryError("RESOURCE_EXHAUSTED")
    assert isinstance(refused.value.__cause__, LibraryError)


def test_elsewhere_it_is_left_as_it_is(tmp_path):
    with pytest.raises(LibraryError), writing(tmp_path / "x", tmp_path):
        raise LibraryError("RESOURCE_EXHAUSTED")


def test_a_temporary_folder_goes_with_all_it_holds():
    with temporary_folder() as folder:
        (folder / "file").write_bytes(b"content")
    assert not folder.exists()


def test_want_of_room_for_temporary_files_is_told_too():
    with (
        pytest.raises(StorageError, match=r"mnist_resnet\..* could not be written: No space"),
        temporary_folder() as folder,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not folder.exists()


def test_work_with_room_enough_is_allowed(tmp_path):
    require_space("This", {tmp_path / "not" / "there": 1, tmp_path: 1})


def test_work_without_room_is_refused_with_figures(tmp_path):
    with pytest.raises(StorageError) as refused:
        require_space("Training", {tmp_path / "not" / "there": 10**18})
    message = str(refused.value)
    assert message.startswith(f"Training needs about 1,000,000,000,000.0 MB in {tmp_path}/not/there, but ")
    assert "MB are free there; make room first" in message


def test_needs_on_one_disk_add_up(tmp_path):
    half = shutil.disk_usage(tmp_path).free * 3 // 4
    require_space("This", {tmp_path: half})
    with pytest.raises(StorageError, match=f"MB in {tmp_path} and .* MB in {tmp_path}/more, but"):
        require_space("This", {tmp_path: half, tmp_path / "more": half})
