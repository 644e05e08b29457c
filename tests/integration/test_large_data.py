"""A data set of 1,000,000 images goes through the data pipeline and one epoch's input within 4 GiB."""

import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GIB_IN_MIB, IMAGES_IN_MIB = 1024, 1_000_000 * 28 * 28 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how much memory a process holds; this is another")
def test_a_million_images_need_less_than_4_gib_and_are_never_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    from large_data import measure

    few, many = measure(10_000, tmp_path / "few"), measure(1_000_000, tmp_path / "many")
    for what, used in many.items():
        assert used.resident < 4 * GIB_IN_MIB, (what, used)
        # Mapped files are not counted here. The input draws some 70 bytes of random numbers for each image besides.
        assert used.anonymous - few[what].anonymous < IMAGES_IN_MIB / 4, (what, used)
