"""The source code that a run is made by: the commit, and what differs from it as a patch.

The repository is only read: files that git does not know yet are noted in a copy of its index.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mnist_resnet.provenance.git import TIMEOUT_SECONDS, git, git_message

logger = logging.getLogger(__name__)

PATCH_FILE = "uncommitted.patch"
PATCH_LIMIT = 1 << 20
_PRIVATE_FOLDERS = ("data", "conf/local", "mlruns", "mlartifacts")
_PRIVATE_NAMES = (
    *("mlflow.db*", "*.keras", "*.onnx", "*.h5", "*.npy", "*.npz", "*-ubyte", "*-ubyte.gz"),
    *("*credential*", "*secret*", "*password*", ".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", "id_ecdsa*"),
)
# Whatever a user has configured, equal changes give equal text.
_PLAIN = ("-c", "core.quotePath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false")
_DIFF = ("diff", "HEAD", "--binary", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
_CONTEXT = ("--unified=3", "--diff-algorithm=myers", "--ignore-submodules=all")


@dataclass(frozen=True)
class Patch:
    """What differs from the commit, as ``git apply`` takes it.

    Attributes:
        content: The patch; None if it exceeds the limit.
        sha256: Of the patch; None if it was too large to be made.
        size: In bytes; of the new files together, if the patch was too large to be made.
        left_out: Changed and new files that are never stored (data, models, credentials) or too large, and changed
            submodules, by their paths in the repository.
    """

    content: bytes | None
    sha256: str | None
    size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A commit, whether the working tree differs from it, and how.

    ``patch`` is None where nothing differs, and where git could not make it.
    """

    commit: str
    dirty: bool
    patch: Patch | None = None


def collect_commit(project: Path) -> Source | None:
    """The commit of a working tree and whether it is dirty, without the patch.

    Args:
        project: A folder in the working tree.

    Returns:
        None where there is none; ``why_no_commit`` tells the reason.
    """
    try:
        return _commit(project)
    except (OSError, subprocess.SubprocessError):
        return None


def why_no_commit(project: Path) -> str | None:
    """Why ``collect_commit`` finds nothing, with what can be done; None if it finds a commit.

    Args:
        project: A folder in the working tree.
    """
    try:
        if _commit(project) is None:
            return f"the repository around {project} does not track it; make it a repository of its own, and commit"
    except FileNotFoundError:
        return "git is not installed; install it"
    except subprocess.TimeoutExpired:
        return f"git did not answer within {TIMEOUT_SECONDS} s; try `git status` in {project}"
    except (OSError, subprocess.SubprocessError) as error:
        return _refusal(project, git_message(error))
    return None


def _commit(project: Path) -> Source | None:
    """The commit; None if the repository around the project holds no file of it."""
    commit = git(project, "rev-parse", "HEAD").decode().strip()
    if not git(project, "ls-tree", "--name-only", "HEAD", "."):
        return None
    return Source(commit, bool(git(project, "status", "--porcelain")))


def _refusal(project: Path, said: str) -> str:
    if "dubious ownership" in said:
        return (
            f"git refuses {project}, which belongs to another user; if you trust it: "
            f"git config --global --add safe.directory {project}"
        )
    if "ambiguous argument 'HEAD'" in said:
        return f"the repository of {project} has no commit; make one"
    around = any((folder / ".git").exists() for folder in (project, *project.parents))
    if "not a git repository" in said and not around:
        elsewhere = " (GIT_DIR is not followed)" if "GIT_DIR" in os.environ else ""
        return f"{project} is in no repository{elsewhere}; clone the project, or `git init` and commit"
    return f"git fails in {project}: {said.splitlines()[0] if said else 'it says nothing'}"


def collect_source(project: Path, limit: int = PATCH_LIMIT) -> Source | None:
    """The commit of a working tree and what differs from it.

    Args:
        project: A folder in the working tree: the paths that are private are relative to it.
        limit: The largest patch that is kept, in bytes. New files larger than that are left out of it.

    Returns:
        None where ``collect_commit`` gives None.
    """
    source = collect_commit(project)
    if source is None or not source.dirty:
        return source
    try:
        return replace(source, patch=_patch(project, limit))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("The uncommitted changes cannot be recorded: %s", error)
        return source


def _patch(project: Path, limit: int) -> Patch:
    top = Path(os.fsdecode(git(project, "rev-parse", "--show-toplevel")).rstrip("\n"))
    prefix = os.fsdecode(git(project, "rev-parse", "--show-prefix")).rstrip("\n")
    changed = _changed(top, "--ignore-submodules=all")
    submodules = {*_changed(top, "--ignore-submodules=none")} - {*changed}
    new = _names(top, "ls-files", "--others", "--exclude-standard", "-z")
    private = [name for name in changed if _is_private(name, prefix)]
    kept = [name for name in new if not _is_private(name, prefix) and _size(top / name) <= limit]
    left_out = tuple(sorted({*private, *submodules, *new} - {*kept}))
    size = sum(_size(top / name) for name in kept)
    if size > limit:
        return Patch(None, None, size, left_out)
    content = _diff(top, kept, private)
    digest = hashlib.sha256(content).hexdigest()
    return Patch(content if len(content) <= limit else None, digest, len(content), left_out)


def _diff(top: Path, new: Sequence[str], private: Sequence[str]) -> bytes:
    """All changes but those to ``private`` files, with the contents of ``new`` ones."""
    everything_else = [".", *(f":(exclude,literal){name}" for name in private)]
    with _copied_index(top) as variables:
        if new:
            names = b"".join(os.fsencode(name) + b"\0" for name in new)
            noted = ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"]
            git(top, "--literal-pathspecs", *noted, given=names, variables=variables)
        return git(top, *_PLAIN, *_DIFF, *_CONTEXT, "--full-index", "--", *everything_else, variables=variables)


@contextmanager
def _copied_index(top: Path) -> Iterator[dict[str, str]]:
    """Environment variables by which git changes a copy of the index, and adds objects to a folder of its own."""
    index, objects = (_git_path(top, name) for name in ("index", "objects"))
    with tempfile.TemporaryDirectory() as folder:
        copy, added = Path(folder) / "index", Path(folder) / "objects"
        added.mkdir()
        if index.exists():
            shutil.copy2(index, copy)  # by the index' time git sees which files may have changed unnoticed
        yield {
            "GIT_INDEX_FILE": str(copy),
            "GIT_OBJECT_DIRECTORY": str(added),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }


def _git_path(top: Path, name: str) -> Path:
    return top / os.fsdecode(git(top, "rev-parse", "--git-path", name)).rstrip("\n")


def _changed(top: Path, submodules: str) -> list[str]:
    return _names(top, "diff", "HEAD", "--name-only", "--no-renames", "-z", submodules)


def _names(top: Path, *arguments: str) -> list[str]:
    return [name for name in os.fsdecode(git(top, *arguments)).split("\0") if name]


def _is_private(name: str, prefix: str) -> bool:
    within = name.removeprefix(prefix)
    parts = PurePosixPath(within.lower()).parts
    in_folder = any(within.startswith(f"{folder}/") for folder in _PRIVATE_FOLDERS)
    return in_folder or any(fnmatchcase(part, pattern) for part in parts for pattern in _PRIVATE_NAMES)


def _size(path: Path) -> int:
    """A file's size in bytes; beyond any limit for a folder, which is a repository of its own."""
    return sys.maxsize if path.is_dir() and not path.is_symlink() else path.lstat().st_size
