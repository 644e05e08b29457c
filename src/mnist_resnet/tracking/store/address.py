"""Where MLflow's store is."""

import os
import re
from pathlib import Path


def tracking_uri(project: Path) -> str:
    """Where runs are recorded: ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project / 'mlflow.db'}"


def absolute_uri(uri: str) -> str:
    """A tracking URI that names the same place from any folder."""
    scheme = next((each for each in ("sqlite:///", "") if uri.startswith(each)), "")
    is_path = bool(scheme) or not re.match(r"[a-z+]+:|databricks|uc$", uri)
    return f"{scheme}{Path(uri.removeprefix(scheme)).absolute()}" if is_path else uri
