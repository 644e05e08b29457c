"""``kedro classify``: any number of images, classified by an exported model into Parquet files."""

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.utils import env_option

from mnist_resnet.cli.chosen_model import model_option, read_model, read_variant
from mnist_resnet.cli.picture_options import fit_option, invert_option, require_one_of
from mnist_resnet.cli.project import CommandError, conf_source_option, without_traceback
from mnist_resnet.computing.cluster import require_extra
from mnist_resnet.terminal.program import command_line, variables_before
from mnist_resnet.terminal.signals import graceful_shutdown
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.batch_inference.run_job import FinishedJob

_SHOWN_REFUSALS = 5

# The first sign keeps click from wrapping the lines.
_EXAMPLES = """\b
A folder of pictures, by the model that `kedro run` has exported:
  kedro classify scans/ --output answers
\b
IDX, NumPy or Parquet files, also at an address, by the champion of MNIST:
  kedro classify s3://bucket/digits --output answers \\
    --model models:/mnist@champion
\b
The answers:
  python -c "import pandas; print(pandas.read_parquet('answers/answers', columns=['path', 'name']))"
"""


@click.command(epilog=_EXAMPLES)
@click.argument("sources", nargs=-1, required=True)
@click.option("--output", required=True, help="The folder for the answers. Repeat the command to resume.")
@model_option
@click.option("--namespace", help="Data set whose model classifies. Default: the first one in datasets.yml.")
@env_option
@conf_source_option
@click.option(
    "--variant",
    type=click.Choice(["fp32", "int8", "fp16", "gemm"]),
    default="fp32",
    show_default=True,
    help="Which of the recipe's exported files classifies.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that classify. Default: what all cores allow.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads, so cores, of each worker."
)
@click.option("--address", help="A Ray cluster, host:port or auto. Default: RAY_ADDRESS, else this machine alone.")
@click.option("--strict", is_flag=True, help="End with exit code 1 if an image cannot be read.")
@invert_option
@fit_option
@click.option("--column", help="The column of Parquet files that has the images. Default: found by its type.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=256, show_default=True, help="Images in a call of the model."
)
@click.option(
    "--rows-per-part",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Images in a file of answers; what is lost at most, for each worker, if the command is killed.",
)
@without_traceback
def classify(
    model: str | None, namespace: str | None, env: str | None, variant: str, strict: bool, **options: Any
) -> None:
    """Classify images: IDX, NumPy and Parquet files, pictures, folders and addresses.

    Answers are Parquet files with row id, path, class, name and probabilities. What cannot be read is in
    refused.parquet with the reason, and no other image is lost. Killed or interrupted, the same command goes on, and
    does nothing twice.
    """
    require_one_of(options["invert"], options["fit"])
    require_extra("ray")
    name, content = _chosen(model, namespace, env, variant)

    from mnist_resnet.batch_inference.run_job import ClassifyRequest, run_job

    started, variables = time.monotonic(), variables_before(os.environ)

    def say(signal: str) -> None:
        continued = " ".join([*variables, command_line()])
        write_line(f"Interrupted by {signal}. What is finished stays. To continue: {continued}", sys.stderr)

    with graceful_shutdown(say):
        finished = run_job(ClassifyRequest(model=name, content=content, **options))
    _show(finished, time.monotonic() - started)
    if strict and finished.summary.refusals:
        raise CommandError(_refusals_in_words(finished))


def _refusals_in_words(finished: "FinishedJob") -> str:
    """What was refused, and the first reasons."""
    from mnist_resnet.batch_inference.answer_files import first_refusals
    from mnist_resnet.terminal.printable_text import printable

    lines = [
        f"{printable(each.path)}{'' if each.row is None else f', image {each.row}'}: {each.reason}"
        for each in first_refusals(finished.folder, _SHOWN_REFUSALS)
    ]
    return "\n".join([f"--strict: {finished.summary.refused:,} refused, such as:", *lines])


def _show(finished: "FinishedJob", seconds: float) -> None:
    from mnist_resnet.terminal.printable_text import printable

    summary, made = finished.summary, finished.made
    speed = f", {made / seconds:,.0f} images/s" if made else ""
    before = f" ({finished.before:,} of them before)" if finished.before else ""
    write_line(f"{summary.classified:,} images classified{before} in {seconds:.0f} s{speed}: {finished.folder}")
    for name, count in summary.classes.items():
        write_line(f"  {printable(name)}: {count:,}")
    if summary.refusals:
        write_line(f"{summary.refused:,} refused; the reasons are in {finished.folder / 'refused.parquet'}", sys.stderr)


def _chosen(model: str | None, namespace: str | None, env: str | None, variant: str) -> tuple[str, bytes]:
    if variant == "fp32":
        return read_model(model, namespace, env)
    if model:
        raise click.UsageError(f"--model and --variant {variant} cannot be given together: --model names the file.")
    return read_variant(variant, namespace, env)
