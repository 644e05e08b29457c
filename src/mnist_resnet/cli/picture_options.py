"""The options of commands that read pictures."""

import click

invert_option = click.option(
    "--invert",
    is_flag=True,
    help="Swap dark and bright, for dark ink on white paper: the models are trained on bright on black.",
)
fit_option = click.option(
    "--fit",
    type=click.Choice(["whole", "digit"]),
    default="whole",
    show_default=True,
    help="whole: all of the picture. digit: its ink, dark or bright, in a box of 20×20 in the middle of 28×28, as the "
    "images of MNIST were made.",
)


def require_one_of(invert: bool, fit: str) -> None:
    """Refuse both ways at once to tell dark ink from bright.

    Raises:
        click.UsageError: If both are asked for.
    """
    if invert and fit == "digit":
        raise click.UsageError("--invert and --fit digit cannot be given together: digit finds dark and bright ink.")
