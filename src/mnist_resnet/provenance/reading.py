"""The reading of ``provenance.json``, whichever version of schema 1 has written it."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.errors import UserError
from mnist_resnet.provenance.record import PROVENANCE_FILE, SCHEMA, Provenance

_SHOWN_FAULTS = 6


class ProvenanceError(UserError, ValueError):
    """A record that cannot be read; the message says why."""


def read_provenance(text: bytes, which: str) -> Provenance:
    """Read the content of ``provenance.json``.

    Args:
        text: The content.
        which: The run, in words.

    Raises:
        ProvenanceError: If it is of another schema or damaged; all faults are named.
    """
    try:
        return TypeAdapter(Provenance).validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors()
    for fault in faults:
        if fault["loc"] == ("schema",):
            schema = None if fault["type"] == "missing" else fault["input"]
            raise ProvenanceError(
                f"{which}: its {PROVENANCE_FILE} has schema {schema!r}, and this version reads {SCHEMA}; use the "
                f"version of mnist_resnet that made the run"
            )
    more = [f"and {len(faults) - _SHOWN_FAULTS} more"] if len(faults) > _SHOWN_FAULTS else []
    described = "; ".join([*map(_describe, faults[:_SHOWN_FAULTS]), *more])
    raise ProvenanceError(f"{which}: its {PROVENANCE_FILE} is damaged: {described}")


def _describe(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    match fault["type"]:
        case "missing":
            return f"{key} is missing"
        case "value_error":
            return f"{key}: {fault['ctx']['error']}"
        case "json_invalid" | "dataclass_type" if not key:
            return f"it is not a JSON object. {fault['msg']}"
    return f"{key}: received {str(fault['input'])[:40]!r}. {fault['msg']}"
