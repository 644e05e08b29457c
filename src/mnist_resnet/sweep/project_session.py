"""Kedro's session with the configuration of a sweep, in a project's folder or in one where a wheel is run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_resnet.config import nest
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.terminal.messages import choose_logging

if TYPE_CHECKING:
    from kedro.framework.session import KedroSession

_PACKAGE = __name__.partition(".")[0]


@contextmanager
def project_session(project: Path, plan: SweepPlan, params: Mapping[str, Any]) -> Iterator["KedroSession"]:
    """Kedro's session within the block.

    Args:
        project: The project's folder, or any other if the plan names a configuration.
        plan: For the recipe and the configuration.
        params: By dotted key.
    """
    choose_logging(project)
    from kedro.framework.project import configure_project
    from kedro.framework.session import KedroSession

    configure_project(_PACKAGE)  # which runs already, so that there is no need to look for it in a project's folder
    with KedroSession.create(
        project, env=plan.env, conf_source=plan.conf_source, runtime_params=nest(params), save_on_close=False
    ) as session:
        assert isinstance(session, KedroSession)
        yield session


def require_unchanged(project: Path, plan: SweepPlan) -> None:
    """Refuse to go on with a sweep whose configuration has changed.

    Args:
        project: The project's folder, or any other if the plan names a configuration.
        plan: The sweep's.

    Raises:
        SweepError: If the parameters of its data sets have changed.
        ConfigurationError: If they cannot be used any more.
    """
    plan.require_unchanged(configured_parameters(project, plan))


def configured_parameters(project: Path, plan: SweepPlan) -> dict[str, Any]:
    """What Kedro makes of the configuration, and of the parameters of all trials, as it is now.

    Args:
        project: The project's folder, or any other if the plan names a configuration.
        plan: The sweep's.

    Raises:
        ConfigurationError: If they cannot be used.
    """
    with project_session(project, plan, plan.params) as session:
        parameters: dict[str, Any] = session.load_context().config_loader["parameters"]
        return parameters
