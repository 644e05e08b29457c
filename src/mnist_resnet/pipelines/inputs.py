"""The inputs of nodes that take many."""


def inputs(*entries: str, **others: str) -> dict[str, str]:
    """The inputs of a node by argument.

    Args:
        entries: Entries of the catalog, and parameters as in ``params:export``, for arguments of the same names.
        others: Entries for arguments of other names.
    """
    return {entry.removeprefix("params:"): entry for entry in entries} | others
