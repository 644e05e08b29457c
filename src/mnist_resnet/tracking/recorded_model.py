"""ONNX files of recorded models, fetched from MLflow."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking.store.address import sqlite_file
from mnist_resnet.tracking.store.packages import package_remedy
from mnist_resnet.tracking.store.relocation import present_store


class RecordedModelError(UserError, LookupError):
    """MLflow does not hold the model that was asked for, or not as one ONNX file."""


def read_recorded_onnx(uri: str, project: Path) -> bytes:
    """Fetch the ONNX file of a recorded model.

    Args:
        uri: ``models:/<name>@<alias>``, ``models:/<name>/<version>`` or ``models:/<model id>``.
        project: The project's folder, which holds the default store.

    Returns:
        The file's content.

    Raises:
        RecordedModelError: If there is no such model, it is not kept as one ONNX file, or that is damaged.
    """
    import mlflow

    store = present_store(project)
    require_file(store)
    mlflow.set_tracking_uri(store)
    return download_onnx(uri)


def download_onnx(uri: str) -> bytes:
    """As ``read_recorded_onnx``, from the store that MLflow uses at present."""
    import mlflow
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as folder:
        try:
            mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
        except (MlflowException, OSError) as error:
            store = without_credentials(mlflow.get_tracking_uri())
            raise RecordedModelError(
                f"model URI: received '{uri}', which cannot be fetched from {store}; "
                f"`mlflow ui` lists the models. MLflow says: {error}"
            ) from error
        except ImportError as error:
            raise RecordedModelError(
                f"model URI: received '{uri}', whose store needs a package that is not installed "
                f"({error}): "
                f"{package_remedy(error)}"
            ) from error
        files = list(Path(folder).rglob("*.onnx"))
        if len(files) != 1:
            raise RecordedModelError(
                f"model URI: received '{uri}', which has {len(files)} ONNX files; name a model that has one"
            )
        content = files[0].read_bytes()
        recorded = (mlflow.models.Model.load(folder).metadata or {}).get("onnx_sha256")
    if recorded not in {None, sha256_of_bytes(content)}:
        raise RecordedModelError(
            f"model URI: received '{uri}', whose ONNX file is damaged: its SHA-256 is not the recorded one; "
            f"name another model, or record it again with `kedro run`"
        )
    return content


def require_file(store: str) -> None:
    """Refuse a store whose file is missing: MLflow would make the database that it does not find.

    Raises:
        RecordedModelError: If it is missing, or no file.
    """
    path = sqlite_file(store)
    if path is not None and not path.is_file():
        state = "is not a file: correct" if path.exists() else "does not exist: make it with `kedro run`, or correct"
        raise RecordedModelError(f"MLflow's store {path} {state} MLFLOW_TRACKING_URI")
