"""What a single value may be: the types that the parameters of a run are made of."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field


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


Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=4096)]
Size = tuple[Pixels, Pixels]
Switch = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, gt=0, lt=1)]
FractionOrNone = Annotated[float, Field(strict=True, ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, AfterValidator(_plain_file_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ClassNames = Annotated[tuple[Name, ...], Field(min_length=2), AfterValidator(distinct)]

CLOSED = ConfigDict(extra="forbid")
