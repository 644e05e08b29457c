"""A champion that cannot be read is an error that says what to do; the contest itself is tested elsewhere."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from mnist_resnet.config import EvaluationParameters, ReleaseParameters
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.pipelines.evaluate.release import release
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.models import RecordedModelError
from mnist_resnet.tracking.run import TrackedRun
from tests.conftest import MadeData
from tests.made_model import CLASS_NAMES, bright_half, halves_model

IMAGES = np.stack([bright_half("left"), bright_half("right")])
CPU = ("CPUExecutionProvider",)


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


def test_a_champion_whose_file_is_gone_is_named_and_what_to_do(
    project: Path, made_data: MadeData, evaluation_parameters: EvaluationParameters
) -> None:
    def released(onnx_model: bytes) -> dict[str, Any]:
        run.log_model(LoggedModel("squares", onnx_model, IMAGES, CLASS_NAMES, CPU))
        return release(
            onnx_model,
            IMAGES,
            np.array([0, 1], np.uint8),
            asdict(Robustness(2, 1.0, {"noise": {"1": 1.0}})),
            {"test_accuracy": 1.0},
            "squares",
            made_data.dataset,
            evaluation_parameters,
            ReleaseParameters(register=True, margin=None, robustness_floor=0.0),
        )

    run = TrackedRun(project, "squares", "a run", {}, {})
    try:
        assert released(halves_model())["champion"]
        shutil.rmtree(champion_folder())
        with pytest.raises(RecordedModelError, match=r"'squares' has version 1 as champion.* by `mlflow ui`"):
            released(halves_model({"another": ""}))
    finally:
        run.close("FINISHED")


def champion_folder() -> Path:
    """Where MLflow keeps the champion's files."""
    version = mlflow.MlflowClient().get_model_version_by_alias("squares", registry.CHAMPION)
    return Path(str(version.source).removeprefix("file://"))
