import shutil
from pathlib import Path

import mlflow
import pytest

from mnist_resnet.tracking.store.address import (
    StoreAddressError,
    absolute_uri,
    portable_uri,
    resolved_uri,
    sqlite_file,
    sqlite_uri,
    tracking_uri,
)
from tests.tracking.recordings import record

# Each has a meaning in an address, in a path, in SQL, in a pattern or in a format.
NAMES = [
    *("what?", "issue#1", "50%", "%41", "%3F", "a b", "é", "日本", "it's", '"x"', "a&b", "a;b", "a:b", "a@b", "a+b"),
    *("[x]", "{x}", "a\\b", "$HOME", "*", "~", "`", "|", "<>", "=", "!", "a\tb", "a\nb", "?#% é"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_address_of_a_file_names_that_file(tmp_path, name):
    file = tmp_path / name / "mlflow.db"
    assert sqlite_file(sqlite_uri(file)) == file
    assert absolute_uri(sqlite_uri(file)) == sqlite_uri(file)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_recorded_with_its_artifacts_whatever_the_folder_is_called(tmp_path, empty_store, name):
    project = tmp_path / name
    project.mkdir()
    shutil.copy(empty_store, project / "mlflow.db")
    run = record(project, {"made/report.md": b"# Report"})
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (recorded,) = (project / "mlartifacts").rglob("report.md")
    assert recorded.read_bytes() == b"# Report"
    mlflow.set_tracking_uri(tracking_uri(project))
    assert mlflow.get_run(run.run_id).info.status == "FINISHED"
    read = mlflow.artifacts.download_artifacts(run_id=run.run_id, artifact_path="made/report.md")
    assert Path(read).read_bytes() == b"# Report"


def test_a_path_that_is_no_text_is_refused_before_any_work(tmp_path):
    project = tmp_path / "na\udcffme"
    with pytest.raises(StoreAddressError, match=r"no UTF-8 text.*Rename the folder"):
        record(project)
    assert not project.exists()


@pytest.mark.parametrize(
    "uri",
    ["http://host", "sqlite://", "sqlite:///:memory:", "sqlite:///x.db?timeout=60", "sqlite:///file:x.db", "mlruns"],
)
def test_other_stores_have_no_file(uri):
    assert sqlite_file(uri) is None


def test_a_projects_own_store_is_kept_without_its_place(tmp_path):
    own, other = sqlite_uri(tmp_path / "mlflow.db"), sqlite_uri(tmp_path / "other.db")
    assert resolved_uri(portable_uri(own, tmp_path), tmp_path / "moved") == sqlite_uri(tmp_path / "moved" / "mlflow.db")
    for uri in (other, "http://host:5000"):
        assert resolved_uri(portable_uri(uri, tmp_path), tmp_path / "moved") == uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{here}/mlflow.db"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:////elsewhere/mlflow.db"),
        ("sqlite:///mlflow.db?timeout=60", "sqlite:///{here}/mlflow.db?timeout=60"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("mlruns", "{here}/mlruns"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("databricks", "databricks"),
    ],
)
def test_an_absolute_uri_names_the_same_place_from_any_folder(tmp_path, monkeypatch, uri, expected):
    monkeypatch.chdir(tmp_path)
    assert absolute_uri(uri) == expected.format(here=tmp_path)


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_word_from_the_environment_runs_go_to_the_project(tmp_path, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path / 'mlflow.db'}"
