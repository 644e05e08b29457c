"""The choice of how Kedro shows messages."""

import os
from pathlib import Path

_VARIABLE = "KEDRO_LOGGING_CONFIG"


def choose_logging(project: Path) -> None:
    """Have Kedro show messages as in this project, where there is no ``conf/logging.yml`` that says it.

    It must precede Kedro's import.

    Args:
        project: The folder that may have one.
    """
    if not (project / "conf/logging.yml").exists():
        os.environ.setdefault(_VARIABLE, str(Path(__file__).parents[1] / "logging.yml"))
