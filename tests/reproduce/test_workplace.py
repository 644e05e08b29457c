"""A place to run in, set up and taken down; whole runs there are in tests/integration."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_resnet.provenance.environment import Environment
from mnist_resnet.reproduce.preflight import ReproductionError
from mnist_resnet.reproduce.workplace import Workplace, choose_python, scratch_folder
from tests.made_record import made

LOCKS = {"requirements.lock": "bbbb"}
MAKEFILE = """
install:
	mkdir -p .venv/bin
	touch .venv/bin/python
.venv/requirements-gpu.lock:
	false
"""


def recorded(*packages: str) -> Environment:
    return replace(made().environment, lock_files=LOCKS, packages=dict.fromkeys(packages, "1.0"))


def test_the_present_python_serves_for_its_own_lock(tmp_path: Path) -> None:
    python = choose_python(tmp_path, LOCKS, recorded())
    assert python == Path(sys.executable)


def test_another_lock_is_installed_by_the_recorded_commit(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    python = choose_python(tmp_path, {"requirements.lock": "aaaa"}, recorded("keras"))
    assert python == tmp_path / ".venv/bin/python"
    assert python.exists()


def test_an_installation_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    with pytest.raises(ReproductionError, match=r"make .venv/requirements-gpu.lock` of the recorded commit failed"):
        choose_python(tmp_path, {"requirements.lock": "aaaa"}, recorded("nvidia-cudnn-cu12"))


def test_only_the_projects_own_package_runs(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path, Path(sys.executable), tmp_path)
    package = tmp_path / "src" / "mnist_resnet"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    workplace.require_own_package()
    (package / "__init__.py").write_text("raise ImportError('broken')")
    with pytest.raises(ReproductionError, match="broken"):
        workplace.require_own_package()


def test_the_scratch_folder_goes_whatever_happens() -> None:
    with pytest.raises(SystemExit), scratch_folder(keep=False) as folder:
        os.kill(os.getpid(), signal.SIGTERM)
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt), scratch_folder(keep=False) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()
    with scratch_folder(keep=True) as folder:
        pass
    folder.rmdir()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
