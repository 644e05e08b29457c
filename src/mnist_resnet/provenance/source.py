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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath

from mnist_resnet.provenance.git import TIMEOUT_SECONDS, folders_of, git, git_message

logger = logging.getLogger(__name__)

PATCH_FILE = "uncommitted.patch"
PATCH_LIMIT = 1 << 20
UNKNOWN = "unknown"
# An installed wheel has its description beside the package; an editable install has it elsewhere.
_PLACE_OF_PACKAGE = Path(__file__).parents[2]
_PRIVATE_FOLDERS = ("data/", "conf/local/", "mlruns/", "mlartifacts/")
_PRIVATE_NAMES = (
    *("mlflow.db*", "*.keras", "*.onnx", "*.h5", "*.npy", "*.npz", "*-ubyte", "*-ubyte.gz"),
    *("*credential*", "*secret*", "*password*", ".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", "id_ecdsa*"),
)
# Whatever a user has configured, equal changes are seen, and give equal text.
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--ignore-submodules=none")
_PLAIN = ("-c", "core.quotePath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false")
_DIFF = ("diff", "HEAD", "--binary", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index")
_CONTEXT = ("--unified=3", "--diff-algorithm=myers", "--ignore-submodules=all")


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What differs from the commit, as ``git apply`` takes it.

    Attributes:
        file: The name of the file beside the record that holds it; None if it exceeds the limit.
        sha256: Of the patch; None if it was too large to be made.
        size: In bytes; of the new files together, if the patch was too large to be made.
        left_out: Changed and new files that are never stored (data, models, credentials) or too large, and changed
            submodules, by their paths in the repository.
        content: The patch itself, which is no part of the record; None if it exceeds the limit.
    """

    file: str | None = None
    sha256: str | None
    size: int
    left_out: tuple[str, ...]
    content: bytes | None = None


@dataclass(frozen=True)
class Source:
    """A commit, whether the working tree differs from it, and how.

    ``patch`` is None where nothing differs, and where git could not make it.
    """

    commit: str
    dirty: bool
    patch: Patch | None


def collect_source(project: Path, limit: int = PATCH_LIMIT) -> Source | None:
    """The commit of a working tree and what differs from it.

    Args:
        project: A folder in the working tree: the paths that are private are relative to it.
        limit: The largest patch that is kept, in bytes. New files larger than that are left out of it.

    Returns:
        None where there is no commit; ``why_no_commit`` tells the reason.
    """
    source = collect_commit(project)
    if source is None or not source.dirty:
        return source
    try:
        return replace(source, patch=_patch(project, limit))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("The uncommitted changes cannot be recorded: %s", error)
        return source


def collect_commit(project: Path) -> Source | None:
    """The commit of a working tree and whether it is dirty, without the patch; None where there is no commit."""
    found = _commit(project)
    return found if isinstance(found, Source) else None


def why_no_commit(project: Path) -> str | None:
    """Why there is no commit of a working tree, with what can be done; None if there is one."""
    found = _commit(project)
    return found if isinstance(found, str) else None


def patch_in_words(source: Source | None) -> str:
    """The uncommitted changes of a source in words that are equal if they are; ``unknown`` if they were not recorded.

    Args:
        source: None is a source without changes.
    """
    if source is None or not source.dirty:
        return "none"
    if source.patch is None or source.patch.sha256 is None:
        return UNKNOWN
    return f"{source.patch.sha256[:12]} ({source.patch.size} bytes)"


def _commit(project: Path) -> Source | str:
    """The commit, or why there is none."""
    if any(_PLACE_OF_PACKAGE.glob("mnist_resnet-*.dist-info")):
        return "mnist_resnet runs from an installed wheel, which tells no commit; run it in a clone of the repository"
    try:
        head, *told = git(project, *_STATUS).decode(errors="replace").splitlines()
        tracked = git(project, "ls-files", ".")
    except FileNotFoundError:
        return "git is not installed; install it"
    except subprocess.TimeoutExpired:
        return f"git did not answer within {TIMEOUT_SECONDS} s; try `git status` in {project}"
    except (OSError, subprocess.SubprocessError) as error:
        return _refusal(project, git_message(error))
    commit = head.removeprefix("# branch.oid ")
    if commit == "(initial)":
        return f"the repository of {project} has no commit; make one"
    if not tracked:
        return f"the repository around {project} does not track it; make it a repository of its own, and commit"
    return Source(commit, dirty=not all(line.startswith("# ") for line in told), patch=None)


def _refusal(project: Path, said: str) -> str:
    if "dubious ownership" in said:
        return (
            f"git refuses {project}, which belongs to another user; if you trust it: "
            f"git config --global --add safe.directory {project}"
        )
    around = any((folder / ".git").exists() for folder in (project, *project.parents))
    if "not a git repository" in said and not around:
        elsewhere = " (GIT_DIR is not followed)" if "GIT_DIR" in os.environ else ""
        return f"{project} is in no repository{elsewhere}; clone the project, or `git init` and commit"
    return f"git fails in {project}: {said.splitlines()[0] if said else 'it says nothing'}"


def _patch(project: Path, limit: int) -> Patch:
    top, prefix = folders_of(project)
    with _copied_index(top) as variables:
        run = partial(git, top, variables=variables)
        changed = _names(run, "diff", "HEAD", "--name-only", "--no-renames", "--ignore-submodules=all")
        submodules = {*_names(run, "diff", "HEAD", "--name-only", "--ignore-submodules=none")} - {*changed}
        new = _names(run, "ls-files", "--others", "--exclude-standard")
        private = [name for name in changed if _is_private(name, prefix)]
        kept = [name for name in new if not _is_private(name, prefix) and _size(top / name) <= limit]
        left_out = tuple(sorted({*private, *submodules, *new} - {*kept}))
        size = sum(_size(top / name) for name in kept)
        if size > limit:
            return Patch(sha256=None, size=size, left_out=left_out)
        content = _diff(run, kept, private)
    patch = Patch(sha256=hashlib.sha256(content).hexdigest(), size=len(content), left_out=left_out)
    return replace(patch, file=PATCH_FILE, content=content) if len(content) <= limit else patch


def _diff(run: Callable[..., bytes], new: Sequence[str], private: Sequence[str]) -> bytes:
    """All changes but those to ``private`` files, with the contents of ``new`` ones."""
    if new:
        names = b"".join(os.fsencode(name) + b"\0" for name in new)
        noted = ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"]
        run("--literal-pathspecs", *noted, given=names)
    return run(*_PLAIN, *_DIFF, *_CONTEXT, "--", ".", *(f":(exclude,literal){name}" for name in private))


@contextmanager
def _copied_index(top: Path) -> Iterator[dict[str, str]]:
    """Environment variables by which git changes a copy of the index, and adds objects to a folder of its own.

    Even ``git diff`` writes the index, with or without GIT_OPTIONAL_LOCKS, if a file has another time than that says.
    """
    index, objects = (
        top / os.fsdecode(git(top, "rev-parse", "--git-path", name)).rstrip("\n") for name in ("index", "objects")
    )
    with tempfile.TemporaryDirectory() as folder:
        copy, added = Path(folder) / "index", Path(folder) / "objects"
        added.mkdir()
        shutil.copy2(index, copy)  # by the index' time git sees which files may have changed unnoticed
        yield {
            "GIT_INDEX_FILE": str(copy),
            "GIT_OBJECT_DIRECTORY": str(added),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }


def _names(run: Callable[..., bytes], *arguments: str) -> list[str]:
    return [name for name in os.fsdecode(run(*arguments, "-z")).split("\0") if name]


def _is_private(name: str, prefix: str) -> bool:
    within = name.removeprefix(prefix)
    parts = PurePosixPath(within.lower()).parts
    return within.startswith(_PRIVATE_FOLDERS) or any(
        fnmatchcase(part, pattern) for part in parts for pattern in _PRIVATE_NAMES
    )


def _size(path: Path) -> int:
    """A file's size in bytes; beyond any limit for a folder, which is a repository of its own."""
    return sys.maxsize if path.is_dir() and not path.is_symlink() else path.lstat().st_size
