"""The check of labels that have been fetched already, before the work that would end at them."""

from typing import Any

from kedro.io import DataCatalog

from mnist_resnet.artifacts import sha256_of_path
from mnist_resnet.config import IdxFile, Parameters
from mnist_resnet.data.check import DataError, class_indices
from mnist_resnet.data.idx import IdxArray
from mnist_resnet.data.split import check_sizes


def check_present_labels(namespace: str, parameters: Parameters, catalog: DataCatalog, trains: bool) -> None:
    """Refuse labels that do not fit what is configured; where they are not there, the data stage will.

    Args:
        namespace: The data set.
        parameters: The whole configuration.
        catalog: Of the run; holds the published files.
        trains: Whether the run trains, for which the images must fill a batch.

    Raises:
        DataError: If labels have no class, classes no images, or a part of the split too few.
    """
    dataset, chosen = parameters.datasets[namespace], parameters.namespaces[namespace]
    train = _present(catalog.get(f"{namespace}.published_labels"), dataset.files.train_labels)
    test = _present(catalog.get(f"{namespace}.published_test_labels"), dataset.files.test_labels)
    if train is not None:
        classes = class_indices(dataset, "train", train)
        try:
            left = check_sizes(classes, chosen.data)
        except DataError as error:
            raise DataError(f"{namespace}.{error}") from None
        if trains and left < chosen.training.batch_size:
            raise DataError(
                f"{namespace}.training.batch_size: received {chosen.training.batch_size}, but there are only {left} "
                f"images to train on; choose at most that many"
            )
    if test is not None:
        class_indices(dataset, "test", test)


def _present(labels: Any, file: IdxFile) -> IdxArray | None:
    """The labels that are kept; None if there are none, or they are not those that are configured."""
    return labels.load() if labels.exists() and sha256_of_path(labels.path) == file.sha256 else None
