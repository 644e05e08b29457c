"""Each pipeline alone, on a catalog built by hand; no configuration, no hooks."""

from dataclasses import asdict, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from matplotlib.figure import Figure

from mnist_resnet.config import (
    DataParameters,
    EvaluationParameters,
    ExportParameters,
    ModelParameters,
    PreprocessingParameters,
    ReleaseParameters,
    TrainingParameters,
)
from mnist_resnet.data.check import DataError
from mnist_resnet.evaluation.champion import NoChampion
from mnist_resnet.pipelines import data, evaluate, export, train
from tests.conftest import MadeData


@pytest.fixture
def inputs(
    made_data: MadeData,
    data_parameters: DataParameters,
    model_parameters: ModelParameters,
    training_parameters: TrainingParameters,
    export_parameters: ExportParameters,
    evaluation_parameters: EvaluationParameters,
    tmp_path: Path,
) -> dict[str, Any]:
    return {
        "params:name": "squares",
        "params:run": {"recipe": "by hand", "run_id": "0123456789abcdef", "git_commit": "c0ffee", "git_dirty": "true"},
        "champion": NoChampion.NONE,
        "params:raw_folder": made_data.write(tmp_path / "raw"),
        "params:checkpoint_folder": tmp_path / "checkpoint",
        "params:recipe": "by hand",
        "params:dataset": made_data.dataset,
        "params:data": data_parameters,
        "params:preprocessing": PreprocessingParameters(method="pad", size=(12, 12), scaling="standardize"),
        "params:model": model_parameters,
        "params:training": training_parameters,
        "params:export": export_parameters,
        "params:evaluation": evaluation_parameters,
        "params:evaluation.providers": list(evaluation_parameters.providers),
        "params:evaluation.cuda": asdict(evaluation_parameters.cuda),  # as where only exports are made
        "params:evaluation.latency.latency_batch_sizes": [1],
        "params:evaluation.latency.throughput_batch_sizes": [8],
        "params:release": ReleaseParameters(register=True, significance=0.05, robustness_floor=0.0),
    }


class Kept(MemoryDataset):
    """A value that a runner does not throw away once it has been used."""

    def _release(self) -> None:
        pass

    def load(self) -> Any:
        """Figures are loaded as PNG files, as from the catalog."""
        data = super().load()
        return png(data) if isinstance(data, Figure) else data


def png(figure: Figure) -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _run(pipeline: Pipeline, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs, and all that the pipeline makes of them."""
    known = {name: Kept(inputs[name], copy_mode="assign") for name in pipeline.inputs()}
    made = {name: Kept(copy_mode="assign") for name in pipeline.all_outputs()}
    catalog = DataCatalog({**known, **made})
    SequentialRunner().run(pipeline, catalog)
    return {**inputs, **{name: catalog.load(name) for name in pipeline.all_outputs()}}


def _run_all(inputs: dict[str, Any]) -> dict[str, Any]:
    values = inputs
    for stage in (data, train, export, evaluate):
        values = _run(stage.create_pipeline(), values)
    return values


def test_the_pipelines_follow_each_other_through_names_alone(inputs: dict[str, Any]) -> None:
    values = _run_all(inputs)
    assert values["train_images"].shape == (192, 8, 8)
    assert values["validation_labels"].shape == (48,)
    assert values["preprocessing"].mean == pytest.approx(np.mean(values["train_images"]))
    assert values["prepared_images"].startswith(b"\x89PNG")
    assert [entry.epoch for entry in values["history"]] == [1, 2]
    assert values["evaluation"].dataset == "squares"
    assert values["evaluation"].fp32.accuracy == values["metrics"]["test_accuracy"]
    assert np.asarray(values["test_probabilities"]).sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    assert values["report"].startswith("# Made squares, recipe `by hand`")
    sizes = [row.parameters for row in values["layer_table"]]
    assert sum(sizes) == values["model"].count_params()
    assert f"{sum(sizes):,} parameters" in values["report"]
    assert "`c0ffee`, with uncommitted changes" in values["report"]


def test_the_pipelines_need_no_validation_images(inputs: dict[str, Any]) -> None:
    changes = {
        "params:data": replace(inputs["params:data"], validation_fraction=0.0),
        "params:training": replace(inputs["params:training"], epochs=1),
        "params:export": replace(inputs["params:export"], average_flips=True),
    }
    values = _run_all(inputs | changes)
    assert values["train_images"].shape == (240, 8, 8)
    assert values["validation_images"].shape == (0, 8, 8)
    (entry,) = values["history"]
    assert (entry.validation_loss, entry.validation_accuracy) == (None, None)
    assert "| – | – |" in values["report"]
    # A mirror image has the same answer once both views are averaged.
    network, images = values["float32_network"], values["test_images"][:8]
    answers = [np.asarray(network(each, training=False)) for each in (images, images[:, :, ::-1])]
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes.fromhex("00000b02 00000001"), "Made squares: train_labels-idx: truncated within the header"),
        (b"\x89PNG\r\n\x1a\n", "Made squares: train_labels-idx: wrong magic number 89504e47"),
    ],
    ids=["cut off", "a picture"],
)
def test_a_file_that_is_no_idx_file_is_named_with_its_data_set(
    inputs: dict[str, Any], made_data: MadeData, content: bytes, message: str
) -> None:
    """Whose digest is right, though, since that was taken of the wrong file."""
    file = replace(made_data.dataset.files.train_labels, size=len(content), sha256=sha256(content).hexdigest())
    dataset = replace(made_data.dataset, files=replace(made_data.dataset.files, train_labels=file))
    (inputs["params:raw_folder"] / file.name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        _run(data.create_pipeline(), inputs | {"params:dataset": dataset})


def test_a_split_that_cannot_be_made_is_refused_with_the_data_set(inputs: dict[str, Any]) -> None:
    many = replace(inputs["params:data"], training_images=241)
    with pytest.raises(DataError, match=r"^Made squares: data\.training_images: received 241"):
        _run(data.create_pipeline(), inputs | {"params:data": many})
