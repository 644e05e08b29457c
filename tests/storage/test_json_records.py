"""Records as JSON files."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mnist_resnet.storage.json_records import read_record, write_json


@dataclass(frozen=True)
class Parcel:
    name: str
    weight: int


def test_a_record_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "parcel.json", Parcel("Größe", 3))
    assert read_record(Parcel, tmp_path / "parcel.json") == Parcel("Größe", 3)


def test_records_within_other_values_are_written_in_the_layout_asked_for(tmp_path: Path) -> None:
    write_json(tmp_path / "parcels.json", {"parcels": [Parcel("ä", 3)]}, indent=1, ensure_ascii=False)
    expected = '{\n "parcels": [\n  {\n   "name": "ä",\n   "weight": 3\n  }\n ]\n}\n'
    assert (tmp_path / "parcels.json").read_bytes() == expected.encode()


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "3", "{}", '{"name": "a", "weight": 1, "colour": 2}'])
def test_what_is_no_record_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "parcel.json").write_text(content)
    assert read_record(Parcel, tmp_path / "parcel.json") is None
