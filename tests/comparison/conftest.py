"""The record of a made run."""

import pytest

from tests.made_record import Record, made_record


@pytest.fixture
def record() -> Record:
    return made_record()
