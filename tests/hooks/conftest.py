import shutil
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline

from mnist_resnet.config import validate_parameters
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.tracking.registry_datasets import ChampionDataset, ReleaseDataset


@pytest.fixture
def context(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, raw_parameters: dict[str, Any]
) -> RunContext:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    catalog = DataCatalog(
        {
            "params:mnist.run": MemoryDataset(),
            "mnist.champion": ChampionDataset(model="mnist"),
            "mnist.release": ReleaseDataset(filepath=str(tmp_path / "release.json"), model="mnist"),
        }
    )
    evaluate = pipeline([node(lambda: None, None, "mnist.release", namespace="mnist", tags="evaluate")])
    asked = {"pipeline_names": ["evaluate"], "only_missing_outputs": False}
    return RunContext(tmp_path, tmp_path / "data", validate_parameters(raw_parameters), asked, evaluate, catalog)
