from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import pytest

from mnist_resnet.data.fetch import STORED_AS
from mnist_resnet.reproduce.preflight import CheckResult
from mnist_resnet.reproduce.raw_data import find_raw_data
from mnist_resnet.storage.addresses import Address
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


def test_the_files_are_found_where_the_run_had_them(tmp_path: Path, made_data: MadeData) -> None:
    datasets, url = {"made": asdict(made_data.dataset)}, f"memory://{uuid4()}/raw"
    for role, content in made_data.contents.items():
        Address(f"{url}/made/{STORED_AS[role]}").write(content)
    catalog = {"made.published_images": {"type": "IdxDataset", "filepath": f"{url}/made/train-images-idx3-ubyte"}}
    check, found = find_raw_data(tmp_path, None, datasets, catalog)
    assert (check.result, check.present) == (CheckResult.PASS, f"the same in {url}")
    assert found is not None
    assert Path(found).is_relative_to(tmp_path / "data/copies")
    assert find_raw_data(tmp_path / "another", found, datasets)[0].result == CheckResult.PASS


def test_an_address_that_is_gone_is_no_error(tmp_path: Path, made_data: MadeData) -> None:
    made_data.write(tmp_path / "mirror" / "made")
    catalog = {"made.published_images": {"filepath": "s3://bucket/raw/made/train-images-idx3-ubyte"}}
    check, found = find_raw_data(
        tmp_path / "project", str(tmp_path / "mirror"), {"made": asdict(made_data.dataset)}, catalog
    )
    assert (check.result, found) == (CheckResult.PASS, str(tmp_path / "mirror"))
