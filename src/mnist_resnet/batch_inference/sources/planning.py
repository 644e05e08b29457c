"""The plan of a source: all its files listed once, and cut into chunks."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from mnist_resnet.batch_inference.sources.array_headers import HEAD_BYTES, expanded_start, inspect_array
from mnist_resnet.batch_inference.sources.chunks import Chunk, Refusal, Slice, SourceError, SourcePlan, cut
from mnist_resnet.batch_inference.sources.file_types import Kind, kind_by_content, kind_by_name, reason_of_unknown
from mnist_resnet.batch_inference.sources.filesystems import LOCAL, is_of_file, mark_of, received, shown_in
from mnist_resnet.batch_inference.sources.inspection import Fault, Inspection, WithoutImagesError
from mnist_resnet.batch_inference.sources.listing import ListedFile, Listing, list_source
from mnist_resnet.batch_inference.sources.parquet_files import inspect_parquet
from mnist_resnet.batch_inference.sources.picture_files import LARGEST_PICTURE_BYTES
from mnist_resnet.data.idx import GZIP_MAGIC
from mnist_resnet.terminal.printable_text import as_reason, in_words

_INSPECTED_AT_ONCE = 16
_FILES_AT_ONCE = 4096
_SHOWN_SOURCES = 3
_FORMAT = "1"
_TO_BE_OPENED = frozenset({Kind.ARRAY, Kind.PARQUET, Kind.UNKNOWN})
_TOO_LARGE = f"larger than {LARGEST_PICTURE_BYTES >> 20} MiB; shrink or crop it"


def plan_chunks(sources: Sequence[str], size: tuple[int, int], rows: int, column: str | None = None) -> SourcePlan:
    """List sources and cut them into chunks.

    Args:
        sources: Files, folders, patterns such as ``scans/*.png``, or addresses that fsspec reads, such as
            ``s3://bucket/images`` or ``zip://*.png::/scans.zip``; at least one. A file named twice counts once.
        size: The model's (height, width) in pixels.
        rows: The most images of a chunk, at least 1.
        column: The column of Parquet files that holds the images; None: found by its type.

    Raises:
        SourceError: If a source cannot be listed, or no image could be read.
    """
    plan = _Plan(size, rows, column)
    for listing in _merged([list_source(source) for source in sources]):
        plan.add(listing)
    return plan.finished(sources)


def _merged(listings: Sequence[Listing]) -> list[Listing]:
    """The listings, those of this machine as one: a shell makes many sources of a pattern."""
    local = [listing for listing in listings if listing.address == LOCAL]
    others = [listing for listing in listings if listing.address != LOCAL]
    if len(local) > 1:
        files: dict[str, ListedFile] = {}
        for file in (file for listing in local for file in listing.files):
            files.setdefault(file.path, file)
        named = all(listing.named for listing in local)
        local = [Listing(LOCAL, local[0].filesystem, list(files.values()), named)]
    return local + others


@dataclass
class _Plan:
    """A plan in the making."""

    size: tuple[int, int]
    rows: int
    column: str | None
    chunks: list[Chunk] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    next_id: int = 0

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256(repr((_FORMAT, self.size, self.rows, self.column)).encode())

    def add(self, listing: Listing) -> None:
        self.chunks += cut(listing.address, self._readable(listing), self.rows)

    def finished(self, sources: Sequence[str]) -> SourcePlan:
        if not self.chunks:
            raise _without_images(sources, self.refusals, self.passed_over)
        parts = tuple(self.chunks), tuple(self.refusals), tuple(self.passed_over)
        return SourcePlan(*parts, self.next_id, self._digest.hexdigest())

    def _readable(self, listing: Listing) -> Iterator[tuple[int, Slice]]:
        for file, found in _inspected(listing, self.size, self.column):
            self._digest.update(f"{file.name}\0{file.mark}\0\n".encode("utf-8", "surrogatepass"))
            first = self.next_id
            if isinstance(found, WithoutImagesError) and not listing.named:
                self.passed_over.append(shown_in(listing.address, listing.filesystem, file.path))
            elif isinstance(found, Fault):
                self._refuse(listing, file, None, found.declared, found.reason)
            elif isinstance(found, Inspection):
                if found.readable:
                    mark = file.mark if listing.address == LOCAL else mark_of(listing.filesystem.info(file.path))
                    yield first, Slice(file.path, 0, found.readable, found.layout, mark)
                self.next_id += found.readable
                if found.fault:
                    missing = found.declared - found.readable
                    self._refuse(listing, file, found.readable if missing else None, missing or None, found.fault)
            else:
                yield first, Slice(file.path, 0, 1, size=file.size)
                self.next_id += 1

    def _refuse(self, listing: Listing, file: ListedFile, row: int | None, rows: int | None, reason: str) -> None:
        """Refuse the next rows; if it is not known how many there are, none has an id."""
        shown = shown_in(listing.address, listing.filesystem, file.path)
        self.refusals.append(Refusal(self.next_id if rows else None, shown, row, as_reason(reason), rows or 0))
        self.next_id += rows or 0


def _inspected(
    listing: Listing, size: tuple[int, int], column: str | None
) -> "Iterator[tuple[ListedFile, Inspection | Fault | None]]":
    """Each file with what it holds; None: it is a picture."""
    inspect = partial(_inspect, listing, size, column)
    with ThreadPoolExecutor(_INSPECTED_AT_ONCE) as pool:
        mapped = map if listing.address == LOCAL else pool.map  # threads wait for a network; here they only cost
        for start in range(0, len(listing.files), _FILES_AT_ONCE):
            files = listing.files[start : start + _FILES_AT_ONCE]
            kinds = [_kind(file, listing.named) for file in files]
            looks = iter(mapped(inspect, [f for f, kind in zip(files, kinds, strict=True) if kind in _TO_BE_OPENED]))
            for file, kind in zip(files, kinds, strict=True):
                yield file, next(looks) if kind in _TO_BE_OPENED else _by_name(file, kind)


def _kind(file: ListedFile, named: bool) -> Kind:
    kind = kind_by_name(file.name)
    return Kind.UNKNOWN if named and kind is Kind.WITHOUT_IMAGES else kind


def _by_name(file: ListedFile, kind: Kind) -> Fault | None:
    if kind is Kind.WITHOUT_IMAGES:
        return WithoutImagesError("its name says that it holds no images")
    return Fault(file.fault, 1) if file.fault else _picture_fault(file)


def _picture_fault(file: ListedFile) -> Fault | None:
    return Fault(_TOO_LARGE, 1) if file.size > LARGEST_PICTURE_BYTES else None


def _inspect(
    listing: Listing, size: tuple[int, int], column: str | None, file: ListedFile
) -> Inspection | Fault | None:
    try:
        return _look(listing, size, column, file)
    except Fault as fault:
        return fault
    except Exception as error:  # of any file system's client
        shown = shown_in(listing.address, listing.filesystem, file.path)
        if is_of_file(error):
            return Fault(in_words(error))
        raise SourceError(f"{shown} cannot be read: {in_words(error)}") from error


def _look(listing: Listing, size: tuple[int, int], column: str | None, file: ListedFile) -> Inspection | Fault | None:
    if file.fault or not file.size:
        raise Fault(file.fault or "an empty file")
    if file.size < 0:
        raise Fault("its server does not say how long it is; put simplecache:: before the address")
    filesystem, kind = listing.filesystem, kind_by_name(file.name)
    if kind is Kind.PARQUET:
        return _look_at_parquet(listing, size, column, file)
    start: bytes = filesystem.cat_file(file.path, start=0, end=min(HEAD_BYTES, file.size))[:HEAD_BYTES]
    if kind is not Kind.ARRAY:
        kind = kind_by_content(expanded_start(start))
    if kind is Kind.PICTURE and not start.startswith(GZIP_MAGIC):
        return _picture_fault(file)
    if kind is Kind.PARQUET and not start.startswith(GZIP_MAGIC):
        return _look_at_parquet(listing, size, column, file)
    if kind is not Kind.ARRAY:
        raise Fault(reason_of_unknown(file.name))
    return inspect_array(start, file.size, size)


def _look_at_parquet(listing: Listing, size: tuple[int, int], column: str | None, file: ListedFile) -> Inspection:
    with listing.filesystem.open(file.path, "rb") as opened:
        return inspect_parquet(opened, size, column)


def _without_images(sources: Sequence[str], refusals: Sequence[Refusal], passed_over: Sequence[str]) -> SourceError:
    """The error of a source that holds nothing to classify, with the first reason."""
    named = received(", ".join(sources[:_SHOWN_SOURCES]))
    if refusals:
        first = refusals[0]
        more = f" ({len(refusals) - 1:,} more files are refused)" if len(refusals) > 1 else ""
        return SourceError(f"{named}, of which no image can be read. {first.path}: {first.reason}{more}")
    beside = f"; number of other files: {len(passed_over):,}" if passed_over else ""
    return SourceError(f"{named}, where there are no images{beside}")
