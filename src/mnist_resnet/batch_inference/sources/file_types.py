"""What a file of a source is: by its name if that says it, else by its first bytes."""

from enum import Enum, auto

from mnist_resnet.data.idx import is_idx
from mnist_resnet.prediction.pictures import PICTURE_FORMATS


class Kind(Enum):
    """What a file of a source is."""

    PICTURE = auto()
    ARRAY = auto()  # IDX or NumPy, perhaps compressed
    PARQUET = auto()
    WITHOUT_IMAGES = auto()
    UNKNOWN = auto()


_SUFFIXES = {
    Kind.PICTURE: ("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "dib"),
    Kind.ARRAY: ("npy", "idx", "idx1", "idx3", "idx4", "idx1-ubyte", "idx3-ubyte", "idx4-ubyte"),
    Kind.PARQUET: ("parquet", "parq", "pq"),
    Kind.WITHOUT_IMAGES: (
        *("txt", "md", "rst", "log", "html", "htm", "pdf", "csv", "tsv", "json", "jsonl", "ndjson", "xml", "yaml"),
        *("yml", "toml", "ini", "cfg", "lst", "md5", "sha1", "sha256", "crc", "py", "ipynb", "sh", "url", "lnk"),
    ),
}
_KIND_OF_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}
_NAMES_WITHOUT_IMAGES = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "readme", "license", "licence", "copying", "notice"),
        *("authors", "changelog", "citation", "makefile", "md5sums", "sha1sums", "sha256sums", "checksums", "manifest"),
    }
)
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")

_FORMATS = ", ".join(PICTURE_FORMATS)
_REMEDIES = {
    "npz": "store its arrays as .npy files",
    "zip": "name what lies in it as zip://::FILE",
    "tar": "name what lies in it as tar://::FILE",
}
for _suffix in ("tif", "tiff", "heic", "heif", "avif", "jp2", "tga", "ico", "pgm", "ppm", "svg", "psd"):
    _REMEDIES[_suffix] = f"convert the picture to one of {_FORMATS}"


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not meant to be seen."""
    return name.startswith(".") or name.lower() in {"__macosx", "_temporary"}


def kind_by_name(name: str) -> Kind:
    """What the name says.

    Hidden files and folders, and what Hadoop and Spark call invisible (``_SUCCESS``, ``_temporary/``) hold no images,
    nor do texts, tables and checksums that lie beside images.

    Args:
        name: Below the folder that was named, with ``/``.
    """
    *folders, last = name.lower().split("/")
    if is_hidden(last) or any(map(is_hidden, folders)) or last in _NAMES_WITHOUT_IMAGES:
        return Kind.WITHOUT_IMAGES
    stem, dot, suffix = last.removesuffix(".gz").rpartition(".")
    by_suffix = _KIND_OF_SUFFIX.get(suffix if dot else "", Kind.UNKNOWN)
    if by_suffix is Kind.UNKNOWN and last.removesuffix(".gz").endswith(("-ubyte", "idx3", "idx1")):
        return Kind.ARRAY
    if by_suffix is Kind.UNKNOWN and (last.startswith("_") or stem in _NAMES_WITHOUT_IMAGES):
        return Kind.WITHOUT_IMAGES
    compressed_otherwise = last.endswith(".gz") and by_suffix in {Kind.PICTURE, Kind.PARQUET}
    return Kind.UNKNOWN if compressed_otherwise else by_suffix


def kind_by_content(start: bytes) -> Kind:
    """What the first bytes say.

    Args:
        start: At least the first 16 bytes of a file that has as many; uncompressed.
    """
    if start.startswith(_PICTURE_STARTS) or (start[:4], start[8:12]) == (b"RIFF", b"WEBP"):
        return Kind.PICTURE
    if is_idx(start) or start.startswith(b"\x93NUMPY"):
        return Kind.ARRAY
    return Kind.PARQUET if start.startswith(b"PAR1") else Kind.UNKNOWN


def reason_of_unknown(name: str) -> str:
    """Why a file of a kind that is not known is refused, and what to do about it."""
    remedy = _REMEDIES.get(name.lower().rpartition(".")[2])
    return f"neither a picture ({_FORMATS}) nor an IDX, NumPy or Parquet file{f'; {remedy}' if remedy else ''}"
