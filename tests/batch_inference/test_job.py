"""The folder of a job: the same one goes on, another one is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_resnet.batch_inference import run_job as module
from mnist_resnet.batch_inference.job import JOB_FILE, JobError, open_job
from mnist_resnet.batch_inference.ray_pool import ClassifyError
from mnist_resnet.batch_inference.run_job import ClassifyRequest, run_job
from mnist_resnet.storage.lock import LockedError
from tests.batch_inference.test_answer_files import JOB
from tests.made_model import halves_model


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


def test_nothing_is_cleaned_up_in_a_folder_of_another(tmp_path: Path) -> None:
    written = tmp_path / "models" / ".model.onnx.abcd_123"  # by a run that goes on
    written.mkdir(parents=True)
    with pytest.raises(JobError, match="other files"), open_job(tmp_path, JOB):
        pass
    assert written.is_dir()


def test_what_a_killed_command_had_begun_is_cleaned_up(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    begun = [folder / f".{name}.abcd_123" for name in (JOB_FILE, "part-000000.parquet")]
    begun[0].mkdir(parents=True)
    for _ in range(2):
        with open_job(folder, JOB):
            assert not any(path.exists() for path in begun)
            begun[1].mkdir()


def test_a_folder_that_is_in_use_says_to_name_another(tmp_path: Path) -> None:
    with (
        open_job(tmp_path / "answers", JOB),
        pytest.raises(LockedError, match=r"Wait for it or stop it, or name another folder by --output$"),
        open_job(tmp_path / "answers", JOB),
    ):
        pass


def test_a_file_is_no_folder_and_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match="which is a file"), open_job(tmp_path / "file", JOB):
        pass
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / JOB_FILE).write_text("{}")
    with pytest.raises(JobError, match="cannot be read"), open_job(tmp_path / "answers", JOB):
        pass


def request(sources: list[str], output: str, content: bytes = b"") -> ClassifyRequest:
    return ClassifyRequest(
        sources=sources,
        output=output,
        model="model.onnx",
        content=content,
        rows_per_part=10,
        column=None,
        invert=False,
        fit="whole",
        workers=1,
        threads=1,
        batch_size=8,
        address=None,
    )


@pytest.mark.parametrize(
    "source", ["scans", "../work/scans", "scans/../scans", "scans/*", "sc*/**", "*", "scans/answers"]
)
def test_answers_within_the_source_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (tmp_path / "work" / "scans").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(ClassifyError, match="which is in the source"):
        run_job(request([source], "scans/answers"))


@pytest.mark.parametrize("source", ["link", "link/*"])
def test_answers_within_the_source_are_refused_whatever_link_leads_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "link").symlink_to("scans")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClassifyError, match="which is in the source"):
        run_job(request([source], "scans/answers"))


def test_a_command_goes_on_whose_pattern_was_expanded_to_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "make_parts", lambda *_: None)
    monkeypatch.setattr(module, "finish_job", lambda folder, job, plan: job)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    np.save("scans/a.npy", np.zeros((3, 8, 8), np.uint8))
    first = run_job(request(["scans/a.npy"], "scans/answers", halves_model()))
    assert run_job(request(["scans/a.npy", "scans/answers"], "scans/answers", halves_model())).summary == first.summary


@pytest.mark.parametrize("source", ["scans[1]", "scans[1]/*.png"])
def test_a_source_that_is_there_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (tmp_path / "scans[1]").mkdir()
    monkeypatch.chdir(tmp_path)
    module._require_apart(tmp_path / "scans1" / "a.png", [source])
    with pytest.raises(ClassifyError, match="which is in the source"):
        module._require_apart(tmp_path / "scans[1]" / "a.png", [source])


def test_a_new_job_has_no_part_that_could_be_too_large_to_be_read(tmp_path: Path) -> None:
    large = replace(JOB, rows_per_part=1_000_001)
    with (
        pytest.raises(JobError, match="--rows-per-part: received 1000001; choose at most 1,000,000"),
        open_job(tmp_path, large),
    ):
        pass
