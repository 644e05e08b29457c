"""The owner of a run: all that is held, checked and recorded around a pipeline, in one order."""

import gc
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.computing.tensorflow_process import end_tensorflow_process
from mnist_resnet.config import Parameters, check_places, outputs_folder, validate_parameters
from mnist_resnet.hooks.running_thread import RunningThread, check_runner
from mnist_resnet.pipelines.wiring import dataset_of
from mnist_resnet.storage.artifacts import remove_leftovers
from mnist_resnet.storage.lock import folder_lock
from mnist_resnet.training.events import TrainingStart, listening

if TYPE_CHECKING:
    from mnist_resnet.hooks.freshness import Freshness
    from mnist_resnet.hooks.provenance import ProvenanceRecord
    from mnist_resnet.hooks.run_context import RunContext
    from mnist_resnet.hooks.summary import Summary
    from mnist_resnet.hooks.tracking import Tracking

# In the base recipe's folder, but read or written by the others, too.
_SHARED = ("01_raw", "copies", "recipes", "sweeps")
_HOUR = 3600.0
# After so many Python looks for garbage among them. By itself it would after 700, and find nothing: the millions that
# imports make stay.
_NEW_OBJECTS = 50_000


class RunHooks:
    """Kedro's only hooks here: what a run enters before its pipeline is left after it, in the reverse order.

    How it is left decides what the record says: FINISHED without an error, FAILED with one, KILLED if it was
    interrupted. Kedro tells nobody of an error of ``before_pipeline_run``, which is why all is entered by that one
    method, nor of an interruption: what such a run holds is left when the next one of this process begins. If there is
    none, the operating system takes back the lock, and MLflow's run ends with the process.
    """

    # Of the present run, or the last one.
    _freshness: "Freshness"
    _summary: "Summary"
    _tracking: "Tracking | None"
    _provenance: "ProvenanceRecord | None"

    def __init__(self) -> None:
        self._thread = RunningThread()
        self._configured: tuple[Path, Path, Parameters] | None = None
        self._entered = ExitStack()
        self._namespace = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check what is configured, as soon as it has been read."""
        self._thread.load()
        check_places(context.config_loader["globals"])
        outputs = outputs_folder(context.config_loader["globals"], context.env, context.project_path)
        parameters = validate_parameters(context.config_loader["parameters"])
        self._configured = context.project_path, outputs, parameters

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Enter a run, or leave at once what was entered if it is refused."""
        from mnist_resnet.hooks.run_context import RunContext

        check_runner(run_params["runner"])
        self._thread.check()
        self._leave(KeyboardInterrupt())  # an earlier run of this process that was interrupted
        assert self._configured is not None
        with ExitStack() as entered:
            self._enter(entered, RunContext(*self._configured, run_params, pipeline, catalog))
            self._entered = entered.pop_all()

    def _enter(self, entered: ExitStack, context: "RunContext") -> None:
        """The order of a run."""
        # Kedro makes this class for any command, such as `kedro --help`, which should not wait for numpy.
        from mnist_resnet.hooks.checks import check_catalog, check_run
        from mnist_resnet.hooks.freshness import Freshness
        from mnist_resnet.hooks.provenance import ProvenanceRecord
        from mnist_resnet.hooks.summary import Summary
        from mnist_resnet.hooks.tracking import Tracking

        self._thread.begin()
        entered.callback(self._thread.end)
        entered.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(_NEW_OBJECTS)
        entered.enter_context(folder_lock(context.outputs, sys.argv))
        entered.callback(end_tensorflow_process)
        check_catalog(context.catalog, context.namespaces)
        _remove_leftovers(context)
        check_run(context)
        self._freshness = Freshness(context)
        self._summary = Summary(context)
        self._tracking = self._provenance = None
        entered.push(self._show_summary)
        if context.parameters.tracking.enabled:
            tracking = self._tracking = Tracking(context)
            entered.push(tracking.leave)
            tracking.describe()
            provenance = self._provenance = entered.enter_context(ProvenanceRecord(context, tracking.run))
            entered.enter_context(listening(tracking.note_start, TrainingStart))
            entered.enter_context(listening(lambda start: provenance.note_start(self._namespace, start), TrainingStart))
            entered.enter_context(listening(lambda result: tracking.note_epoch(self._namespace, result)))
            entered.enter_context(listening(lambda result: provenance.note_epoch(self._namespace, result)))

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note which data set is worked on."""
        self._thread.check_node()
        self._namespace = dataset_of(node)
        self._summary.start_clock()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Note how long that took."""
        self._summary.stop_clock(node)

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Refuse what something else has written since."""
        self._freshness.check_unchanged(dataset_name)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Record what the run is made from."""
        if self._provenance:
            self._provenance.note_loaded(dataset_name, data)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Record what the run has made."""
        self._freshness.note_saved(dataset_name, node)
        if self._tracking:
            self._tracking.note_saved(dataset_name, data)
        if self._provenance:
            self._provenance.note_saved(dataset_name, data)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Leave a run that has done its work."""
        self._leave(None)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Leave a run that has failed."""
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        entered = self._entered.pop_all()
        entered.__exit__(type(error) if error else None, error, None)

    def _show_summary(self, kind: type[BaseException] | None, *_: object) -> None:
        """Tell what a whole run came to, once its record is closed."""
        if kind is None:
            self._summary.show(self._tracking.run.recorder.where() if self._tracking else "")


def _remove_leftovers(context: "RunContext") -> None:
    """Remove what killed runs had begun to write."""
    for folder in context.outputs.iterdir():
        if folder.is_dir() and folder.name not in _SHARED:
            for namespace in context.namespaces:  # beside them lies whatever the user keeps there
                remove_leftovers(folder / namespace)
    raw = {context.catalog.get(f"params:{namespace}.raw_folder").path for namespace in context.namespaces}  # type: ignore[union-attr]
    for folder in (*raw, context.project / "data" / "copies"):
        remove_leftovers(folder, seconds_old=_HOUR)
