"""Every recorded run says what it was made from and what each step came to, in ``provenance.json``.

Written when the run starts and again when it ends, also where it fails. A step that was not run is recorded by the
artifact that was read instead of it, if any.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.config import Parameters, validate_parameters
from mnist_resnet.hooks.tracking import TrackingHooks
from mnist_resnet.provenance.catalog import collect_catalog
from mnist_resnet.provenance.environment import collect_environment
from mnist_resnet.provenance.record import (
    PROVENANCE_FILE,
    Provenance,
    RunArguments,
    RunStatus,
    resolved_parameters,
    typed_command,
)
from mnist_resnet.provenance.source import PATCH_FILE, collect_source, why_no_commit
from mnist_resnet.provenance.steps import QUICKLY_LOADED, epoch_values, step_values
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.training.events import EpochResult, TrainingStart, listening, listening_for_starts

logger = logging.getLogger(__name__)


class ProvenanceHooks:
    """Write the provenance of each run that is tracked.

    Args:
        tracking: Holds the open run.
    """

    def __init__(self, tracking: TrackingHooks) -> None:
        self._tracking = tracking
        self._project = Path()
        self._parameters: Parameters | None = None
        self._provenance: Provenance | None = None
        self._made: set[str] = set()
        self._namespace = ""
        self._listening = ExitStack()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where the project is and what is configured."""
        self._project = context.project_path
        self._parameters = validate_parameters(context.config_loader["parameters"])

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Record what is known before any work; tracking has opened its run by now."""
        self._listening.close()  # to an earlier run of this process that was interrupted
        self._made.clear()
        self._provenance = None
        if self._tracking.run is None:
            return
        with self._failing_the_run():  # Kedro tells nobody of an error here
            self._provenance = self._collect(run_params, pipeline, catalog)
            self._listening.enter_context(listening(self._note_epoch))
            self._listening.enter_context(listening_for_starts(self._note_start))
            self._write("RUNNING")

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note which data set the news of a training belongs to."""
        self._namespace = node.namespace or ""

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Record an artifact that an earlier run has made."""
        if dataset_name not in self._made:
            self._note(dataset_name, data)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Record an artifact that this run has made."""
        self._note(dataset_name, data)

    # Tracking closes its run on the same events, so this must come first.
    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Complete the record."""
        with self._failing_the_run():
            if self._provenance is not None and run_params["only_missing_outputs"]:
                self._note_present(pipeline, catalog)
            self._close("FINISHED")

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Complete the record as far as the run came."""
        try:
            self._close("FAILED")
        except Exception as error:  # noqa: BLE001  # the one that ended the run is the one to show
            self._provenance = None
            logger.warning("%s could not be completed: %s", PROVENANCE_FILE, in_one_line(error))

    @contextmanager
    def _failing_the_run(self) -> Iterator[None]:
        """Close the run as failed if the record cannot be written, since then tracking is not called any more."""
        try:
            yield
        except BaseException:
            self._listening.close()
            self._provenance = None
            self._tracking.on_pipeline_error()
            raise

    def _collect(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> Provenance:
        assert self._parameters is not None
        namespaces = sorted({node.namespace for node in pipeline.nodes if node.namespace})
        source = collect_source(self._project)
        reason = None if source else why_no_commit(self._project)
        if reason:
            logger.warning("No commit is recorded, so this run cannot be reproduced: %s", reason)
        return Provenance.begin(
            run=RunArguments.of(run_params, typed_command()),
            parameters=resolved_parameters(self._parameters, namespaces),
            environment=collect_environment(self._project),
            source=source,
            source_missing_because=reason,
            catalog=collect_catalog(catalog, pipeline.datasets(), self._project),
            namespaces=namespaces,
        )

    def _note(self, dataset_name: str, data: Any) -> None:
        self._made.add(dataset_name)
        namespace, _, artifact = dataset_name.rpartition(".")
        if self._provenance is None or namespace not in self._provenance.namespaces:
            return
        recorded = step_values(artifact, data)
        if recorded:
            self._provenance.add(namespace, *recorded)

    def _note_present(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Record what was there already and so was neither made nor read."""
        for name in sorted(pipeline.datasets() - self._made):
            if name.rpartition(".")[2] in QUICKLY_LOADED and catalog.exists(name):
                self._note(name, catalog.load(name))

    def _note_start(self, start: TrainingStart) -> None:
        assert self._provenance is not None
        self._provenance.precision[self._namespace] = start.precision
        self._provenance.add(self._namespace, "initial_weights", start.initial_weights)

    def _note_epoch(self, result: EpochResult) -> None:
        assert self._provenance is not None
        self._provenance.add(self._namespace, "epochs", epoch_values(result))

    def _close(self, status: RunStatus) -> None:
        self._listening.close()
        if self._provenance is not None:
            self._write(status)
        self._provenance = None

    def _write(self, status: RunStatus) -> None:
        assert self._provenance is not None
        run, source = self._tracking.run, self._provenance.source
        assert run is not None
        files = {PROVENANCE_FILE: self._provenance.as_json(status).encode()}
        if status == "RUNNING" and source and source.patch and source.patch.content is not None:
            files[PATCH_FILE] = source.patch.content
        _log(run, files)


def _log(run: TrackedRun, files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.write_bytes(content)
            run.log_artifact(path)
