"""The folder of a job: the same one goes on, another one is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.batch_inference.engine import ClassifyError
from mnist_resnet.batch_inference.job import JOB_FILE, JobError, open_job
from mnist_resnet.batch_inference.run_job import ClassifyRequest, run_job
from mnist_resnet.storage.lock import LockedError
from tests.batch_inference.test_answers import JOB


def test_the_same_job_goes_on_by_whatever_name_its_model_and_sources_are_called(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "answers"
    for again in (JOB, JOB, replace(JOB, model="models:/mnist@champion", sources=("./images.npy",))):
        with open_job(folder, again):
            (folder / "part-000000.parquet").touch()
    assert (folder / JOB_FILE).is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_sha256": "ef" * 32}, "model sha256 is abababababab…, and here efefefefefef…"),
        ({"source_digest": "12" * 32}, "which has changed: its source digest is cdcdcdcdcdcd…"),
        ({"rows_per_part": 20}, "rows per part is 10, and here 20"),
        ({"invert": True}, "invert is False, and here True"),
        ({"fit": "digit"}, "fit is whole, and here digit"),
    ],
)
def test_another_job_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with open_job(tmp_path / "answers", JOB):
        pass
    with pytest.raises(JobError, match=words), open_job(tmp_path / "answers", replace(JOB, **change)):
        pass


def test_two_commands_at_once_are_refused(tmp_path: Path) -> None:
    with open_job(tmp_path / "answers", JOB), pytest.raises(LockedError), open_job(tmp_path / "answers", JOB):
        pass


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(JobError, match=r"other files, such as thesis\.txt"), open_job(tmp_path, JOB):
        pass
    assert [path.name for path in tmp_path.iterdir() if path.name != "run.lock"] == ["thesis.txt"]


def test_a_file_is_no_folder_and_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match="which is a file"), open_job(tmp_path / "file", JOB):
        pass
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / JOB_FILE).write_text("{}")
    with pytest.raises(JobError, match="cannot be read"), open_job(tmp_path / "answers", JOB):
        pass


def test_answers_within_the_source_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    request = ClassifyRequest(
        sources=[str(tmp_path / "scans")],
        output=str(tmp_path / "scans" / "answers"),
        model="model.onnx",
        content=b"",
        rows_per_part=10,
        column=None,
        invert=False,
        fit="whole",
        workers=1,
        threads=1,
        batch_size=8,
        address=None,
    )
    with pytest.raises(ClassifyError, match="which is in the source"):
        run_job(request)
