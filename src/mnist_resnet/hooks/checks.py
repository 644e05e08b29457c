"""Checks of a run before any work."""

import sys
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog

from mnist_resnet.computing.backend_choice import chosen_backend, require_exporting_backend
from mnist_resnet.computing.device import require_driver, require_gpu
from mnist_resnet.computing.training_devices import devices_for
from mnist_resnet.config import ConfigurationError, IdxFile, NamespaceParameters, Parameters, TrainingParameters
from mnist_resnet.data.check import DataError, class_indices
from mnist_resnet.data.idx import IdxArray, UInt8Array
from mnist_resnet.data.split import check_sizes, split
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.evaluation.providers import CPU_PROVIDER, usable_providers
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.pipelines.wiring import TOLD_BY_THE_RUN


def check_catalog(catalog: DataCatalog, namespaces: Iterable[str]) -> None:
    """Refuse a catalog that lacks what a run tells its nodes, or has it under the names from before it was parameters.

    The older pattern ``{namespace}.raw_folder`` would match ``params:mnist.raw_folder``, too, and lead to a folder
    ``params:mnist``.

    Args:
        catalog: Of the run.
        namespaces: The run's data sets.

    Raises:
        ConfigurationError: If it does; with the entry to write.
    """
    resolver = catalog.config_resolver
    for namespace, name in product(namespaces, TOLD_BY_THE_RUN):
        entry, earlier = f"params:{namespace}.{name}", f"{namespace}.{name}"
        if earlier in resolver.config or (resolver.match_dataset_pattern(earlier) or "").endswith(f".{name}"):
            raise ConfigurationError(
                f"catalog.yml: received {earlier}, which has become a parameter; rename the entry to "
                f"params:{{namespace}}.{name}, as in conf/base/catalog.yml"
            )
        if entry not in catalog:
            raise ConfigurationError(f"catalog.yml: {entry} is missing; copy its entry from conf/base/catalog.yml")


def check_run(context: RunContext) -> None:
    """Check the project's folder, backend, devices, onnxruntime, a required GPU, and labels that were fetched already.

    Raises:
        UserError: If the run would end at one of them.
    """
    _check_name(context.project)
    asked = context.pipelines_of()
    if "export" in asked:
        require_exporting_backend()
    elif "train" in asked:
        chosen_backend()
    if asked & {"export", "evaluate"}:
        onnxruntime_package()
    for namespace in context.namespaces:
        pipelines = context.pipelines_of(namespace)
        check_present_labels(namespace, context.parameters, context.catalog, pipelines)
        evaluation = context.parameters.namespaces[namespace].evaluation
        training = context.parameters.namespaces[namespace].training
        if "train" in pipelines:
            _check_devices(namespace, training)
        if "evaluate" in pipelines and (evaluation.require_gpu or not _surely_usable(evaluation.providers)):
            usable_providers(evaluation.providers, evaluation.require_gpu)


def _surely_usable(providers: Sequence[str]) -> bool:
    """Whether one of them is the processor's, and none misspelt, for which onnxruntime need not be imported."""
    return CPU_PROVIDER in providers and {*providers} <= {CPU_PROVIDER, CUDA_PROVIDER}


def check_present_labels(namespace: str, parameters: Parameters, catalog: DataCatalog, pipelines: Set[str]) -> None:
    """Refuse labels that do not fit what is configured; where they are not there, the data pipeline will.

    Args:
        namespace: The data set.
        parameters: The whole configuration.
        catalog: Of the run; holds the published files.
        pipelines: Those of the run: ``data`` splits the images, and ``train`` needs them to fill a batch.

    Raises:
        DataError: If labels have no class, classes no images, or a part of the split too few.
    """
    dataset, chosen = parameters.datasets[namespace], parameters.namespaces[namespace]
    train = _present(catalog.get(f"{namespace}.published_labels"), dataset.files.train_labels)
    test = _present(catalog.get(f"{namespace}.published_test_labels"), dataset.files.test_labels)
    if train is not None:
        classes = class_indices(dataset, "train", train)
        try:
            _check_split(classes, chosen, pipelines)
        except DataError as error:
            raise DataError(f"{namespace}.{error}") from None
    if test is not None:
        class_indices(dataset, "test", test)


def _check_split(labels: UInt8Array, parameters: NamespaceParameters, pipelines: Set[str]) -> None:
    left, batch_size = check_sizes(labels, parameters.data), parameters.training.batch_size
    if "train" in pipelines and left < batch_size:
        raise DataError(
            f"training.batch_size: received {batch_size}, but there are only {left} images to train on; choose at most "
            f"that many"
        )
    # A limit, or the last images, may leave out a class.
    if "data" in pipelines and (parameters.data.validation == "last" or parameters.data.training_images is not None):
        split(labels, labels, parameters.data)


def _present(labels: Any, file: IdxFile) -> IdxArray | None:
    """The labels that are kept; None if there are none, or they are not those that are configured."""
    return labels.load() if labels.digest() == file.sha256 else None


def _check_devices(namespace: str, training: TrainingParameters) -> None:
    """Refuse a training whose GPU, devices or hosts are not there, or cannot share a batch."""
    if training.hosts > 1:
        from mnist_resnet.training.hosts.driver import require_hosts

        require_hosts(training)
        return
    key = f"{namespace}.training.require_gpu"
    if training.require_gpu:
        require_driver(key)
    with _jax_started(training.deterministic):
        if training.require_gpu:
            require_gpu(key)
        if training.devices != 1:
            devices_for(training.devices, training.batch_size)


@contextmanager
def _jax_started(deterministic: bool) -> Iterator[None]:
    """Have JAX start, if it is to train; it is told only then whether to be deterministic.

    Else the picture of the prepared images would start it, which knows of no training.
    """
    if chosen_backend() != "jax":
        yield
        return
    from mnist_resnet.computing.determinism import deterministic_operations

    with deterministic_operations(deterministic):
        yield


def _check_name(project: Path) -> None:
    """Refuse a folder whose name is no text, which neither MLflow's addresses nor TensorFlow's can hold."""
    try:
        str(project).encode()
    except UnicodeEncodeError as error:
        remedy = "rename it" if sys.getfilesystemencoding() == "utf-8" else "set PYTHONUTF8=1, or rename it"
        raise ConfigurationError(
            f"The name of the project's folder, {project}, is not {sys.getfilesystemencoding()}: {remedy}"
        ) from error
