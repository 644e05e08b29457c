"""What a job comes to: the contents of ``summary.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.batch_inference.answer_files import read_counts, write_refused
from mnist_resnet.batch_inference.job import Job
from mnist_resnet.batch_inference.sources.chunks import SourcePlan
from mnist_resnet.storage.json_records import write_json

SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """All parts together.

    Attributes:
        schema: The version of this format.
        model_sha256: Of the ONNX file.
        rows: How many row ids there are; each is either classified or refused.
        classified: How many images were classified.
        refused: How many row ids were refused.
        refusals: How many lines ``refused.parquet`` has.
        classes: How many images each class has, by its name.
        parts: How many files of answers there are.
    """

    schema: int = 1
    model_sha256: str
    rows: int
    classified: int
    refused: int
    refusals: int
    classes: Mapping[str, int]
    parts: int


def finish_job(folder: Path, job: Job, plan: SourcePlan) -> JobSummary:
    """Gather what was refused, count what all parts have, and write both down.

    Args:
        folder: Of the job, with all parts.
        job: What was done.
        plan: The source.
    """
    counts = [read_counts(folder, number) for number in range(len(plan.chunks))]
    refusals = write_refused(folder, len(plan.chunks), plan.refusals)
    summary = JobSummary(
        model_sha256=job.model_sha256,
        rows=plan.rows,
        classified=sum(each.classified for each in counts),
        refused=sum(each.refused for each in counts) + sum(refusal.rows for refusal in plan.refusals),
        refusals=refusals,
        classes={name: sum(each.by_class[index] for each in counts) for index, name in enumerate(job.class_names)},
        parts=len(counts),
    )
    assert summary.classified + summary.refused == plan.rows
    write_json(folder / SUMMARY_FILE, summary, indent=2, ensure_ascii=False)
    return summary
