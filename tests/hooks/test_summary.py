"""The table that is printed after a run of the evaluation."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline

from mnist_resnet.config import validate_parameters
from mnist_resnet.datasets import TextDataset
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.hooks.summary import Summary

EVALUATION = SimpleNamespace(fp32=SimpleNamespace(accuracy=0.75, provider="CPUExecutionProvider", max_abs_diff=1e-7))
OUTPUTS = ["squares.evaluation", "squares.report"]
WHERE = "MLflow run: 1234 in sqlite:///mlflow.db"
AMONG_ARTIFACTS = "Report: squares/report.md among the artifacts of the MLflow run"


@pytest.mark.parametrize(
    ("temporary", "where", "notes"),
    [
        ("", WHERE, ["Report: data/report.md", WHERE]),
        ("", "", ["Report: data/report.md"]),
        ("true", WHERE, [AMONG_ARTIFACTS, WHERE]),
        ("true", "", []),
    ],
    ids=["recorded", "not recorded", "in a clone that goes away", "there, not recorded"],
)
def test_the_report_is_named_where_it_will_be(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raw_parameters: dict[str, Any],
    temporary: str,
    where: str,
    notes: list[str],
) -> None:
    monkeypatch.setenv("MNIST_RESNET_TEMPORARY", temporary)
    report = TextDataset(filepath=str(tmp_path / "data/report.md"))
    catalog = DataCatalog({OUTPUTS[0]: MemoryDataset(EVALUATION), OUTPUTS[1]: report})
    evaluate = pipeline([node(lambda: None, None, OUTPUTS, namespace="squares", tags="evaluate")])
    context = RunContext(tmp_path, tmp_path / "data", validate_parameters(raw_parameters), {}, evaluate, catalog)
    Summary(context).show(where)
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith(("Report", "MLflow"))] == notes
    assert "0.7500" in shown
    assert str(tmp_path) not in shown
