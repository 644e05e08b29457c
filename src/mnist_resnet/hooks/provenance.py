"""The ``provenance.json`` of a recorded run: what it was made from, and what each step of it came to.

Written when the run starts, when a training starts and when its model is kept, and when the run ends, also where it
fails. A step that was not run is recorded by the artifact that was read instead of it, if any. A run that several
processes fill, one after the other, keeps what the earlier ones have recorded.
"""

import json
import logging
from types import TracebackType
from typing import Any, Self

from mnist_resnet.computing.backend_choice import backends_of
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.provenance.catalog import collect_catalog
from mnist_resnet.provenance.environment import collect_environment
from mnist_resnet.provenance.package_code import PACKAGE_FOLDER, changed_since_import
from mnist_resnet.provenance.patch import PATCH_FILE
from mnist_resnet.provenance.reading import ProvenanceError
from mnist_resnet.provenance.record import (
    PROVENANCE_FILE,
    SCHEMA,
    Provenance,
    RunArguments,
    RunStatus,
    resolved_parameters,
    status_after,
    utc_now,
)
from mnist_resnet.provenance.source import collect_source, why_no_commit
from mnist_resnet.provenance.steps import QUICKLY_LOADED, Values, epoch_values, step_values
from mnist_resnet.terminal.program import typed_command
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.inputs import CONTEXTS, describe_input
from mnist_resnet.tracking.run_lookup import RecordedRunError, run_with_id
from mnist_resnet.tracking.store.availability import retry_while_away
from mnist_resnet.tracking.tracked_run import TrackedRun
from mnist_resnet.training.events import EpochResult, TrainingStart

logger = logging.getLogger(__name__)


