"""The git command, as this project calls it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# By these git takes another repository for that of a folder; those who run in a git hook have them.
MISLEADING_VARIABLES = (
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
)
TIMEOUT_SECONDS = 60


def git(folder: Path, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
    """What a git command prints; it takes no locks but those that it cannot do without.

    Args:
        folder: Where it runs; its repository is the one around it, whatever the environment says.
        arguments: The words after ``git``.
        given: What it reads from standard input.
        variables: Of the environment, besides the present ones.

    Raises:
        OSError: If there is no git.
        subprocess.SubprocessError: If it fails, or takes more than a minute.
    """
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING_VARIABLES}
    environment = {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C", **(variables or {})}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, check=True, timeout=TIMEOUT_SECONDS, env=environment
    ).stdout


def folders_of(project: Path) -> tuple[Path, str]:
    """The top of a working tree, and the path of a folder below it, which ends with a slash unless it is empty.

    Args:
        project: The folder.

    Raises:
        OSError: If there is no git.
        subprocess.SubprocessError: If git fails.
    """
    top, prefix = (
        os.fsdecode(git(project, "rev-parse", option)).removesuffix("\n")
        for option in ("--show-toplevel", "--show-prefix")
    )
    return Path(top), prefix


def git_message(error: Exception) -> str:
    """Git's own words, if it has ended with any."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    return said.decode(errors="replace").strip() or str(error)
