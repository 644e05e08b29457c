"""The notebook runs from top to bottom on a run's outputs, and is committed without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT
from tests.integration.conftest import SmokeRun

pytestmark = [pytest.mark.integration, pytest.mark.landing]
NOTEBOOK = Path("notebooks/explore.ipynb")


# ipykernel starts its own event loop; jupyter_client's channels close after pytest looks.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_runs(smoke: SmokeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "smoke")
    notebook = nbformat.read(smoke.project.folder / NOTEBOOK, as_version=4)
    folder = str(smoke.project.folder / NOTEBOOK.parent)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 4


def test_the_notebook_is_committed_without_outputs() -> None:
    notebook = nbformat.read(PROJECT / NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