class ProvenanceRecord:
    """The provenance of a run, which grows while that goes on; a context manager, which writes it at both ends.

    Args:
        context: The run.
        tracked: Its MLflow run, which is open.
    """

    def __init__(self, context: RunContext, tracked: TrackedRun) -> None:
        self._context, self._tracked = context, tracked
        self._known: set[str] = set()
        self._inputs: set[tuple[str, str]] = set()
        self._provenance = _collect(context)
        self._earlier = _recorded_before(tracked)
        if self._earlier:
            self._provenance.go_on_from(self._earlier)
        self._note_whether_source_changed()

    def __enter__(self) -> Self:
        files = self._as_file("RUNNING")
        source = self._provenance.source
        if source and source.patch and source.patch.content is not None:
            files[PATCH_FILE] = source.patch.content
        self._tracked.log_files(files)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        try:
            if error is None and self._context.run_params["only_missing_outputs"]:
                self._note_present()
            self._note_whether_source_changed()
            self._tracked.log_files(self._as_file(status_after(error)))
        except Exception as another:
            if error is None:
                raise
            logger.warning("%s could not be completed: %s", PROVENANCE_FILE, in_one_line(another))

    def note_loaded(self, dataset_name: str, data: Any) -> None:
        """Record an artifact that was there before."""
        if dataset_name not in self._known:
            self._note(dataset_name, data, found=True)

    def note_saved(self, dataset_name: str, data: Any) -> None:
        """Record an artifact that this run has made."""
        self._note(dataset_name, data, found=False)

    def _note(self, dataset_name: str, data: Any, found: bool) -> None:
        self._known.add(dataset_name)
        namespace, _, artifact = dataset_name.rpartition(".")
        if namespace in self._provenance.namespaces and (recorded := step_values(artifact, data)):
            self._note_whether_found(dataset_name, found and not self._made_earlier(dataset_name, *recorded))
            self._provenance.add(namespace, *recorded)
            self._log_input(namespace, artifact.rpartition("_")[0], data)
            if artifact == "model" and "train" in self._context.pipelines_of(namespace):
                self._tracked.log_files(self._as_file("RUNNING"))

    def _note_whether_source_changed(self) -> None:
        """Note it if files have changed since this process imported them, be it before the run or while it goes on."""
        if changed_since_import(PACKAGE_FOLDER):
            if not self._provenance.source_changed:
                logger.warning(
                    "Files of the package have changed since this process imported them, so the commit of this run is "
                    "not certain"
                )
            self._provenance.source_changed = True

    def _note_whether_found(self, dataset_name: str, is_found: bool) -> None:
        others = [name for name in self._provenance.found if name != dataset_name]
        self._provenance.found = [*others, dataset_name] if is_found else others

    def note_start(self, namespace: str, start: TrainingStart) -> None:
        """Record what a training starts from, and forget what an earlier one came to."""
        self._provenance.forget_training(namespace)
        self._provenance.precision[namespace] = start.device.precision
        self._provenance.training_devices[namespace] = start.device
        self._provenance.resumed_epochs[namespace] = start.resumed_epochs
        self._provenance.add(namespace, "initial_weights", start.initial_weights)
        self._tracked.log_files(self._as_file("RUNNING"))

    def note_epoch(self, namespace: str, result: EpochResult) -> None:
        """Record what an epoch came to."""
        self._provenance.add(namespace, "epochs", epoch_values(result))

    def _log_input(self, namespace: str, part: str, data: Any) -> None:
        """Log a part of a data set, once the digests of its images and its labels are known."""
        known, names = self._provenance.namespaces[namespace].get("split", {}), (f"{part}_images", f"{part}_labels")
        if part not in CONTEXTS or (namespace, part) in self._inputs or not known.keys() >= {*names} or not len(data):
            return
        self._inputs.add((namespace, part))
        digests = {name: known[name] for name in names}
        dataset = self._context.parameters.datasets[namespace]
        self._tracked.log_input(describe_input(namespace, dataset, part, len(data), digests))

    def _note_present(self) -> None:
        """Record what was there already and so was neither made nor read."""
        catalog = self._context.catalog
        for name in sorted(self._context.pipeline.datasets() - self._known):
            if name.rpartition(".")[2] in QUICKLY_LOADED and catalog.exists(name):
                self.note_loaded(name, catalog.load(name))

    def _made_earlier(self, dataset_name: str, step: str, values: Values) -> bool:
        """Whether an earlier process of this run has made, and recorded, the same."""
        if self._earlier is None or dataset_name in self._earlier.found:
            return False
        recorded = self._earlier.namespaces.get(dataset_name.rpartition(".")[0], {})
        as_recorded: Values = json.loads(json.dumps(values, default=str))
        return as_recorded.items() <= recorded.get(step, {}).items()

    def _as_file(self, status: RunStatus) -> dict[str, bytes]:
        return {PROVENANCE_FILE: self._provenance.as_json(status).encode()}


def _recorded_before(tracked: TrackedRun) -> Provenance | None:
    """What an earlier process has recorded of the run that is filled; None if there is nothing that can be read.

    Raises:
        TrackingUnavailableError: If the store is away: what it has would be overwritten.
    """
    if not tracked.filled or tracked.recorder.has_left_store:
        return None
    try:
        return retry_while_away(lambda: run_with_id(tracked.run_id, tracked.uri).provenance())
    except RecordedRunError:  # it has recorded nothing
        return None
    except ProvenanceError as error:
        logger.warning("What an earlier process of this run has recorded is lost: %s", error)
        return None


def _collect(context: RunContext) -> Provenance:
    source = collect_source(context.project)
    reason = None if source else why_no_commit(context.project)
    if reason:
        logger.warning("No commit is recorded, so this run cannot be reproduced: %s", reason)
    environment = collect_environment(context.project)
    several_hosts = any(context.parameters.namespaces[name].training.hosts > 1 for name in context.namespaces)
    return Provenance(
        schema=SCHEMA,
        status="RUNNING",
        started=utc_now(),
        run=RunArguments.of(context.run_params, typed_command()),
        parameters=resolved_parameters(context.parameters, context.namespaces),
        environment=environment,
        backends=environment.with_versions(backends_of(context.pipelines_of(), several_hosts=several_hosts)),
        source=source,
        source_missing_because=reason,
        catalog=collect_catalog(context.catalog, context.pipeline.datasets(), context.project),
        precision={},
        namespaces={name: {} for name in context.namespaces},
    )
