"""The notebooks run from top to bottom on a run's outputs, and are committed without outputs."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT
from tests.integration.conftest import SmokeRun

NOTEBOOKS = sorted(path.stem for path in (PROJECT / "notebooks").glob("*.ipynb"))


# `make docs` runs them, too, at the size that a reader sees.
# ipykernel starts its own event loop; jupyter_client's channels close after pytest looks.
@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_runs(name: str, smoke: SmokeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "smoke")
    monkeypatch.setenv("LESSON_IMAGES", "640")
    folder = smoke.project.folder / "notebooks"
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_is_committed_without_outputs(name: str) -> None:
    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
