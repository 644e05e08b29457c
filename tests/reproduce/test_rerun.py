"""What a reproduction says of itself where runs are searched."""

from types import SimpleNamespace
from typing import Any

import pytest

from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.reproduce.rerun import _as_tag


@pytest.mark.parametrize(
    ("in_place", "tolerances", "tag"),
    [
        (False, Tolerances(), "NUMERIC"),
        (True, Tolerances(), "NUMERIC in place"),
        (False, Tolerances(accuracy=1), "NUMERIC by other tolerances"),
        (True, Tolerances(probability=1), "NUMERIC in place by other tolerances"),
    ],
)
def test_the_tag_tells_what_is_not_usual(in_place: bool, tolerances: Tolerances, tag: str) -> None:
    comparison: Any = SimpleNamespace(verdict=SimpleNamespace(level=Level.NUMERIC))
    planned: Any = SimpleNamespace(in_place=in_place)
    assert _as_tag(comparison, planned, tolerances) == tag
