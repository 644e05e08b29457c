"""The modules of benchmarks/, which are no package."""

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.conftest import PROJECT


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A module of benchmarks/ by its name."""
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    return importlib.import_module
