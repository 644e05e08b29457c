"""``kedro predict``: a user's own pictures, classified by an exported model."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.cli.utils import env_option

from mnist_resnet.cli.chosen_model import model_option, read_model
from mnist_resnet.cli.picture_options import fit_option, invert_option, require_one_of
from mnist_resnet.cli.project import conf_source_option, without_traceback, write_json
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.prediction.answers import Prediction
    from mnist_resnet.prediction.pictures import Fit


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@model_option
@click.option("--namespace", help="Data set whose model classifies. Default: the first one in datasets.yml.")
@env_option
@conf_source_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of classes to show for each picture.",
)
@invert_option
@fit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@without_traceback
def predict(
    images: Sequence[Path],
    model: str | None,
    namespace: str | None,
    env: str | None,
    top: int,
    invert: bool,
    fit: "Fit",
    as_json: bool,
) -> None:
    """Classify your own pictures (PNG, JPEG, WEBP, GIF, BMP) with an exported model.

    Each picture is made grey and fitted to the model's input with its proportions kept. Crop it to one object.
    """
    require_one_of(invert, fit)
    source, content = read_model(model, namespace, env)

    from mnist_resnet.evaluation.classifier import open_classifier
    from mnist_resnet.prediction.answers import classify
    from mnist_resnet.terminal.printable_text import printable_on_streams

    classifier = open_classifier(content, source)
    predictions, provider = classify(classifier, images, top, invert, fit), classifier.session.provider
    remedy = "leave out --invert" if invert else "add --invert to swap them"
    for each in predictions:
        if each.looks_inverted:
            unless = "unless the model was trained on such images"
            file = printable_on_streams(each.file)
            warning = f"{file} is dark on bright, and MNIST is bright on black: {remedy}, {unless}."
            write_line(f"Warning: {warning}", sys.stderr)
    if as_json:
        write_json({"model": source, "provider": provider, "predictions": [asdict(each) for each in predictions]})
    else:
        _print_table(predictions)
        write_line(f"Model: {printable_on_streams(source)}, run by {provider}")


def _print_table(predictions: "Sequence[Prediction]") -> None:
    """Lines for people on a terminal; else aligned columns, never cut."""
    from rich import box
    from rich.table import Table

    from mnist_resnet.terminal.printable_text import printable_on_streams
    from mnist_resnet.terminal.tables import show

    terminal = sys.stdout.isatty()
    table = Table("picture", "class", box=box.HEAVY_HEAD if terminal else None, pad_edge=terminal)
    table.add_column("probability", justify="right")
    for prediction in predictions:
        for rank, guess in enumerate(prediction.guesses):
            file = "" if rank else printable_on_streams(prediction.file)
            table.add_row(file, printable_on_streams(guess.class_name), f"{guess.probability:.4f}")
    show(table)
