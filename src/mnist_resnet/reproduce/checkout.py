"""The source of a recorded run: whether it can be had from the repository, and as a clone of its own."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from mnist_resnet.comparison.record import SourceRecord
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.git import git, git_message
from mnist_resnet.provenance.source import collect_source, why_no_commit
from mnist_resnet.reproduce.preflight import Check, Status


class CheckoutError(UserError, RuntimeError):
    """The recorded source cannot be put in place; the message holds git's."""


def check_source(
    project: Path, source: SourceRecord | None, patch: bytes | None, missing_because: str | None = None
) -> tuple[Check, Check]:
    """Whether the recorded commit is there, and the recorded patch applies to it; nothing is changed.

    Args:
        project: A folder of the repository to look into.
        source: ``source`` of a run's provenance.
        patch: The recorded patch.
        missing_because: Why there is no ``source``, as recorded with the run; older runs do not tell.
    """
    if source is None:
        lacking = Check(
            "commit", Status.FAIL, f"none: {missing_because or 'git told of none, and why is unknown'}", "–"
        )
        return lacking, Check("patch", Status.FAIL, "unknown", "–")
    commit = source["commit"]
    present = _succeeds(project, "cat-file", "-e", f"{commit}^{{commit}}")
    status = Status.PASS if present else Status.FAIL
    absent = why_no_commit(project) or "not in this repository: fetch it"
    found = Check("commit", status, commit[:12], "present" if present else absent)
    return found, _check_patch(project, source, patch, present)


def check_present_source(project: Path, source: SourceRecord | None) -> tuple[Check, Check]:
    """Compare the recorded source with the working tree as it is.

    Args:
        project: A folder of the working tree.
        source: ``source`` of a run's provenance.
    """
    here = collect_source(project)
    commits = (source["commit"][:12] if source else "none", here.commit[:12] if here else "none")
    digest = here.patch.sha256 if here and here.patch else None
    patches = (_patch_in_words(source), f"sha256 {(digest or 'unknown')[:12]}" if here and here.dirty else "none")
    return _compared("commit", *commits), _compared("patch", *patches)


def clone(project: Path, commit: str, patch: bytes | None, folder: Path) -> Path:
    """Put the recorded source into a folder, as a clone that borrows the objects of the repository.

    Args:
        project: The project's folder in the repository.
        commit: To check out.
        patch: To apply to it, if any; it is empty where all changes were left out of it.
        folder: To be made.

    Returns:
        The project's folder in the clone.

    Raises:
        CheckoutError: If git fails.
    """
    try:
        top = os.fsdecode(git(project, "rev-parse", "--show-toplevel")).rstrip("\n")
        prefix = os.fsdecode(git(project, "rev-parse", "--show-prefix")).rstrip("\n")
        # No hook of the user's runs: whatever they do, they are not part of what was recorded.
        options = ("--shared", "--no-checkout", "--quiet", "--template=", "--config", f"core.hooksPath={os.devnull}")
        git(project, "clone", *options, top, str(folder))
        git(folder, "checkout", "--quiet", "--detach", commit)
        if patch:  # git refuses an empty one
            git(folder, "apply", "--whitespace=nowarn", "-", given=patch)
    except (OSError, subprocess.SubprocessError) as error:
        raise CheckoutError(f"commit {commit[:12]} cannot be checked out: {git_message(error)}") from error
    return folder / prefix


def as_shown(patch: bytes) -> str:
    """A patch as text for a terminal, in which nothing can hide: what does not print is written as an escape."""
    text = patch.decode(errors="replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)


def _check_patch(project: Path, source: SourceRecord, patch: bytes | None, commit_present: bool) -> Check:
    recorded = _patch_in_words(source)
    if not source["dirty"]:
        return Check("patch", Status.PASS, "none", "none needed")
    if patch is None or not source["patch"]:
        return Check("patch", Status.FAIL, recorded, "not kept with the run: the changes are lost")
    if hashlib.sha256(patch).hexdigest() != source["patch"]["sha256"]:
        return Check("patch", Status.FAIL, recorded, "another than recorded: it was changed in MLflow's store")
    if not commit_present:
        return Check("patch", Status.FAIL, recorded, "nothing to apply it to")
    reason = _why_not_applied(project, source["commit"], patch) if patch else ""
    if reason:
        return Check("patch", Status.FAIL, recorded, f"does not apply: {reason}")
    left_out = ", ".join(source["patch"]["left_out"])
    status = Status.WARN if left_out else Status.PASS
    return Check("patch", status, recorded, f"applies, without {left_out}" if left_out else "applies")


def _patch_in_words(source: SourceRecord | None) -> str:
    if source is None or not source["dirty"]:
        return "none"
    digest = source["patch"]["sha256"] if source["patch"] else None
    return f"sha256 {(digest or 'unknown')[:12]}"


def _why_not_applied(project: Path, commit: str, patch: bytes) -> str:
    """Git's reason for refusing the patch on a commit; empty if it applies."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        top = Path(os.fsdecode(git(project, "rev-parse", "--show-toplevel")).rstrip("\n"))
        try:
            git(top, "read-tree", commit, variables=index)
            git(top, "apply", "--cached", "--check", "-", given=patch, variables=index)
        except (OSError, subprocess.SubprocessError) as error:
            return git_message(error)
    return ""


def _compared(what: str, recorded: str, present: str) -> Check:
    known = recorded == present and "unknown" not in recorded
    return Check(what, Status.PASS if known else Status.WARN, recorded, present)


def _succeeds(project: Path, *arguments: str) -> bool:
    try:
        git(project, *arguments)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
