"""A journal: records that are appended one by one, and of which a killed process leaves only whole ones."""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record as a line of JSON; when this returns, it is on the disk.

    Raises:
        OSError: If it cannot be stored; the journal then is as it was.
    """
    line = json.dumps(record).encode() + b"\n"
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        before = os.fstat(journal).st_size
        if os.write(journal, line) != len(line):
            os.ftruncate(journal, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(journal)
    finally:
        os.close(journal)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records in order, without one that its writer was killed in the middle of.

    Raises:
        ValueError: If it is no journal.
        OSError: If it cannot be read.
    """
    *lines, _unfinished = path.read_bytes().split(b"\n")
    records = [json.loads(line) for line in lines]
    if not all(isinstance(record, dict) for record in records):
        raise ValueError(f"{path} holds lines that are no JSON objects")
    return records
