"""The origin of a run as tags in MLflow: the command that was typed, and the commit."""

from pathlib import Path

from mnist_resnet.provenance.source import collect_commit
from mnist_resnet.terminal.program import command_line


def origin_tags(project: Path) -> dict[str, str]:
    """The command, and the commit if there is one.

    Args:
        project: The project's folder.
    """
    return {"command": command_line(), **commit_tags(project)}


def commit_tags(project: Path) -> dict[str, str]:
    """The commit and whether files differ from it; empty where there is no commit.

    Args:
        project: The project's folder.
    """
    source = collect_commit(project)
    return {"git_commit": source.commit, "git_dirty": str(source.dirty).lower()} if source else {}
