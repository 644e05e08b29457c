"""A git repository with made files, which no setting of the user's has an influence on."""

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What a git command prints."""
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(command, input=given, capture_output=True, check=True, env=environment).stdout


def head(folder: Path) -> str:
    """The commit that is checked out."""
    return git(folder, "rev-parse", "HEAD").decode().strip()


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write files, by their paths in the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit(folder: Path, files: dict[str, str | bytes]) -> None:
    """Commit these files with all else that has changed."""
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "All")


def make_repository(folder: Path, files: dict[str, str | bytes]) -> Path:
    """A repository with one commit."""
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, files)
    return folder
