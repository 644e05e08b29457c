import importlib
import sys

import pytest

from mnist_resnet.computing.blocked_imports import blocked_imports


def test_a_package_is_not_there_within_the_block_and_can_be_imported_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with blocked_imports("colorsys"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv


def test_what_is_imported_already_stays() -> None:
    with blocked_imports("json"):
        assert importlib.import_module("json") is sys.modules["json"]
    assert "json" in sys.modules


def test_an_error_in_the_block_hides_nothing_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(KeyError), blocked_imports("colorsys"):
        raise KeyError
    assert importlib.import_module("colorsys")
