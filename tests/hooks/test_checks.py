"""Refusals of labels that are there already, before any work."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DataCatalog

from mnist_resnet.config import Parameters, validate_parameters
from mnist_resnet.data.check import DataError
from mnist_resnet.data.idx import encode
from mnist_resnet.datasets import IdxDataset
from mnist_resnet.hooks.checks import check_present_labels

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
