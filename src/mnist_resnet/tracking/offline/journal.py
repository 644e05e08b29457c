"""Journals: records that are appended one by one, and of which a killed process leaves only whole ones."""

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.storage.artifacts import replacing, sha256_of_path
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.operations import (
    EndRun,
    LogArtifact,
    LogInput,
    LogMetrics,
    LogModel,
    LogParameters,
    Operation,
    SetTags,
)
from mnist_resnet.tracking.registry import RegisterCandidate

# By the kinds that journals name.
_PLAIN = {
    "Parameters": LogParameters,
    "Metrics": LogMetrics,
    "Input": LogInput,
    "Tags": SetTags,
    "Candidate": RegisterCandidate,
    "End": EndRun,
}
_KINDS = {operation: kind for kind, operation in _PLAIN.items()}
_MODEL, _EXAMPLE = "model.onnx", "input_example.npy"
_OF_MODELS = ("class_names", "providers", "requirements")


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


def as_record(operation: Operation, files: Path) -> dict[str, Any]:
    """A JSON object that describes an operation.

    Args:
        operation: What is to be recorded.
        files: A folder that is not there yet; what the operation needs of files is copied into it.

    Raises:
        OSError: If that cannot be copied.
    """
    if not isinstance(operation, LogArtifact | LogModel):
        return {"kind": _KINDS[type(operation)], **asdict(operation)}
    with replacing(files) as made:
        made.mkdir()
        record = _write_files(operation, made)
    return {**record, "files": files.name, "sha256": sha256_of_path(files)}


def _write_files(operation: LogArtifact | LogModel, folder: Path) -> dict[str, Any]:
    if isinstance(operation, LogArtifact):
        path = operation.path
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, folder / path.name)
        return {"kind": "Artifact", "name": path.name, "folder": operation.folder}
    model = operation.model
    (folder / _MODEL).write_bytes(model.content)
    np.save(folder / _EXAMPLE, model.input_example, allow_pickle=False)
    return {"kind": "Model", "name": model.name, **{key: getattr(model, key) for key in _OF_MODELS}}


def as_operation(record: dict[str, Any], folder: Path) -> Operation:
    """The operation that a record describes.

    Args:
        record: Made by ``as_record``.
        folder: Holds the folders of the records' files.

    Raises:
        KeyError, TypeError: If it describes none.
        ValueError: If its files are not as they were written.
        OSError: If its files cannot be read.
    """
    kind, values = record["kind"], {key: value for key, value in record.items() if key != "kind"}
    if kind in _PLAIN:
        operation: Operation = _PLAIN[kind](**values)
        return operation
    files = folder / values["files"]
    if values.get("sha256") not in {None, sha256_of_path(files)}:  # earlier versions did not write it
        raise ValueError(f"{files} is damaged: its SHA-256 is not the recorded one")
    if kind == "Artifact":
        return LogArtifact(files / values["name"], values["folder"])
    content, example = (files / _MODEL).read_bytes(), np.load(files / _EXAMPLE, allow_pickle=False)
    settings = {key: tuple(values[key]) for key in _OF_MODELS if key in values}
    return LogModel(LoggedModel(values["name"], content, example, **settings))
