"""Records as JSON files that are whole or absent."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from mnist_resnet.storage.artifacts import replacing

_Record = TypeVar("_Record")


def write_json(path: Path, value: Any, **layout: Any) -> None:
    """Write a value in place of what is there.

    Args:
        path: Of the file.
        value: What JSON has, and dataclasses.
        **layout: As for ``json.dumps``.

    Raises:
        StorageError: If the disk is full or cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, default=asdict, **layout) + "\n", encoding="utf-8")


def read_record(kind: type[_Record], path: Path) -> _Record | None:
    """The record in a file; None if there is none that can be read.

    Args:
        kind: A dataclass, whose fields have the types of JSON.
        path: Of the file.
    """
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
