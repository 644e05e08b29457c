"""A data set of another size and class count, added by configuration alone, through all stages."""

import json

import numpy as np
import pytest

from mnist_resnet.tracking.inputs import CONTEXTS
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
    _assert_mlflow_shows_what_was_worked_on_and_what_came_out(squares)


def _assert_mlflow_shows_what_was_worked_on_and_what_came_out(project: Project) -> None:
    (run,) = project.runs()
    accuracy = run.data.metrics["squares/test_accuracy"]
    described = run.data.tags["mlflow.note.content"]
    assert described.startswith(f"**squares**: Test accuracy **{accuracy:.4f}** (95 % interval ")
    version = project.client.get_model_version_by_alias("squares", "candidate")
    assert version.description in described
    inputs = {each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs}
    provenance = json.loads(project.recorded(run.info.run_id, "provenance.json").read_text())
    for part, context in CONTEXTS.items():
        digest = provenance["namespaces"]["squares"]["split"][f"{part}_images"]
        assert (inputs[context].name, inputs[context].digest) == ("squares", digest[:32])
        assert digest in inputs[context].profile
    (model,) = project.client.search_logged_models([run.info.experiment_id])
    (measured,) = [each for each in model.metrics if each.key == "squares/test_accuracy"]
    assert (measured.value, measured.dataset_digest) == (accuracy, inputs["testing"].digest)
    curve = project.client.get_metric_history(run.info.run_id, "squares/perturbed/blur")
    evaluated = json.loads(project.recorded(run.info.run_id, "squares/evaluation.json").read_text())
    accuracies = evaluated["robustness"]["perturbed"]["blur"].values()
    assert [(point.step, point.value) for point in curve] == list(enumerate(accuracies, start=1))
    expected = {"recipe": "base", "namespaces": "squares", "architecture": "resnet_tiny", "device": "CPU"}
    assert expected.items() <= run.data.tags.items()
    assert run.data.tags["squares.release"] == "champion"
    assert "**champion**" in described
    assert run.data.metrics["system/process_memory_usage_megabytes"] > 1
    experiment = project.client.get_experiment(run.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
