"""The source of a recorded run: checked against the repository, and put in place as a clone."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from mnist_resnet.provenance.git import folders_of, git, git_message
from mnist_resnet.provenance.source import UNKNOWN, Source, collect_source, patch_in_words, why_no_commit
from mnist_resnet.reproduce.preflight import Check, CheckResult, ReproductionError


def check_source(
    project: Path, source: Source | None, patch: bytes | None, missing_because: str | None = None
) -> tuple[Check, Check]:
    """Whether the recorded commit is there, and the recorded patch applies to it; nothing is changed.

    Args:
        project: A folder of the repository to look into.
        source: That of a run's provenance.
        patch: The recorded patch.
        missing_because: Why there is no ``source``, as recorded with the run; older runs do not tell.
    """
    if source is None:
        reason = missing_because or "the reason was not recorded"
        commit = Check("commit", CheckResult.FAIL, f"none: {reason}", "–")
        return commit, Check("patch", CheckResult.FAIL, UNKNOWN, "–")
    try:
        git(project, "cat-file", "-e", f"{source.commit}^{{commit}}")
        commit = Check("commit", CheckResult.PASS, source.commit[:12], "present")
    except (OSError, subprocess.SubprocessError):
        absent = why_no_commit(project) or "not in this repository: `git fetch` it"
        commit = Check("commit", CheckResult.FAIL, source.commit[:12], absent)
    if not source.dirty:
        return commit, Check("patch", CheckResult.PASS, "none", "none needed")
    reason = _why_not_applied(project, source, patch, commit.result == CheckResult.PASS)
    if reason:
        return commit, Check("patch", CheckResult.FAIL, patch_in_words(source), reason)
    left_out = ", ".join(source.patch.left_out) if source.patch else ""
    result, present = (CheckResult.WARN, f"applies, without {left_out}") if left_out else (CheckResult.PASS, "applies")
    return commit, Check("patch", result, patch_in_words(source), present)


def check_present_source(project: Path, source: Source | None) -> tuple[Check, ...]:
    """Compare the recorded source with the working tree as it is.

    Args:
        project: A folder of the working tree.
        source: That of a run's provenance.
    """
    both = (source, collect_source(project))
    compared = {
        "commit": [each.commit[:12] if each else "none" for each in both],
        "patch": [patch_in_words(each) for each in both],
    }
    return tuple(
        Check(what, CheckResult.PASS if recorded == present != UNKNOWN else CheckResult.WARN, recorded, present)
        for what, (recorded, present) in compared.items()
    )


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
        ReproductionError: If git fails.
    """
    # No hook of the user's runs: whatever they do, they are not part of what was recorded.
    options = ("--shared", "--no-checkout", "--quiet", "--template=", "--config", f"core.hooksPath={os.devnull}")
    try:
        top, prefix = folders_of(project)
        git(project, "clone", *options, str(top), str(folder))
        git(folder, "checkout", "--quiet", "--detach", commit)
        if patch:  # git refuses an empty one
            git(folder, "apply", "--whitespace=nowarn", "-", given=patch)
    except (OSError, subprocess.SubprocessError) as error:
        raise ReproductionError(f"commit {commit[:12]} cannot be checked out: {git_message(error)}") from error
    return folder / prefix


def as_shown(patch: bytes) -> str:
    """A patch as text for a terminal, in which nothing can hide: what does not print is written as an escape."""
    text = patch.decode(errors="replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)


def _why_not_applied(project: Path, source: Source, patch: bytes | None, commit_present: bool) -> str:
    """The reason why the recorded patch cannot be applied to its commit; empty if it can."""
    if patch is None or source.patch is None:
        return "not kept with the run: the changes are lost"
    if hashlib.sha256(patch).hexdigest() != source.patch.sha256:
        return "not the recorded one: it was changed in MLflow's store"
    if not commit_present:
        return "nothing to apply it to"
    if not patch:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        try:
            top, _ = folders_of(project)
            git(top, "read-tree", source.commit, variables=index)
            git(top, "apply", "--cached", "--check", "-", given=patch, variables=index)
        except (OSError, subprocess.SubprocessError) as error:
            return f"does not apply: {git_message(error)}"
    return ""
