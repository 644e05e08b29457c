"""Paths as people read them."""

import os
from pathlib import Path


def shown_path(path: Path, project: Path) -> str:
    """A path relative to the project's folder if it lies within, absolute if it lies outside.

    Symbolic links are not followed: a folder of the project that is kept on another disk lies within.

    Args:
        path: Absolute, or relative to the project.
        project: The project's folder.
    """
    place = Path(os.path.normpath(project / path))
    return (place.relative_to(project) if place.is_relative_to(project) else place).as_posix()
