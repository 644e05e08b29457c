"""The rows and the table of sweeps over seeds."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def seeds(benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark("seeds")


def row(seeds: ModuleType, seed: int, **changed: Any) -> Any:
    usual = {
        "data_set": "mnist",
        "recipe": "base",
        "parameters": "",
        "precision": "float32",
        "processor": "AMD EPYC (avx2)",
        "commit": "fad7335",
        "seed": seed,
        "epochs": 3,
        "first_epoch_loss": "0.3000",
        "last_epoch_loss": "0.0200",
        "validation_loss": "",
        "validation_accuracy": "0.9930",
        "test_accuracy": "0.9940",
    }
    return seeds.Row(**{**usual, **changed})


def test_rows_are_read_as_they_were_written(seeds: ModuleType, tmp_path: Path) -> None:
    rows = [row(seeds, 1), row(seeds, 0), row(seeds, 0, precision="bfloat16")]
    seeds.write_rows(tmp_path / "seeds.csv", rows)
    assert seeds.read_rows(tmp_path / "seeds.csv") == sorted(rows)


def test_there_are_no_rows_without_a_file(seeds: ModuleType, tmp_path: Path) -> None:
    assert seeds.read_rows(tmp_path / "seeds.csv") == []


def test_a_line_holds_all_that_differ_by_seed_alone(seeds: ModuleType) -> None:
    rows = [row(seeds, 0), row(seeds, 1, test_accuracy="0.9920"), row(seeds, 0, parameters="training.epochs=4")]
    heading, _, heads, _, two, one, _ = seeds.tables(rows)
    assert heading == "mnist at fad7335, on AMD EPYC (avx2):"
    assert "validation loss" not in heads  # none has it
    # mean and sample deviation of 0.9940 and 0.9920
    assert two.endswith(
        "| 2 | 0.3000 ± 0.0000 (0.3000–0.3000) | 0.9930 ± 0.0000 (0.9930–0.9930) | 0.9930 ± 0.0014 (0.9920–0.9940) |"
    )
    assert one.startswith("| `base` | epochs=4 | float32 | 1 | 0.3000 (0.3000–0.3000) |")


def test_each_data_set_and_commit_has_a_table(seeds: ModuleType) -> None:
    rows = [row(seeds, 0), row(seeds, 0, data_set="fashion_mnist"), row(seeds, 0, commit="e0bbc0b")]
    headings = [line for line in seeds.tables(rows) if line.endswith(":")]
    assert [heading.split(",")[0] for heading in headings] == [
        "fashion_mnist at fad7335",
        "mnist at e0bbc0b",
        "mnist at fad7335",
    ]


def test_a_trial_takes_the_place_of_its_older_row(
    seeds: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "seeds.csv"
    seeds.write_rows(file, [row(seeds, 0), row(seeds, 1)])
    monkeypatch.setattr(seeds, "present_store", lambda project: "sqlite:///mlflow.db")
    monkeypatch.setattr(seeds, "rows_of", lambda sweep, store: [row(seeds, 1, test_accuracy="0.9950")])
    monkeypatch.setattr("sys.argv", ["seeds.py", "0d5f3b1c", "--file", str(file)])
    seeds.main()
    assert [each.test_accuracy for each in seeds.read_rows(file)] == ["0.9940", "0.9950"]
    assert "0.9945 ± 0.0007" in capsys.readouterr().out
