"""A job of batch inference: sources listed, chunks classified, a summary written."""

import fnmatch
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.batch_inference.answer_files import finished_parts, remove_damaged_parts
from mnist_resnet.batch_inference.job import Job, open_job
from mnist_resnet.batch_inference.job_summary import JobSummary, finish_job
from mnist_resnet.batch_inference.ray_pool import ClassifyError, make_parts
from mnist_resnet.batch_inference.sources.chunks import SourcePlan
from mnist_resnet.batch_inference.sources.listing import escaped
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.worker import WorkerSettings
from mnist_resnet.evaluation.classifier import open_classifier
from mnist_resnet.prediction.pictures import Fit
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.terminal.printable_text import printable
from mnist_resnet.terminal.progress import progress
from mnist_resnet.terminal.redaction import without_credentials

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClassifyRequest:
    """What is to be classified, how, and where to.

    Attributes:
        sources: Files, folders, patterns or addresses; see ``plan_chunks``.
        output: The folder for the answers.
        model: The model's name, for people.
        content: The ONNX file's content.
        rows_per_part: Images in a file of answers, at most.
        column: The column of Parquet files that has the images; None: found by its type.
        invert: Swap dark and bright.
        fit: How pictures are fitted; see ``read_picture``.
        workers: Processes that classify, at most; None: as many as there are cores for.
        threads: Cores of each.
        batch_size: Images in a call of the model.
        address: Of a Ray cluster; see ``cluster``.
    """

    sources: Sequence[str]
    output: str
    model: str
    content: bytes
    rows_per_part: int
    column: str | None
    invert: bool
    fit: Fit
    workers: int | None
    threads: int
    batch_size: int
    address: str | None


@dataclass(frozen=True)
class FinishedJob:
    """What a request has come to.

    Attributes:
        folder: With the answers.
        summary: All parts together.
        made: How many row ids were done now.
        before: How many were done by the same command before.
    """

    folder: Path
    summary: JobSummary
    made: int
    before: int


def run_job(request: ClassifyRequest) -> FinishedJob:
    """Classify all images of a request, or those that are left of it.

    Raises:
        ModelFileError: If the model is no classifier of raw images.
        SourceError: If a source cannot be read.
        JobError: If the folder has the answers of another job.
        ClassifyError: If a part cannot be made.
        ClusterError: If Ray cannot be used.
    """
    folder = _answers_folder(request.output)
    # A pattern that the shell expands finds the answers, too, once there are some.
    sources = [source for source in request.sources if "://" in source or _absolute(source) != folder]
    _require_apart(folder, sources or request.sources)
    _require_text(sources)
    classifier = open_classifier(request.content, request.model, request.threads)
    plan = plan_chunks(sources, classifier.image_size, request.rows_per_part, request.column)
    job = Job(
        model=request.model,
        model_sha256=sha256_of_bytes(request.content),
        class_names=classifier.class_names,
        image_size=classifier.image_size,
        rows_per_part=request.rows_per_part,
        column=request.column,
        sources=tuple(without_credentials(source) for source in sources),
        source_digest=plan.digest,
        rows=plan.rows,
        parts=len(plan.chunks),
        invert=request.invert,
        fit=request.fit,
    )
    with open_job(folder, job):
        if damaged := remove_damaged_parts(folder):
            logger.warning("Parts that were damaged are made again: %s", ", ".join(map(str, damaged)))
        before = sum(plan.chunks[number].rows for number in finished_parts(folder))
        made = sum(chunk.rows for chunk in plan.chunks) - before
        if made:
            _make(plan, job, folder, request, made)
        return FinishedJob(folder, finish_job(folder, job, plan), made, before)


def _answers_folder(output: str) -> Path:
    """The folder of ``--output``, absolute, as workers need it.

    Raises:
        ClassifyError: If it is an address.
    """
    if "://" in output:
        raise ClassifyError(f"--output: received '{output}'; name a folder, which all hosts see if there are several")
    return _absolute(output)


def _absolute(name: str) -> Path:
    """The whole path of a local name, without `..`; links are kept."""
    return Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100


def _require_apart(folder: Path, sources: Sequence[str]) -> None:
    """Refuse answers within a source, which would be listed as a part of it when the command is typed again."""
    for source in (each for each in sources if "://" not in each):
        place = _absolute(source)
        by_links = (Path(os.path.realpath(each)) for each in (folder, place))
        if _is_within(folder, place) or _is_within(*by_links):
            raise ClassifyError(f"--output: received '{folder}', which is in the source {source}; name another folder")


def _is_within(folder: Path, place: Path) -> bool:
    """Whether a folder lies in a place, which may be a pattern."""
    pattern = escaped(str(place))
    matched = (fnmatch.fnmatchcase(str(each), pattern) for each in (folder, *folder.parents))
    return folder.is_relative_to(place) or any(matched)


def _require_text(sources: Sequence[str]) -> None:
    """Refuse names that are no text, which Ray does not start with: it keeps the command that was typed."""
    for source in sources:
        try:
            source.encode()
        except UnicodeEncodeError as error:
            raise ClassifyError(
                f"SOURCE: received '{printable(source)}', a name that is not UTF-8; name its folder instead"
            ) from error


def _make(plan: SourcePlan, job: Job, folder: Path, request: ClassifyRequest, rows: int) -> None:
    """Make the parts that are not there, which have so many row ids."""
    order = WorkerSettings(folder, job, request.threads, request.batch_size)
    started = time.monotonic()
    made = 0

    def done(_: int, more: int) -> None:
        nonlocal made
        made += more
        advance(more, f"{made / (time.monotonic() - started):,.0f} images/s")

    with progress("Classifying", rows, "images") as advance:
        make_parts(plan, request.content, order, request.workers, request.address, done)
