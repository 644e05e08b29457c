"""Parts of the answers: Parquet files, one for each chunk, each whole or absent."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet import __version__
from mnist_resnet.batch_inference.job import Job, JobError
from mnist_resnet.batch_inference.sources.chunks import ChunkImages, Refusal
from mnist_resnet.batch_inference.sources.filesystems import reading_failed
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.storage.artifacts import remove, replacing
from mnist_resnet.terminal.printable_text import in_words

REFUSED_FILE = "refused.parquet"
# Beside nothing else, so that whatever reads a folder of Parquet files reads all answers at once.
PARTS_FOLDER = "answers"
_PREFIX, _SUFFIX = "part-", ".parquet"
_REFUSED, _COUNTS = b"refused", b"counts"


@dataclass(frozen=True)
class PartCounts:
    """How many images of a part were classified, in all and by class, and how many row ids were refused."""

    classified: int
    by_class: tuple[int, ...]
    refused: int


def part_path(folder: Path, number: int) -> Path:
    """The file of a part, counted from 0."""
    return folder / PARTS_FOLDER / f"{_PREFIX}{number:06}{_SUFFIX}"


def finished_parts(folder: Path) -> set[int]:
    """The numbers of the parts that are there."""
    names = (path.name for path in (folder / PARTS_FOLDER).glob(f"{_PREFIX}*{_SUFFIX}"))
    return {int(digits) for name in names if (digits := name[len(_PREFIX) : -len(_SUFFIX)]).isdecimal()}


def write_part(
    folder: Path, number: int, images: ChunkImages, probabilities: npt.NDArray[np.float32], job: Job
) -> PartCounts:
    """Write the answers of a chunk. An image whose answer is not finite is refused.

    Args:
        folder: Of the job.
        number: Of the part, counted from 0.
        images: Where each image comes from, and what was refused.
        probabilities: float32 (images, classes).
        job: What the file says it belongs to.
    """
    import pyarrow as pa
    import pyarrow.parquet

    images, probabilities = _answered(images, probabilities)
    classes = probabilities.argmax(axis=1).astype(np.int32) if len(probabilities) else np.zeros(0, np.int32)
    by_class = np.bincount(classes, minlength=len(job.class_names)).tolist()
    columns = {
        "row_id": pa.array(images.row_ids, pa.int64()),
        "path": pa.array(images.paths, pa.string()),
        "row": pa.array(images.rows, pa.int64()),
        "class": pa.array(classes),
        "name": pa.array([job.class_names[index] for index in classes], pa.string()),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.reshape(-1), pa.float32()), len(job.class_names)
        ),
    }
    told: dict[bytes, Any] = {
        b"model": job.model,
        b"model_sha256": job.model_sha256,
        b"provider": CPU_PROVIDER,
        b"mnist_resnet": __version__,
        b"class_names": json.dumps(job.class_names),
        _REFUSED: _packed(images.refusals),
        _COUNTS: json.dumps(by_class),
    }
    path = part_path(folder, number)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        pa.parquet.write_table(pa.table(columns).replace_schema_metadata(told), temporary)
    return PartCounts(len(classes), tuple(by_class), _rows(images.refusals))


def _answered(
    images: ChunkImages, probabilities: npt.NDArray[np.float32]
) -> tuple[ChunkImages, npt.NDArray[np.float32]]:
    """The images with a finite answer, the others being refused."""
    finite = np.isfinite(probabilities)
    whole = finite.all(axis=1)
    if whole.all():
        return images, probabilities
    refused = (
        Refusal(
            int(images.row_ids[place]),
            images.paths[place],
            int(images.rows[place]),
            f"the model's answer is not finite: {probabilities[place][~finite[place]][0]:g}",
        )
        for place in np.flatnonzero(~whole)
    )
    kept = ChunkImages(
        images.row_ids[whole],
        images.images[whole],
        tuple(images.paths[place] for place in np.flatnonzero(whole)),
        images.rows[whole],
        (*images.refusals, *refused),
    )
    return kept, probabilities[whole]


def remove_damaged_parts(folder: Path) -> list[int]:
    """Remove the parts that are no whole files, such as after a full disk or by another's hand; their numbers.

    Raises:
        JobError: If one cannot be read because the disk, the network or the memory is not there.
    """
    damaged = []
    for number in sorted(finished_parts(folder)):
        try:
            read_counts(folder, number)
        except Exception as error:  # of whatever pyarrow finds
            path = part_path(folder, number)
            if reading_failed(error) or isinstance(error, MemoryError):
                raise JobError(f"{path} cannot be read at present, so it stays: {in_words(error)}") from error
            remove(path)
            damaged.append(number)
    return damaged


def read_counts(folder: Path, number: int) -> PartCounts:
    """What a part that is there says of itself."""
    told = _metadata(folder, number)
    by_class = tuple(json.loads(told[_COUNTS]))
    return PartCounts(sum(by_class), by_class, _rows(_refusals(told)))


def write_refused(folder: Path, parts: int, listed: Sequence[Refusal]) -> int:
    """Gather what was refused, when sources were listed or read, in ``refused.parquet``.

    Args:
        folder: Of the job.
        parts: How many there are.
        listed: What the listing has refused.

    Returns:
        How many lines there are.
    """
    import pyarrow as pa
    import pyarrow.parquet

    read = (refusal for number in range(parts) for refusal in _refusals(_metadata(folder, number)))
    lines = [asdict(refusal) for refusal in (*listed, *read)]
    kinds = {"row_id": pa.int64(), "path": pa.string(), "row": pa.int64(), "reason": pa.string(), "rows": pa.int64()}
    with replacing(folder / REFUSED_FILE) as temporary:
        pa.parquet.write_table(pa.Table.from_pylist(lines, pa.schema(kinds)), temporary)
    return len(lines)


def first_refusals(folder: Path, most: int) -> list[Refusal]:
    """The first lines of ``refused.parquet``, at most so many.

    Args:
        folder: Of a job that is finished.
        most: At least 1.
    """
    from pyarrow.parquet import ParquetFile

    with ParquetFile(folder / REFUSED_FILE) as file:
        batches = file.iter_batches(batch_size=most)
        return [Refusal(**line) for batch in islice(batches, 1) for line in batch.to_pylist()]


def _metadata(folder: Path, number: int) -> Mapping[bytes, bytes]:
    import pyarrow.parquet

    told: Mapping[bytes, bytes] = pyarrow.parquet.read_schema(part_path(folder, number)).metadata
    return told


def _refusals(told: Mapping[bytes, bytes]) -> list[Refusal]:
    packed = told[_REFUSED]
    # Parts of an earlier version have the JSON itself.
    text = packed if packed.startswith(b"[") else zlib.decompress(base64.b64decode(packed))
    return [Refusal(**values) for values in json.loads(text)]


def _packed(refusals: Sequence[Refusal]) -> bytes:
    """Refusals for a schema: pyarrow reads none of more than 100 MB, and others read none that is no text."""
    return base64.b64encode(zlib.compress(json.dumps([asdict(each) for each in refusals]).encode()))


def _rows(refusals: Sequence[Refusal]) -> int:
    return sum(refusal.rows for refusal in refusals)
