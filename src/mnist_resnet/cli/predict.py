"""``kedro predict``: a user's own pictures, classified by an exported model."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.cli.utils import env_option
from kedro.io import CatalogConfigResolver

from mnist_resnet.cli.project import (
    CommandError,
    load_context,
    present_project,
    require_known,
    without_traceback,
    write_json,
)
from mnist_resnet.config import outputs_folder
from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.storage.fingerprints import Fingerprint, fingerprint_path
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.prediction.answers import Prediction

_RECORDED = "models:/"
# Kedro logs a line where it is not told what other names mean.
_NO_OTHERS = {"{default}": {"type": "kedro.io.MemoryDataset"}}


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model",
    help="An ONNX file, or a recorded model by its MLflow URI (models:/mnist@champion, models:/mnist/3, "
    "models:/m-<id>). Default: the model.onnx that the recipe exported for --namespace.",
)
@click.option("--namespace", help="Data set whose model classifies. Default: the first one in datasets.yml.")
@env_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of classes to show for each picture.",
)
@click.option(
    "--invert",
    is_flag=True,
    help="Swap dark and bright, for dark ink on white paper: the models are trained on bright on black.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@without_traceback
def predict(
    images: Sequence[Path],
    model: str | None,
    namespace: str | None,
    env: str | None,
    top: int,
    invert: bool,
    as_json: bool,
) -> None:
    """Classify your own pictures (PNG, JPEG, WEBP, GIF, BMP) with an exported model.

    Each picture is made grey and fitted to the model's input with its proportions kept. Crop it to one object.
    """
    if model and namespace:
        raise click.UsageError("--model and --namespace cannot be given together: --model already names the file.")
    source, content = _read_model(model, namespace, env)

    from mnist_resnet.evaluation.classifier import open_classifier
    from mnist_resnet.prediction.answers import classify

    classifier = open_classifier(content, source)
    predictions, provider = classify(classifier, images, top, invert), classifier.session.provider
    remedy = "leave out --invert" if invert else "add --invert to swap them"
    for each in predictions:
        if each.looks_inverted:
            warning = f"{each.file} is dark on bright, but models are trained on bright on black: {remedy}."
            write_line(f"Warning: {warning}", sys.stderr)
    if as_json:
        write_json({"model": source, "provider": provider, "predictions": [asdict(each) for each in predictions]})
    else:
        _print_table(predictions)
        write_line(f"Model: {source}, run by {provider}")


def _read_model(model: str | None, namespace: str | None, env: str | None) -> tuple[str, bytes]:
    """The name and the content of the ONNX file that is asked for."""
    if model is not None and model.startswith(_RECORDED):
        from mnist_resnet.tracking.model_lookup import read_recorded_onnx

        return model, read_recorded_onnx(model, present_project())
    path = Path(model) if model else _exported_model(namespace, env)
    try:
        return str(path), path.read_bytes()
    except OSError as error:
        raise CommandError(f"--model: received '{path}', which cannot be read: {error.strerror}.") from error


def _exported_model(namespace: str | None, env: str | None) -> Path:
    """The path of a recipe's ONNX file, by its catalog's configuration: the catalog would cost a second of imports.

    Raises:
        CommandError: If there is none, or it is not, byte for byte, what the export pipeline has made.
    """
    context = load_context(env)
    known = list(context.config_loader["parameters"]["datasets"])
    namespace = namespace or known[0]
    require_known(namespace, known)
    catalog = CatalogConfigResolver(context.config_loader["catalog"], default_runtime_patterns=_NO_OTHERS)
    path = Path(os.path.relpath(context.project_path / catalog.resolve_pattern(f"{namespace}.onnx")["filepath"]))
    if not path.exists():
        raise CommandError(f"{path} does not exist. Make it with `kedro run`, or name an ONNX file with --model.")
    outputs = outputs_folder(context.config_loader["globals"], context.env, context.project_path)
    made = Fingerprint.read(fingerprint_path(outputs, namespace, "export"))
    if made and made.outputs.get(f"{namespace}.onnx") != sha256_of_path(path):
        raise CommandError(
            f"{path} has changed since it was exported; `kedro run --only-missing-outputs` makes it again. "
            f"To use the changed file, name it with --model."
        )
    return path


def _print_table(predictions: "Sequence[Prediction]") -> None:
    """Lines for people on a terminal; else aligned columns, never cut."""
    from rich import box
    from rich.table import Table

    from mnist_resnet.terminal.tables import show

    terminal = sys.stdout.isatty()
    table = Table("picture", "class", box=box.HEAVY_HEAD if terminal else None, pad_edge=terminal)
    table.add_column("probability", justify="right")
    for prediction in predictions:
        for rank, guess in enumerate(prediction.guesses):
            table.add_row("" if rank else prediction.file, guess.class_name, f"{guess.probability:.4f}")
    show(table)
