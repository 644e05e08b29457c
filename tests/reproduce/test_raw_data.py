from dataclasses import asdict
from pathlib import Path

import pytest

from mnist_resnet.data.fetch import STORED_AS
from mnist_resnet.reproduce.preflight import CheckResult
from mnist_resnet.reproduce.raw_data import find_raw_data
from tests.conftest import MadeData

ADDED_LATER = {"first_label", "empty_classes"}


@pytest.mark.parametrize("place", ["project/data/01_raw", "mirror"])
def test_the_files_are_found_by_their_digests(tmp_path: Path, made_data: MadeData, place: str) -> None:
    made_data.write(tmp_path / place / "made")
    datasets = {"made": asdict(made_data.dataset)}
    check, found = find_raw_data(tmp_path / "project", str(tmp_path / "mirror"), datasets)
    assert (check.result, found) == (CheckResult.PASS, str(tmp_path / place))


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}/"])
@pytest.mark.parametrize("folder", ["mirror", "mirror/made"], ids=["the folder itself", "a folder for each data set"])
def test_a_mirror_of_ones_own_may_be_a_file_url(tmp_path: Path, made_data: MadeData, form: str, folder: str) -> None:
    made_data.write(tmp_path / folder)
    mirror = form.format(tmp_path / "mirror")
    check, found = find_raw_data(tmp_path / "project", mirror, {"made": asdict(made_data.dataset)})
    assert (check.result, found) == (CheckResult.PASS, str(tmp_path / "mirror"))


@pytest.mark.parametrize("mirror", ["absent", "file://{}/absent"])
def test_a_folder_without_the_files_is_handed_on_as_a_path_that_holds_anywhere(
    tmp_path: Path, made_data: MadeData, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    monkeypatch.chdir(tmp_path)
    check, found = find_raw_data(tmp_path / "p", mirror.format(tmp_path), {"made": asdict(made_data.dataset)})
    assert (check.result, found) == (CheckResult.WARN, str(tmp_path / "absent"))


def test_files_are_found_as_the_catalog_stores_them(tmp_path: Path, made_data: MadeData) -> None:
    (tmp_path / "data/01_raw/made").mkdir(parents=True)
    for role, content in made_data.contents.items():
        (tmp_path / "data/01_raw/made" / STORED_AS[role]).write_bytes(content)
    check, _ = find_raw_data(tmp_path, None, {"made": asdict(made_data.dataset)})
    assert check.result == CheckResult.PASS


def test_data_sets_of_earlier_records_are_understood(tmp_path: Path, made_data: MadeData) -> None:
    made_data.write(tmp_path / "data/01_raw/made")
    described = {key: value for key, value in asdict(made_data.dataset).items() if key not in ADDED_LATER}
    check, _ = find_raw_data(tmp_path, None, {"made": described})
    assert check.result == CheckResult.PASS


def test_other_files_of_the_same_names_do_not_count(tmp_path: Path, made_data: MadeData) -> None:
    folder = made_data.write(tmp_path / "data/01_raw" / "made")
    file = folder / made_data.dataset.files.test_images.name
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    check, found = find_raw_data(tmp_path, "https://mirror.example.org/", {"made": asdict(made_data.dataset)})
    assert (check.result, found) == (CheckResult.WARN, "https://mirror.example.org/")
    assert "made" in check.present
