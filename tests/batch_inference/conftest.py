import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

_NOBODY = 65534


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that everybody may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def as_somebody() -> Callable[[], AbstractContextManager[None]]:
    """Be somebody to whom permissions apply within the block, as they do not to root."""

    @contextmanager
    def somebody() -> Iterator[None]:
        before = os.geteuid()
        if before == 0:
            os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(before)

    return somebody
