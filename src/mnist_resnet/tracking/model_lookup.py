"""ONNX files of recorded models, fetched from MLflow."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.terminal.redaction import in_one_line, without_credentials
from mnist_resnet.tracking.store.database import present_store
from mnist_resnet.tracking.store.remedies import package_remedy


class RecordedModelError(UserError, LookupError):
    """MLflow does not hold the model that was asked for, or not as one ONNX file."""

    def __init__(self, uri: str, obstacle: str) -> None:
        super().__init__(f"model URI: received '{uri}', {obstacle}")


def read_recorded_onnx(uri: str, project: Path) -> bytes:
    """Fetch the ONNX file of a recorded model.

    Args:
        uri: ``models:/<name>@<alias>``, ``models:/<name>/<version>`` or ``models:/<model id>``.
        project: The project's folder, which holds the default store.

    Returns:
        The file's content.

    Raises:
        StoreMissingError: If there is no store.
        RecordedModelError: If there is no such model, it is not kept as one ONNX file, or that is damaged.
    """
    import mlflow

    mlflow.set_tracking_uri(present_store(project))
    return download_onnx(uri)


def download_onnx(uri: str) -> bytes:
    """As ``read_recorded_onnx``, from the store that MLflow uses at present."""
    import mlflow
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as folder:
        try:
            mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
        except (MlflowException, OSError, ImportError) as error:
            remedy = package_remedy(error) if isinstance(error, ImportError) else "`mlflow ui` lists the models"
            obstacle = f"which cannot be fetched from {without_credentials(mlflow.get_tracking_uri())}"
            raise RecordedModelError(uri, f"{obstacle}: {in_one_line(error)}. {remedy}") from error
        files = list(Path(folder).rglob("*.onnx"))
        if len(files) != 1:
            raise RecordedModelError(uri, f"which has {len(files)} ONNX files; name a model that has one")
        content = files[0].read_bytes()
        try:
            recorded = (mlflow.models.Model.load(folder).metadata or {}).get("onnx_sha256")
        except Exception as error:  # of whatever the file holds
            obstacle = f"whose MLmodel file cannot be read: {in_one_line(error)}"
            raise RecordedModelError(uri, f"{obstacle}; name another model, or its ONNX file") from error
    if recorded not in {None, sha256_of_bytes(content)}:
        obstacle = "whose ONNX file is damaged: its SHA-256 is not the recorded one"
        raise RecordedModelError(uri, f"{obstacle}; name another model, or record it again with `kedro run`")
    return content
