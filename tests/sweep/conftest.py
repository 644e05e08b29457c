"""Plans of sweeps, made as the command makes them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader

from mnist_resnet.settings import CONFIG_LOADER_ARGS
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.sweep.planning import Configured, make_plan
from mnist_resnet.sweep.sweep_options import SweepOptions
from tests.conftest import PROJECT

PIPELINES = ("data", "train", "export", "evaluate", "training", "__default__")


@pytest.fixture
def configured() -> Configured:
    """The configuration of the base recipe."""

    def merged(params: Mapping[str, Any]) -> dict[str, Any]:
        loader = OmegaConfigLoader(str(PROJECT / "conf"), env="base", runtime_params=dict(params), **CONFIG_LOADER_ARGS)
        return loader["parameters"]

    return merged


@pytest.fixture
def planned(configured: Configured) -> Callable[..., SweepPlan]:
    """The plan for options of the base recipe."""
    return lambda **options: make_plan(SweepOptions(**options), configured, PIPELINES)


@pytest.fixture
def space_file(tmp_path: Path) -> Callable[[str], Path]:
    """A file of a space with the given text."""

    def write(text: str) -> Path:
        path = tmp_path / "space.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
