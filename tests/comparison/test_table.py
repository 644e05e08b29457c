import io
import json

import numpy as np
import pytest
from rich.console import Console

from mnist_resnet.comparison.table import ComparedRun, as_markdown, as_tables, as_values
from mnist_resnet.comparison.verdict import Verdict, compare_runs
from tests.made_record import change

FIRST = ComparedRun("0123456789abcdef", "base training", "2026-11-22T09:00:00+00:00")
SECOND = ComparedRun("fedcba9876543210", "base again", "2026-11-23T09:00:00+00:00")

APART = 2.0**-17  # which float32 holds exactly beside 0.75


@pytest.fixture
def verdict(record) -> Verdict:
    """Two runs on other processors, a bit apart from the second epoch on; one of them knows a data set more."""
    second = change(record, "namespaces/made/epochs/2/train_loss", 0.41)
    second = change(second, "namespaces/made/probabilities/sha256", "cccc")
    second = change(second, "namespaces/other", {})
    second = change(second, "environment/processor", "Another | processor")
    second = change(second, "environment/packages/rich", "15.0")
    probabilities = np.array([[0.75, 0.25]], np.float32), np.array([[0.75 + APART, 0.25 - APART]], np.float32)
    return compare_runs(record, second, {"made": probabilities})


def test_the_values_are_json_and_say_all(verdict):
    values = json.loads(json.dumps(as_values(verdict, FIRST, SECOND)))
    assert values["schema"] == 1
    assert values["first"] == {"run_id": FIRST.run_id, "name": FIRST.name, "started": FIRST.started}
    assert values["verdict"] == "NUMERIC"
    assert values["tolerances"] == {"probability": 1e-5, "accuracy": None}
    assert values["only_second"] == ["other"]
    made = values["namespaces"]["made"]
    assert made["first_difference"] == {"stage": "epochs", "label": "epoch 2", "detail": "train_loss 0.4 → 0.41"}
    assert made["likely_cause"] == "processor: A processor → Another | processor"
    assert [cause["name"] for cause in made["other_differences"]] == ["rich"]
    assert made["probabilities"]["max_abs_diff"] == APART
    assert made["metrics"] == {"test_accuracy": [0.9, 0.9], "test_loss": [0.3, 0.3]}
    assert {"stage": "split", "status": "equal", "label": "split", "detail": ""} in made["stages"]


def test_equal_runs_have_no_difference_to_tell(record):
    values = as_values(compare_runs(record, record), FIRST, SECOND)["namespaces"]["made"]
    assert (values["verdict"], values["first_difference"], values["likely_cause"]) == ("BITWISE", None, None)


def test_markdown_has_one_row_for_each_data_set_and_stage(verdict):
    text = as_markdown(verdict, FIRST, SECOND)
    lines = text.splitlines()
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


def test_the_terminal_shows_the_same(verdict):
    console = Console(file=io.StringIO(), width=220)
    for part in as_tables(verdict, FIRST, SECOND):
        console.print(part)
    shown = console.file.getvalue()
    for words in ("NUMERIC: base again (fedcba98)", "epoch 2 (train_loss 0.4 → 0.41)", "Another | processor", "rich"):
        assert words in shown
