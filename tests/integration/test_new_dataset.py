"""A data set of another size and class count, added by configuration alone, through all stages."""

import json

import numpy as np
import pytest

from tests.conftest import MadeData
from tests.integration.conftest import Project

pytestmark = pytest.mark.integration


def test_a_data_set_is_added_by_configuration_alone(squares: Project, made_data: MadeData) -> None:
    squares.run(pipeline_names=["training"], namespaces=["squares"])
    assert [folder.name for folder in (squares.folder / "data/05_model_input").iterdir()] == ["squares"]
    evaluation = json.loads((squares.folder / "data/08_reporting/squares/evaluation.json").read_text())
    assert evaluation["dataset"] == "squares"
    assert evaluation["class_names"] == ["left", "right", "below"]
    assert evaluation["images"] == 60
    probabilities = np.load(squares.folder / "data/07_model_output/squares/test_probabilities.npy")
    assert probabilities.shape == (60, 3)
    # The squares are told apart by eye; twice the accuracy of guessing shows that learning took place.
    accuracy = float(np.mean(probabilities.argmax(axis=1) == made_data.arrays["test_labels"]))
    assert accuracy == pytest.approx(evaluation["variants"]["fp32"]["accuracy"])
    assert accuracy > 0.66
