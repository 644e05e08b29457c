"""The job that a folder of answers belongs to: typed again, it goes on; another one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.errors import UserError
from mnist_resnet.prediction.pictures import Fit
from mnist_resnet.storage.artifacts import is_leftover, remove_leftovers
from mnist_resnet.storage.json_records import write_json
from mnist_resnet.storage.lock import LOCK_FILE, folder_lock

JOB_FILE = "job.json"
_MOST_ROWS = 1_000_000  # of which all may be refused, and a part still be read
_REMEDY = "name another folder, or remove this one to begin anew"
# Of two jobs that differ in these only, the answers are the same.
_WITHOUT_INFLUENCE = {"model", "sources"}


class JobError(UserError, RuntimeError):
    """A folder that cannot take the answers of a job."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is classified, and how: the contents of ``job.json``.

    Attributes:
        schema: The version of this format.
        model: What the model was called when the job began.
        model_sha256: Of the ONNX file.
        class_names: In the order of the probabilities.
        image_size: (height, width) of the model's input, in pixels.
        rows_per_part: The most images of a part.
        column: The column of Parquet files that has the images; None: found by its type.
        sources: As they were typed, without credentials.
        source_digest: Of the listing, and of how it was cut; see ``SourcePlan``.
        rows: How many row ids there are.
        parts: How many files of answers there will be.
        invert: Whether dark and bright are swapped.
        fit: How pictures are fitted.
    """

    schema: int = 1
    model: str
    model_sha256: str
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    rows_per_part: int
    column: str | None
    sources: tuple[str, ...]
    source_digest: str
    rows: int
    parts: int
    invert: bool
    fit: Fit

    def difference(self, other: "Job") -> str | None:
        """The first thing that makes other answers, in words; None if nothing does."""
        for field in fields(Job):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if field.name not in _WITHOUT_INFLUENCE and ours != theirs:
                changed = "the source, which has changed: its" if field.name == "source_digest" else "its"
                return f"{changed} {field.name.replace('_', ' ')} is {_shown(theirs)}, and here {_shown(ours)}"
        return None


@contextmanager
def open_job(folder: Path, job: Job) -> Iterator[None]:
    """Hold a folder for a job within the block: a new one, or that of the same job.

    Args:
        folder: Made if it is not there.
        job: What is to be done.

    Raises:
        JobError: If the folder has the answers of another job, or other files, or parts would have too many rows.
        LockedError: If another process works on it.
    """
    if folder.exists() and not folder.is_dir():
        raise JobError(f"--output: received '{folder}', which is a file; name a folder")
    with folder_lock(folder, elsewhere="or name another folder by --output"):
        _claim(folder, job)
        remove_leftovers(folder)  # which is the job's own
        yield


def _claim(folder: Path, job: Job) -> None:
    file = folder / JOB_FILE
    if file.exists():
        if difference := job.difference(_read(file)):
            raise JobError(f"--output: '{folder}' has the answers of another job: {difference}; {_REMEDY}")
        return
    if others := [path.name for path in folder.iterdir() if path.name != LOCK_FILE and not is_leftover(path)]:
        raise JobError(f"--output: '{folder}' has other files, such as {min(others)}; name a new folder")
    if job.rows_per_part > _MOST_ROWS:
        raise JobError(f"--rows-per-part: received {job.rows_per_part}; choose at most {_MOST_ROWS:,}")
    write_json(file, job, indent=2)


def _read(file: Path) -> Job:
    try:
        return TypeAdapter(Job).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise JobError(
            f"--output: {file} cannot be read, so nobody knows whose answers these are; {_REMEDY}"
        ) from error


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"  # a digest
