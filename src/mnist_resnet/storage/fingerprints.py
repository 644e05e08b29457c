"""Records of what the outputs of a pipeline were made from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_resnet.config import WITHOUT_INFLUENCE, flatten
from mnist_resnet.storage.json_records import read_record, write_json


@dataclass(frozen=True)
class Fingerprint:
    """What the outputs of one pipeline for one data set were made from, and what they were when they were made.

    ``parameters`` are the resolved parameters; ``inputs`` and ``outputs`` map names to SHA-256.
    """

    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    def difference(self, other: "Fingerprint") -> str | None:
        """The first thing that differs from ``other``, in words; None if nothing does."""
        for concern in ("parameters", "inputs", "outputs"):
            before, now = (flatten(getattr(each, concern)) for each in (self, other))
            for key in sorted(before.keys() | now.keys()):
                if before.get(key) != now.get(key) and key.partition(".")[2] not in WITHOUT_INFLUENCE:
                    return _describe(concern, key, before.get(key), now.get(key))
        return None

    def write(self, path: Path) -> None:
        """Store this fingerprint as JSON."""
        write_json(path, self, indent=1, sort_keys=True)

    @classmethod
    def read(cls, path: Path) -> "Fingerprint | None":
        """The fingerprint stored at ``path``; None if there is none that can be read."""
        stored = read_record(cls, path)
        whole = stored is not None and all(isinstance(value, Mapping) for value in asdict(stored).values())
        return stored if whole else None


def fingerprint_path(outputs: Path, namespace: str, pipeline: str) -> Path:
    """The path of the fingerprint of a pipeline for a data set, in the folder of a recipe's outputs."""
    return outputs / "fingerprints" / namespace / f"{pipeline}.json"


def _describe(concern: str, key: str, before: Any, now: Any) -> str:
    if concern == "parameters":
        return f"{key} was {before!r} and is {now!r}"
    if now is None:
        return f"{key} is missing"
    return f"{key} has changed since"
