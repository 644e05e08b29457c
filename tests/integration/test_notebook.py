"""The notebooks run from top to bottom on a run's outputs, and are committed without outputs."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT
from tests.integration.conftest import SmokeRun

pytestmark = [pytest.mark.integration, pytest.mark.landing]
NOTEBOOKS = sorted(path.stem for path in (PROJECT / "notebooks").glob("*.ipynb"))
# How many pictures each shows; what else they show, they check themselves.
PICTURES = {"explore": 4, "mnist_32": 1, "d2l_fashion_28": 1, "d2l_fashion_96": 1, "d2l_keras_224": 1}


# ipykernel starts its own event loop; jupyter_client's channels close after pytest looks.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name.startswith("d2l_") else name for name in NOTEBOOKS]
)
def test_the_notebook_runs(name: str, smoke: SmokeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "smoke")
    folder = smoke.project.folder / "notebooks"
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == PICTURES.get(name, 0)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_is_committed_without_outputs(name: str) -> None:
    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
