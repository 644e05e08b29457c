"""Disks that take no more or nothing at all, and who may write what a run leaves."""

import stat
import subprocess
from pathlib import Path

import pytest

from mnist_resnet.storage.artifacts import read_files
from mnist_resnet.storage.lock import LockedError
from tests.integration.conftest import KEDRO, Project, type_command

pytestmark = pytest.mark.integration


def _type(project: Project, shell: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type a command of the shell, then ``kedro run`` for ``squares``."""
    run = [KEDRO, "run", "--namespaces", "squares", *arguments]
    return type_command(["/bin/bash", "-c", f'{shell} && exec "$0" "$@"', *run], project.folder)


def test_a_disk_without_room_is_one_error_that_leaves_all_as_it_was(squares: Project) -> None:
    squares.run({"tracking": {"enabled": False}}, pipeline_names=["data"], namespaces=["squares"])
    before = read_files(squares.folder / "data")
    ended = _type(squares, "ulimit -f 8", "--pipelines", "data", "--params", "tracking.enabled=false")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    error = ended.stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    assert "data/01_raw/squares/train-images-idx3-ubyte could not be written: File too large; it needs more" in error
    assert read_files(squares.folder / "data") == before


def test_a_disk_that_is_only_read_is_one_error(squares: Project) -> None:
    (squares.folder / "data").symlink_to("/sys")  # where not even root can make a folder
    with pytest.raises(LockedError, match=r"^\S*/data cannot be written: .*\. Make it writable"):
        squares.run({"tracking": {"enabled": False}}, pipeline_names=["data"], namespaces=["squares"])


@pytest.mark.landing
@pytest.mark.parametrize("tracked", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_nobody_else_may_write_what_a_run_leaves_however_lax_the_shell(squares: Project, tracked: bool) -> None:
    if tracked:
        (squares.folder / "mlflow.db").unlink()
    before = set(squares.folder.rglob("*"))
    ended = _type(squares, "umask 0", "--pipelines", "data", "--params", f"tracking.enabled={str(tracked).lower()}")
    assert ended.returncode == 0, ended.stderr
    made = set(squares.folder.rglob("*")) - before
    stores = ["data", "data/05_model_input/squares/preprocessing.json", *(["mlflow.db", "mlartifacts"] * tracked)]
    assert {squares.folder / name for name in stores} <= made
    assert [path for path in made if _world_writable(path)] == []


def _world_writable(path: Path) -> bool:
    return bool(path.lstat().st_mode & stat.S_IWOTH)
