"""The model that a command is to use: a recipe's export, an ONNX file of the user's, or a recorded one."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from kedro.framework.context import KedroContext
from kedro.io import CatalogConfigResolver

from mnist_resnet.cli.project import CommandError, current_project, load_context, require_known
from mnist_resnet.config import outputs_folder
from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.storage.fingerprints import Fingerprint, fingerprint_path
from mnist_resnet.terminal.streams import write_line

_RECORDED = "models:/"
_MAKE_AGAIN = "`kedro run --only-missing-outputs` exports anew"
# Kedro logs a line where it is not told what other names mean.
_NO_OTHERS = {"{default}": {"type": "kedro.io.MemoryDataset"}}

model_option = click.option(
    "--model",
    help="An ONNX file, or a recorded model by its MLflow URI (models:/mnist@champion, models:/mnist/3, "
    "models:/m-<id>). Default: the model.onnx that the recipe exported for --namespace.",
)


def read_model(model: str | None, namespace: str | None, env: str | None) -> tuple[str, bytes]:
    """The name and the content of the ONNX file that is asked for.

    Args:
        model: A file's path or a recorded model's URI; None for a recipe's export.
        namespace: The data set of that export; the first one in datasets.yml if None.
        env: The recipe; the base recipe if None.

    Raises:
        click.UsageError: If both a model and a data set are named, or the data set is not configured.
        CommandError: If the file cannot be read, or is not, byte for byte, what the export pipeline has made.
    """
    if model and namespace:
        raise click.UsageError("--model and --namespace cannot be given together: --model already names the file.")
    if model is not None and model.startswith(_RECORDED):
        from mnist_resnet.tracking.model_lookup import read_recorded_onnx

        return model, read_recorded_onnx(model, current_project())
    if model:
        return _read(Path(model))
    context = load_context(env)
    name = namespace or _namespaces(context)[0]
    require_known(name, _namespaces(context))
    return _read(_exported_model(context, name))


def read_variant(variant: str, namespace: str | None, env: str | None) -> tuple[str, bytes]:
    """The name and the content of a variant of the ONNX file that a recipe has published.

    Args:
        variant: ``int8``, ``fp16`` or ``gemm``.
        namespace: The data set; the first one in datasets.yml if None.
        env: The recipe; the base recipe if None.

    Raises:
        CommandError: If there is none, and it says which there are; or if they are not, byte for byte, those that the
            export pipeline has made of the present model.
    """
    context = load_context(env)
    name = namespace or _namespaces(context)[0]
    require_known(name, _namespaces(context))
    folder = _exported_model(context, name).parent / "variants"
    path = folder / f"model.{variant}.onnx"
    if not path.exists():
        there = ", ".join(sorted(each.name.split(".")[1] for each in folder.glob("model.*.onnx"))) or "none"
        raise CommandError(f"--variant: received '{variant}', which was not published; in {folder} there are: {there}.")
    made = _export(context, name)
    if made is None or made.outputs.get(f"{name}.variants") != sha256_of_path(folder):
        raise CommandError(f"The files in {folder} are not those of the last whole export; {_MAKE_AGAIN}.")
    return _read(path)


def read_exported_models(env: str | None) -> dict[str, tuple[str, bytes]]:
    """The name and the content of each ONNX file that a recipe has exported, by data set in the order of datasets.yml.

    Args:
        env: The recipe; the base recipe if None.

    Raises:
        CommandError: If there is none, or one is not, byte for byte, what the export pipeline has made.
    """
    context = load_context(env)
    there = [name for name in _namespaces(context) if _path(context, name).exists()]
    if not there:
        _exported_model(context, _namespaces(context)[0])
    return {name: _read(_exported_model(context, name)) for name in there}


def _read(path: Path) -> tuple[str, bytes]:
    try:
        return str(path), path.read_bytes()
    except OSError as error:
        raise CommandError(f"--model: received '{path}', which cannot be read: {error.strerror}.") from error


def _namespaces(context: KedroContext) -> Sequence[str]:
    return list(context.config_loader["parameters"]["datasets"])


def _path(context: KedroContext, namespace: str) -> Path:
    """Where a recipe's ONNX file is, by its catalog's configuration: the catalog would cost a second of imports."""
    catalog = CatalogConfigResolver(context.config_loader["catalog"], default_runtime_patterns=_NO_OTHERS)
    return Path(os.path.relpath(context.project_path / catalog.resolve_pattern(f"{namespace}.onnx")["filepath"]))


def _exported_model(context: KedroContext, namespace: str) -> Path:
    """The path of a recipe's ONNX file, which is there and as it was exported."""
    path = _path(context, namespace)
    if not path.exists():
        raise CommandError(f"{path} does not exist. Make it with `kedro run`, or name an ONNX file with --model.")
    made = _export(context, namespace)
    if made is None:
        why = "its export was not completed, or the fingerprint is gone"
        write_line(f"Nothing tells whether {path} is as it was exported: {why}; {_MAKE_AGAIN}", sys.stderr)
    if made and made.outputs.get(f"{namespace}.onnx") != sha256_of_path(path):
        raise CommandError(
            f"{path} has changed since it was exported; {_MAKE_AGAIN}. To use the changed file, name it with --model."
        )
    return path


def _export(context: KedroContext, namespace: str) -> Fingerprint | None:
    """What the last whole export has made; None if there was none, or a later one was broken off."""
    outputs = outputs_folder(context.config_loader["globals"], context.env, context.project_path)
    return Fingerprint.read(fingerprint_path(outputs, namespace, "export"))
