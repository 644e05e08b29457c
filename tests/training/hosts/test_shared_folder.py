import shutil
from pathlib import Path
from threading import Timer

import pytest

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.storage.disk_space import StorageError
from mnist_resnet.training.hosts.shared_folder import SharedFolder, shared_folder


def test_a_host_that_sees_the_mark_has_the_folder(tmp_path: Path) -> None:
    with shared_folder(tmp_path / "new" / "checkpoint") as folder:
        assert folder.require() == tmp_path / "new" / "checkpoint"
    assert list(folder.path.iterdir()) == []


def test_a_relative_path_is_the_same_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with shared_folder(Path("checkpoint")) as folder:
        assert folder.path == tmp_path / "checkpoint"


@pytest.mark.parametrize("seen", ["nothing", "a folder of its own", "the mark of another training"])
def test_a_host_that_does_not_see_it_refuses_in_a_line(tmp_path: Path, seen: str) -> None:
    folder = SharedFolder(tmp_path / "checkpoint", "mine")
    if seen != "nothing":
        folder.path.mkdir()
    if seen == "the mark of another training":
        with shared_folder(folder.path), pytest.raises(DeviceError):
            folder.require(seconds=0)
        return
    with pytest.raises(DeviceError, match=r"^training\.hosts: the host .* does not see .* disk that all hosts share"):
        folder.require(seconds=0)


def test_the_mark_may_take_a_while_to_appear(tmp_path: Path) -> None:
    with shared_folder(tmp_path) as folder:
        mark = (tmp_path / ".hosts").rename(tmp_path / "later")
        timer = Timer(0.2, lambda: mark.rename(tmp_path / ".hosts"))
        timer.start()
        assert folder.require(seconds=20) == tmp_path
        timer.join()


def test_a_folder_that_cannot_be_made_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not be written"), shared_folder(tmp_path / "file" / "checkpoint"):
        pass


def test_a_folder_that_is_lost_hides_no_error_of_the_block(tmp_path: Path) -> None:
    def lose(folder: SharedFolder) -> None:
        shutil.rmtree(folder.path)
        folder.path.touch()
        raise StorageError("told")

    with pytest.raises(StorageError, match="told"), shared_folder(tmp_path / "checkpoint") as folder:
        lose(folder)
