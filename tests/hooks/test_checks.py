"""Refusals before any work: of labels that are there already, and of a machine without a GPU."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.config import ConfigurationError, Parameters, validate_parameters
from mnist_resnet.data.check import DataError
from mnist_resnet.data.idx import encode
from mnist_resnet.datasets import IdxDataset
from mnist_resnet.evaluation.providers import ProviderError
from mnist_resnet.hooks.checks import check_catalog, check_present_labels, check_run
from mnist_resnet.hooks.run_context import RunContext

# Ten classes, 40 images of each, in their order.
SORTED = np.repeat(np.arange(10, dtype=np.uint8), 40)


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    (tmp_path / "labels").write_bytes(encode(SORTED))
    kept, missing = (IdxDataset(filepath=str(tmp_path / name)) for name in ("labels", "missing"))
    return DataCatalog({"mnist.published_labels": kept, "mnist.published_test_labels": missing})


def parameters(raw: dict[str, Any], labels: np.ndarray, **data: Any) -> Parameters:
    """Those of conf/base for labels of one's own."""
    content = encode(labels)
    base = validate_parameters(raw)
    dataset, chosen = base.datasets["mnist"], base.namespaces["mnist"]
    file = replace(dataset.files.train_labels, size=len(content), sha256=sha256(content).hexdigest())
    dataset = replace(dataset, files=replace(dataset.files, train_labels=file))
    chosen = replace(chosen, data=replace(chosen.data, **data))
    return replace(base, datasets={"mnist": dataset}, namespaces={"mnist": chosen})


def test_a_split_that_takes_all_images_of_a_class_is_refused(
    catalog: DataCatalog, raw_parameters: dict[str, Any]
) -> None:
    asked = parameters(raw_parameters, SORTED, validation="last", validation_fraction=0.25)
    with pytest.raises(DataError, match=r"^mnist\.data\.validation: received 'last', .*'stratified'"):
        check_present_labels("mnist", asked, catalog, {"data"})
    check_present_labels("mnist", asked, catalog, {"train"})  # which reads a split that is there already


def test_what_fits_passes(catalog: DataCatalog, raw_parameters: dict[str, Any]) -> None:
    check_present_labels("mnist", parameters(raw_parameters, SORTED), catalog, {"data", "train"})


def test_labels_other_than_those_configured_are_the_data_stages_matter(
    catalog: DataCatalog, raw_parameters: dict[str, Any]
) -> None:
    asked = parameters(raw_parameters, SORTED[:-1], validation="last", validation_fraction=0.25)
    check_present_labels("mnist", asked, catalog, {"data"})


@pytest.fixture
def run(tmp_path: Path, catalog: DataCatalog, raw_parameters: dict[str, Any]) -> Callable[..., RunContext]:
    """A run of one pipeline that has a node without a task, where training may need a GPU."""

    def run(pipeline: str, require_gpu: bool = False, providers: tuple[str, ...] = ()) -> RunContext:
        base = validate_parameters(raw_parameters)
        chosen = base.namespaces["mnist"]
        chosen = replace(chosen, training=replace(chosen.training, require_gpu=require_gpu))
        if providers:
            chosen = replace(chosen, evaluation=replace(chosen.evaluation, providers=providers))
        nodes = [Node(lambda: 0, None, "made", name="made", tags=pipeline)]
        pipelines = Pipeline(nodes, namespace="mnist")
        parameters = replace(base, namespaces={"mnist": chosen})
        return RunContext(tmp_path, tmp_path, parameters, {}, pipelines, catalog)

    return run


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_training_requires_is_missed_before_any_work(run: Callable[..., RunContext]) -> None:
    with pytest.raises(DeviceError, match=r"^mnist\.training\.require_gpu is true, but tensorflow can use no GPU: "):
        check_run(run("train", require_gpu=True))


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("pipeline", "require_gpu"), [("data", True), ("train", False)])
def test_where_nothing_is_trained_or_no_gpu_is_required_none_is_missed(
    run: Callable[..., RunContext], pipeline: str, require_gpu: bool
) -> None:
    check_run(run(pipeline, require_gpu))


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("providers", "said"),
    [
        (
            ("CUDAExecutionProvidr", "CPUExecutionProvider"),
            "received .*Providr.*; this onnxruntime knows",
        ),
        (("CUDAExecutionProvider",), "none of .* can be used here"),
    ],
)
def test_providers_that_cannot_be_had_are_refused_before_any_work(
    run: Callable[..., RunContext], providers: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ProviderError, match=said):
        check_run(run("evaluate", providers=providers))
    check_run(run("train", providers=providers))
    check_run(run("evaluate", providers=("CUDAExecutionProvider", "CPUExecutionProvider")))


def test_a_limit_that_leaves_out_a_class_is_refused_before_any_work(
    tmp_path: Path, raw_parameters: dict[str, Any]
) -> None:
    labels = np.repeat(np.arange(3, dtype=np.uint8), [5000, 5000, 2])
    (tmp_path / "few").write_bytes(encode(labels))
    kept, missing = (IdxDataset(filepath=str(tmp_path / name)) for name in ("few", "missing"))
    catalog = DataCatalog({"mnist.published_labels": kept, "mnist.published_test_labels": missing})
    asked = parameters(raw_parameters, labels, training_images=50, validation_fraction=0.2)
    asked = replace(asked, datasets={"mnist": replace(asked.datasets["mnist"], class_names=("a", "b", "c"))})
    with pytest.raises(DataError, match=r"leaves no training image of the classes 2 .* or more training_images"):
        check_present_labels("mnist", asked, catalog, {"data"})


TOLD = ("name", "run", "raw_folder", "checkpoint_folder")


def told(**renamed: str | None) -> DataCatalog:
    """A catalog of what a run tells its nodes, with entries under other names, or without them."""
    names = {name: f"params:{{namespace}}.{name}" for name in TOLD} | renamed
    return DataCatalog.from_config({entry: {"type": "MemoryDataset"} for entry in names.values() if entry})


def test_a_catalog_of_ones_own_has_what_a_run_tells_its_nodes() -> None:
    check_catalog(told(), ["mnist"])
    check_catalog(told(raw_folder="params:mnist.raw_folder"), ["mnist"])
    with pytest.raises(ConfigurationError, match=r"params:mnist\.run is missing; .*conf/base/catalog\.yml"):
        check_catalog(told(run=None), ["mnist"])


@pytest.mark.parametrize("earlier", ["{namespace}.raw_folder", "{data_set}.raw_folder", "mnist.raw_folder"])
@pytest.mark.parametrize("beside", [{}, {"raw_folder_too": "params:{namespace}.raw_folder"}])
def test_an_entry_under_its_earlier_name_is_refused_with_the_present_one(earlier: str, beside: dict[str, str]) -> None:
    """It would be overlooked, or lead to a folder ``params:mnist``."""
    catalog = told(raw_folder=earlier, **beside)
    with pytest.raises(ConfigurationError, match=r"mnist\.raw_folder, .*params:\{namespace\}\.raw_folder"):
        check_catalog(catalog, ["mnist"])
