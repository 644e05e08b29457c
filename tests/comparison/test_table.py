import io
import json

import numpy as np
import pytest
from rich.console import Console

from mnist_resnet.comparison.finished_runs import Comparison
from mnist_resnet.comparison.table import as_markdown, as_tables, as_values
from mnist_resnet.comparison.verdict import compare_runs
from mnist_resnet.tracking.run_lookup import RecordedRun
from tests.made_record import made

FIRST = RecordedRun("0123456789abcdef", "base training", "2026-11-22T09:00:00+00:00", "FINISHED", "")
SECOND = RecordedRun("fedcba9876543210", "base again", "2026-11-23T09:00:00+00:00", "FINISHED", "")

APART = 2.0**-17  # which float32 holds exactly beside 0.75


@pytest.fixture
def comparison() -> Comparison:
    """Two runs on other processors, a bit apart from the second epoch on; one of them knows a data set more."""
    second = made(
        ("namespaces/made/epochs/2/train_loss", 0.41),
        ("namespaces/made/probabilities/sha256", "cccc"),
        ("namespaces/other", {}),
        ("environment/processor", "Another | processor"),
        ("environment/packages/rich", "15.0"),
    )
    probabilities = np.array([[0.75, 0.25]], np.float32), np.array([[0.75 + APART, 0.25 - APART]], np.float32)
    return Comparison(FIRST, SECOND, compare_runs(made(), second, {"made": probabilities}))


def test_the_values_are_json_and_say_all(comparison):
    values = json.loads(json.dumps(as_values(comparison)))
    assert values["schema"] == 1
    assert values["first"] == {"run_id": FIRST.run_id, "name": FIRST.name, "started": FIRST.started}
    assert values["verdict"] == "NUMERIC"
    assert values["tolerances"] == {"probability": 1e-5, "accuracy": None}
    assert values["only_second"] == ["other"]
    data_set = values["namespaces"]["made"]
    assert data_set["first_difference"] == {"stage": "epochs", "label": "epoch 2", "detail": "train_loss 0.4 → 0.41"}
    assert data_set["likely_cause"] == "processor: A processor → Another | processor"
    assert [cause["name"] for cause in data_set["other_differences"]] == ["rich"]
    assert data_set["probabilities"]["max_abs_diff"] == APART
    assert data_set["metrics"] == {"test_accuracy": [0.9, 0.9], "test_loss": [0.3, 0.3]}
    assert {"stage": "split", "status": "equal", "label": "split", "detail": ""} in data_set["stages"]


def test_equal_runs_have_no_difference_to_tell():
    values = as_values(Comparison(FIRST, SECOND, compare_runs(made(), made())))["namespaces"]["made"]
    assert (values["verdict"], values["first_difference"], values["likely_cause"]) == ("BITWISE", None, None)


def test_markdown_has_one_row_for_each_data_set_and_step(comparison):
    lines = as_markdown(comparison).splitlines()
    assert lines[0] == "# NUMERIC: base again (fedcba98) against base training (01234567)"
    expected = (
        r"| made | NUMERIC | epoch 2 (train_loss 0.4 → 0.41) | processor: A processor → Another \| processor "
        r"| 7.6e-06 | 0.9000 → 0.9000 |"
    )
    assert expected in lines
    assert "| made | epoch 2 | different | train_loss 0.4 → 0.41 |" in lines
    assert "| made | split | equal | – |" in lines
    assert "Only the second run has other: no verdict on that." in lines
    assert "Also different: package rich: 14.0 → 15.0." in lines


def test_the_terminal_shows_the_same(comparison):
    console = Console(file=io.StringIO(), width=220)
    for part in as_tables(comparison):
        console.print(part)
    shown = console.file.getvalue()
    for words in ("NUMERIC: base again (fedcba98)", "epoch 2 (train_loss 0.4 → 0.41)", "Another | processor", "rich"):
        assert words in shown
