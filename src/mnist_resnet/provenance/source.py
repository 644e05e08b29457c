"""The source code that a run is made by: the commit, and what differs from it as a patch."""

import logging
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_resnet.provenance.git import TIMEOUT_SECONDS, folders_of, git, git_message
from mnist_resnet.provenance.package_code import PACKAGE_FOLDER, digest_of_code
from mnist_resnet.provenance.patch import PATCH_LIMIT, Patch, copied_index, hidden_files, make_patch

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
# Whatever a user has configured, equal changes are seen.
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--ignore-submodules=none")


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
        return replace(source, patch=make_patch(project, limit))
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


def is_same_source(first: Source | None, second: Source | None) -> bool:
    """Whether two sources are the same, as far as they are known; nothing is certain of changes without a patch."""
    commits = [source and source.commit for source in (first, second)]
    return commits[0] == commits[1] and patch_in_words(first) == patch_in_words(second) != UNKNOWN


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
    # It has its description beside the package; an editable install has it elsewhere.
    if any(PACKAGE_FOLDER.parent.glob("mnist_resnet-*.dist-info")):
        return "mnist_resnet runs from an installed wheel, which tells no commit; run it in a clone of the repository"
    own = project / "src" / "mnist_resnet"
    if own.is_dir() and own.resolve() != PACKAGE_FOLDER and digest_of_code(own) != digest_of_code(PACKAGE_FOLDER):
        return (
            f"mnist_resnet was imported from {PACKAGE_FOLDER}, not from {own}; run it by the project's own environment"
        )
    try:
        head, *told = _status(project).decode(errors="replace").splitlines()
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


def _status(project: Path) -> bytes:
    """What git tells of a working tree, also of files that its index says to take as unchanged."""
    if not hidden_files(project):
        return git(project, *_STATUS)
    with copied_index(folders_of(project)[0]) as variables:
        return git(project, *_STATUS, variables=variables)


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
