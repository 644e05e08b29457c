"""What differs from a commit, as a patch.

The repository is only read: files that git does not know yet are noted in a copy of its index.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath

from mnist_resnet.provenance.git import folders_of, git

PATCH_FILE = "uncommitted.patch"
PATCH_LIMIT = 1 << 20
_PRIVATE_FOLDERS = ("data/", "conf/local/", "mlruns/", "mlartifacts/")
_PRIVATE_NAMES = (
    *("mlflow.db*", "*.keras", "*.onnx", "*.h5", "*.npy", "*.npz", "*-ubyte", "*-ubyte.gz"),
    *("*credential*", "*secret*", "*password*", ".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", "id_ecdsa*"),
)
# Whatever a user has configured, equal changes give equal text.
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


def make_patch(project: Path, limit: int) -> Patch:
    """What differs from the commit of a working tree.

    Args:
        project: A folder in the working tree: the paths that are private are relative to it.
        limit: The largest patch that is kept, in bytes. New files larger than that are left out of it.

    Raises:
        OSError: If there is no git, or a file cannot be read.
        subprocess.SubprocessError: If git fails.
    """
    top, prefix = folders_of(project)
    with copied_index(top) as variables:
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
def copied_index(top: Path) -> Iterator[dict[str, str]]:
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
        variables = {
            "GIT_INDEX_FILE": str(copy),
            "GIT_OBJECT_DIRECTORY": str(added),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        if there := [name for name in hidden_files(top) if (top / os.fsdecode(name)).exists()]:
            for shown in ("--no-skip-worktree", "--no-assume-unchanged"):
                names = b"".join(name + b"\0" for name in there)
                git(top, "update-index", shown, "-z", "--stdin", given=names, variables=variables)
        yield variables


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


def hidden_files(folder: Path) -> list[bytes]:
    """The files that git was told to take as unchanged, such as by ``--skip-worktree``; they may be missing."""
    entries = git(folder, "ls-files", "-v", "-z", "--full-name", ":/").split(b"\0")
    return [name for tag, _, name in (each.partition(b" ") for each in entries) if tag.islower() or tag == b"S"]
