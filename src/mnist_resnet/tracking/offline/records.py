"""Operations as records of a journal, with copies of the files that they need."""

import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.storage.artifacts import replacing
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.operations import (
    EndRun,
    LogArtifact,
    LogMetrics,
    LogModel,
    LogParameters,
    Operation,
    RegisterCandidate,
)

# By the kinds that journals name.
_PLAIN = {"Parameters": LogParameters, "Metrics": LogMetrics, "Candidate": RegisterCandidate, "End": EndRun}
_KINDS = {kind: name for name, kind in _PLAIN.items()}


def as_record(operation: Operation, files: Path) -> dict[str, Any]:
    """A JSON object that describes an operation.

    Args:
        operation: What is to be recorded.
        files: A folder that is not there yet; what the operation needs of files is copied into it.

    Raises:
        OSError: If that cannot be copied.
    """
    match operation:
        case LogArtifact(path, folder):
            with replacing(files / path.name) as copy:
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copy)
            return {"kind": "Artifact", "files": files.name, "name": path.name, "folder": folder}
        case LogModel(model):
            with replacing(files) as made:
                _write_model(model, made)
            settings = {key: getattr(model, key) for key in ("name", "class_names", "providers", "requirements")}
            return {"kind": "Model", "files": files.name, **settings}
        case _:
            return {"kind": _KINDS[type(operation)], **asdict(operation)}


def as_operation(record: dict[str, Any], folder: Path) -> Operation:
    """The operation that a record describes.

    Args:
        record: Made by ``as_record``.
        folder: The spool, which holds ``files``.

    Raises:
        KeyError, TypeError: If it describes none.
        OSError: If its files cannot be read.
    """
    kind, values = record["kind"], {key: value for key, value in record.items() if key != "kind"}
    if kind in _PLAIN:
        operation: Operation = _PLAIN[kind](**values)
        return operation
    files = folder / "files" / values.pop("files")
    if kind == "Artifact":
        return LogArtifact(files / values["name"], values["folder"])
    return LogModel(_read_model(files, values))


def _write_model(model: LoggedModel, folder: Path) -> None:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.content)
    np.save(folder / "input_example.npy", model.input_example, allow_pickle=False)


def _read_model(folder: Path, settings: dict[str, Any]) -> LoggedModel:
    known = {field.name for field in fields(LoggedModel)}
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    return LoggedModel(
        content=(folder / "model.onnx").read_bytes(),
        input_example=np.load(folder / "input_example.npy", allow_pickle=False),
        **{key: value for key, value in settings.items() if key in known},
    )
