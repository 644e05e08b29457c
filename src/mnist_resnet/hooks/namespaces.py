"""The rule that a run is about data sets of its own configuration."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from mnist_resnet.config import ConfigurationError


class NamespaceHooks:
    """Refuse pipelines that were registered for another configuration than the one that runs."""

    def __init__(self) -> None:
        self._configured: frozenset[str] = frozenset()
        self._source = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the configured data sets."""
        self._configured = frozenset(context.config_loader["parameters"].get("datasets") or {})
        self._source = str(context.config_loader.conf_source)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Compare them with those of the pipelines."""
        unknown = {node.namespace for node in pipeline.nodes if node.namespace} - self._configured
        if unknown:
            raise ConfigurationError(
                f"the pipelines are for {', '.join(sorted(unknown))}, which {self._source} does not configure "
                f"(it has {', '.join(sorted(self._configured)) or 'no data set'}); start the run in a new process"
            )
