"""Types of single values, which the parameters of a run are made of."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field


def _plain_file_name(name: str) -> str:
    if PurePosixPath(name).name != name or name in {"", ".", ".."}:
        raise ValueError("must be a file name without any folder")
    return name


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is repeated."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"must be distinct; repeated: {', '.join(repeated)}")
    return names


def _text(name: object) -> object:
    if not isinstance(name, str):
        raise ValueError("must be text; YAML reads words such as no, null and 7 as something else: put it in quotes")
    if any(category(character) == "Cc" for character in name):
        raise ValueError("must be on one line, without control characters")
    return name


def _enough_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    if not 2 <= len(names) <= MOST_CLASSES:
        raise ValueError(f"lists {len(names)}; a classifier has 2 to {MOST_CLASSES} classes")
    return names


def _number_of_devices(devices: object) -> object:
    if devices != "all" and (isinstance(devices, bool) or not isinstance(devices, int) or devices < 1):
        raise ValueError("must be `all`, or a number from 1 on")
    return devices


MOST_CLASSES = 256  # a class index is one byte

Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=4096)]
Size = tuple[Pixels, Pixels]
Devices = Annotated[int | Literal["all"], BeforeValidator(_number_of_devices)]
Switch = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
FractionOrNone = Annotated[float, Field(strict=True, ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, AfterValidator(_plain_file_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[Name, BeforeValidator(_text)]
ClassNames = Annotated[tuple[Line, ...], AfterValidator(_enough_classes), AfterValidator(distinct)]

CLOSED = ConfigDict(extra="forbid")
