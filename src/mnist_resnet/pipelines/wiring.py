"""Nodes by their functions, the arguments of which are called like the entries of the catalog that they take."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

# What a run tells its nodes beside what is configured. conf/base/catalog.yml has these as parameters of a data set,
# which kedro-viz hides until they are asked for. What they are has no influence on what comes out.
TOLD_BY_THE_RUN = ("name", "run", "raw_folder", "checkpoint_folder")


def node(
    function: Callable[..., Any], outputs: str | list[str], *entries: str, name: str | None = None, **others: str
) -> Node:
    """A node of a pipeline.

    Args:
        function: What it does.
        outputs: The entries of the catalog for what the function returns.
        entries: Those for arguments of the same names; parameters as in ``params:export``.
        name: That of the function unless it is given.
        others: Entries for arguments of other names.
    """
    inputs = {entry.removeprefix("params:"): entry for entry in entries} | others
    return Node(function, inputs, outputs, name=name or function.__name__)


def dataset_of(node: Node) -> str:
    """The data set that a node works on, which is the first part of its namespace; empty if it has none."""
    return (node.namespace or "").partition(".")[0]
