from dataclasses import asdict
from pathlib import Path

import pytest

from mnist_resnet.reproduce.preflight import Status
from mnist_resnet.reproduce.raw_data import find_raw_data
from tests.conftest import MadeData


@pytest.mark.parametrize("place", ["project/data/01_raw", "mirror"])
def test_the_files_are_found_by_their_digests(tmp_path: Path, made_data: MadeData, place: str) -> None:
    made_data.write(tmp_path / place / "made")
    datasets = {"made": asdict(made_data.dataset)}
    check, found = find_raw_data(tmp_path / "project", str(tmp_path / "mirror"), datasets)
    assert (check.status, found) == (Status.PASS, str(tmp_path / place))


def test_other_files_of_the_same_names_do_not_count(tmp_path: Path, made_data: MadeData) -> None:
    folder = made_data.write(tmp_path / "data/01_raw" / "made")
    file = folder / made_data.dataset.files.test_images.name
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    check, found = find_raw_data(tmp_path, "https://mirror.example.org/", {"made": asdict(made_data.dataset)})
    assert (check.status, found) == (Status.WARN, "https://mirror.example.org/")
    assert "made" in check.present
