"""ONNX classifiers, recorded as models of MLflow."""

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.storage.artifacts import remove, sha256_of_bytes

_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_DIGEST = "onnx_sha256"
# Who made the run, and from what: MLflow gives these to a run and to its models.
_ORIGIN = ("mlflow.user", "mlflow.source.")


def _installed() -> tuple[str, ...]:
    return tuple(f"{package}=={version(package)}" for package in ("mlflow", "numpy", onnxruntime_package()))


@dataclass(frozen=True)
class LoggedModel:
    """An ONNX classifier to log.

    Attributes:
        name: The model's name in MLflow.
        content: The ONNX file.
        input_example: uint8 (images, height, width).
        class_names: In the order of the probabilities.
        providers: onnxruntime providers that a server of the model asks for.
        requirements: Packages that serve it, as pip takes them; those installed here by default.
    """

    name: str
    content: bytes
    input_example: npt.NDArray[np.uint8]
    class_names: tuple[str, ...]
    providers: tuple[str, ...]
    requirements: tuple[str, ...] = field(default_factory=_installed)


def log_model(model: LoggedModel, client: Any, run_id: str) -> None:
    """Record a model in a run: ``mlflow models serve`` answers raw images with it, and nothing else.

    ``mlflow.pyfunc.log_model`` takes the same steps; here each can be taken again after a failure in their midst, which
    neither doubles the model nor leaves half of one.

    Args:
        model: The model.
        client: Of the store that holds the run.
        run_id: MLflow's identifier.
    """
    from mlflow.entities import LoggedModelOutput, Param

    run = client.get_run(run_id)
    logged = _find_or_create(model, client, run)
    if str(logged.status) != "READY":
        if logged.model_id not in {output.model_id for output in run.outputs.model_outputs}:
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        with TemporaryDirectory() as folder:
            _save(model, Path(folder) / "model", logged, run_id)
            client.log_model_artifacts(logged.model_id, str(Path(folder) / "model"))
        client.finalize_logged_model(logged.model_id, "READY")
    client.log_batch(run_id, params=[Param(f"{model.name}.providers", str(list(model.providers)))])


def find_logged_model(onnx_sha256: str, client: Any, experiment_id: str) -> Any:
    """A whole recorded model of an experiment, the latest by the digest of its ONNX file; None if there is none."""
    found = client.search_logged_models([experiment_id], f"tags.{_DIGEST} = '{onnx_sha256}'")
    return next((each for each in found if str(each.status) == "READY"), None)  # others were broken off


def _find_or_create(model: LoggedModel, client: Any, run: Any) -> Any:
    """The model as an earlier try has left it, or a new one."""
    digest = sha256_of_bytes(model.content)
    for found in client.search_logged_models([run.info.experiment_id], f"tags.{_DIGEST} = '{digest}'"):
        if (found.source_run_id, found.name) == (run.info.run_id, model.name):
            return found
    return client.create_logged_model(
        experiment_id=run.info.experiment_id,
        name=model.name,
        source_run_id=run.info.run_id,
        tags={key: value for key, value in run.data.tags.items() if key.startswith(_ORIGIN)} | {_DIGEST: digest},
        params=run.data.params,
    )


def _save(model: LoggedModel, folder: Path, logged: Any, run_id: str) -> None:
    """Write the files that MLflow serves the model from."""
    import mlflow
    from mlflow.models import Model

    digest = {_DIGEST: sha256_of_bytes(model.content)}
    metadata = {"class_names": list(model.class_names), "image_size": list(model.input_example.shape[1:]), **digest}
    identity = {"model_uuid": logged.model_id, "model_id": logged.model_id, "run_id": run_id}
    described = Model(artifact_path=logged.artifact_location, metadata=metadata, **identity)
    with TemporaryDirectory() as source:
        onnx = Path(source) / "model.onnx"
        onnx.write_bytes(model.content)
        mlflow.pyfunc.save_model(
            folder,
            mlflow_model=described,
            python_model=_SERVED_MODEL,
            artifacts={"onnx": str(onnx)},
            signature=_signature(len(model.class_names)),
            input_example={"image": np.asarray(model.input_example)},
            pip_requirements=list(model.requirements),
            model_config={"providers": list(model.providers), **digest},
        )
    # Files are named by their place in the model alone: where they came from may be gone by now.
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    described.save(str(folder / "MLmodel"))
    for compiled in folder.rglob("__pycache__"):
        remove(compiled)


def _signature(classes: int) -> Any:
    """Named tensors; the images as objects of any shape, which the model checks itself.

    MLflow casts a request to the type it finds here before the model sees it: to uint8 or float64,
    0.9, true or "7" would pass for numbers.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        Schema([TensorSpec(np.dtype(object), (-1,), "image")]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, classes), "probabilities")]),
    )
