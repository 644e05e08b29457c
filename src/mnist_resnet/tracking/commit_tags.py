"""The commit of a run as tags in MLflow."""

from pathlib import Path

from mnist_resnet.provenance.source import collect_commit


def commit_tags(project: Path) -> dict[str, str]:
    """The commit and whether files differ from it; empty where there is no commit.

    Args:
        project: The project's folder.
    """
    source = collect_commit(project)
    return {"git_commit": source.commit, "git_dirty": str(source.dirty).lower()} if source else {}
