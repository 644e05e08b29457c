"""How accurate each recipe's networks are, against the minutes that this machine trains for that: table and picture.

    .venv/bin/python benchmarks/recipe_minutes.py
    .venv/bin/python benchmarks/recipe_minutes.py --picture docs/images/accuracy_minutes.png

The first measures: of each recipe in the file of seeds, and of the tutorials', some steps are trained, and their speed
is taken for all epochs and for whatever has equal arithmetic. The second draws what was measured, with the least and
the most accurate of all seeds. Validation, export and evaluation are not in these minutes.
"""

import argparse
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from statistics import fmean, median
from typing import Any

from gpu_ours import made_split, trained
from hardware import describe_machine
from pydantic import TypeAdapter
from recipes import as_parameters, recipe_parameters
from seeds import read_rows

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.reporting.plots.canvas import BLUE, GREY, VERMILION, new_figure
from mnist_resnet.training.epochs.host_fed import HostFedEpochs

RESULTS = Path(__file__).parents[1] / "docs" / "results"
# Two tutorials, with three seeds each: docs/results/accuracy.md, "The tutorials' recipes".
TUTORIALS = {
    ("mnist", "mnist_32"): (0.9933, 0.9935, 0.9939),
    ("fashion_mnist", "d2l_fashion_28"): (0.9042, 0.9082, 0.9111),
}
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
# The best published single networks: Byerly et al. 2020 (No Routing Needed Between Capsules) and Tanveer et al. 2020
# (Fine-Tuning DARTS for Image Classification); and what the tutorials themselves say.
PUBLISHED = {"mnist": (0.9983, 0.9808), "fashion_mnist": (0.9691, 0.906)}
_STEPS, _EPOCHS = 12, 5
# What of a training takes no time worth telling, and what is not trained to its end.
_ALIKE: dict[str, Any] = {
    "seed": 0,
    "epochs": _EPOCHS + 1,
    "small_epochs": 0,
    "small_size": (20, 20),
    "patience": None,
    "learning_rate": 0.01,
    "warmup_fraction": 0.5,
    "weight_decay": 0.001,
    "label_smoothing": 0.1,
    "erased_fraction": 0.25,
    "max_shift": 2,
    "unshifted_epochs": 0,
    "horizontal_flip": True,
}
_IMAGES = 60_000
_TICKS = (0.2, 0.3, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 50)


@dataclass(frozen=True, order=True)
class Speed:
    """What a training comes to on this machine.

    Attributes:
        data_set: Its name.
        recipe: A folder of conf/.
        parameters: What differs from it.
        least: Images a second in the slowest of the timed epochs.
        images_per_second: The median; a mean over its images where some epochs see smaller ones.
        most: The fastest.
        epochs: Of the training.
        minutes: For all of its images.
    """

    data_set: str
    recipe: str
    parameters: str
    least: int
    images_per_second: int
    most: int
    epochs: int
    minutes: float


def measure(data_set: str, recipe: str, changed: str) -> Speed:
    """What a training comes to; its speed is measured once for all of equal arithmetic."""
    parameters, usual = (recipe_parameters(recipe, data_set, as_parameters(text)) for text in (changed, ""))
    asked, large = parameters.training, parameters.preprocessing
    epochs = {large: asked.epochs - asked.small_epochs}
    if asked.small_epochs:
        epochs[replace(large, method="resize", size=asked.small_size)] = asked.small_epochs
    speeds = [
        _speeds(replace(usual, preprocessing=size, model=parameters.model, training=replace(asked, **_ALIKE)))
        for size in epochs
    ]
    least, middle, most = (
        asked.epochs / sum(count / pick(speed) for count, speed in zip(epochs.values(), speeds, strict=True))
        for pick in (min, median, max)
    )
    minutes = asked.epochs * _training_images(parameters) / middle / 60
    return Speed(data_set, recipe, changed, round(least), round(middle), round(most), asked.epochs, round(minutes, 2))


@cache
def _speeds(short: NamespaceParameters) -> tuple[int, ...]:
    """Train some steps, after an epoch that compiles: images a second in each epoch."""
    _, (_, *timed) = trained(short, made_split(_STEPS * short.training.batch_size), HostFedEpochs)
    return tuple(round(result.images_per_second) for result in timed)


def _training_images(parameters: NamespaceParameters) -> int:
    used = parameters.data.training_images or _IMAGES
    return used - round(parameters.data.validation_fraction * used)


def contestants(seeds: Path, recipes: Sequence[str]) -> list[tuple[str, str, str]]:
    """All that were trained, and the tutorials'; each once."""
    rows = {(row.data_set, row.recipe, row.parameters) for row in read_rows(seeds) if _current(row, recipes)}
    return sorted(rows | {(data_set, recipe, "") for data_set, recipe in TUTORIALS})


def _current(row: Any, recipes: Sequence[str]) -> bool:
    return row.recipe in recipes and (not row.parameters or row.recipe == "accurate")


def table(speeds: Iterable[Speed], seeds: Path) -> Iterator[str]:
    """The lines for docs/results."""
    yield "| data set | recipe | changed | epochs | images/s | minutes | validation accuracy | test accuracy | n |"
    yield "|---" * 9 + "|"
    for speed in speeds:
        rows = [row for row in read_rows(seeds) if (row.data_set, row.recipe, row.parameters) == _of(speed)]
        cells = [_mean(row.validation_accuracy for row in rows), _mean(row.test_accuracy for row in rows)]
        if not rows and (speed.data_set, speed.recipe) in TUTORIALS:
            cells = ["–", f"{TUTORIALS[speed.data_set, speed.recipe][1]:.4f}"]
        pace = f"{speed.images_per_second:,} ({speed.least:,}–{speed.most:,})"
        shown = [
            TITLES[speed.data_set],
            f"`{speed.recipe}`",
            speed.parameters,
            speed.epochs,
            pace,
            f"{speed.minutes:.1f}",
        ]
        yield f"| {' | '.join(map(str, [*shown, *cells, len(rows) or 3]))} |"


def _of(speed: Speed) -> tuple[str, str, str]:
    return speed.data_set, speed.recipe, speed.parameters


def _mean(cells: Iterable[str]) -> str:
    values = [float(cell) for cell in cells if cell]
    return f"{fmean(values):.4f}" if values else "–"


def draw(speeds: Sequence[Speed], seeds: Path, path: Path) -> None:
    """Accuracy against minutes, a panel for each data set; errors, so that the best are told apart."""
    figure = new_figure(10, 4.4, "Test errors against minutes of training on two CPU cores")
    for axes, data_set in zip(figure.subplots(1, 2), TITLES, strict=True):
        points = sorted(_points(speeds, seeds, data_set))
        minutes, recipes, spread = zip(*points, strict=True)
        least, mean, most = ([100 * (1 - each[place]) for each in spread] for place in (2, 1, 0))
        lengths = [
            [m - low for m, low in zip(mean, least, strict=True)],
            [h - m for m, h in zip(mean, most, strict=True)],
        ]
        axes.errorbar(minutes, mean, lengths, fmt="o", color=BLUE, capsize=3)
        ours = [(x, y) for x, y, name in zip(minutes, mean, recipes, strict=True) if "_" not in name]
        axes.plot(*zip(*ours, strict=True), color=BLUE, linewidth=1, alpha=0.5)
        for x, y, name in zip(minutes, mean, recipes, strict=True):
            axes.annotate(name, (x, y), (6, 6), textcoords="offset points", fontsize=9)
        best, tutorial = (100 * (1 - accuracy) for accuracy in PUBLISHED[data_set])
        for error, colour, words in ((best, VERMILION, "best published"), (tutorial, GREY, "the tutorial says")):
            axes.axhline(error, color=colour, linestyle="--", linewidth=1)
            axes.annotate(
                words,
                (1, error),
                (-4, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color=colour,
            )
        axes.set(title=TITLES[data_set], xscale="log", yscale="log", xlabel="minutes", ylabel="errors, %")
        axes.set_xlim(min(minutes) / 1.6, max(minutes) * 2.5)
        axes.margins(y=0.12)
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            shown = [tick for tick in _TICKS if low <= tick <= high]
            axis.set_ticks(shown, [f"{tick:g}" for tick in shown], fontsize=9)
            axis.set_ticks([], minor=True)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def _points(
    speeds: Sequence[Speed], seeds: Path, data_set: str
) -> Iterator[tuple[float, str, tuple[float, float, float]]]:
    """Minutes, recipe, and the least, mean and greatest accuracy."""
    rows = read_rows(seeds)
    for speed in speeds:
        if speed.data_set != data_set or speed.parameters:
            continue
        found = [float(row.test_accuracy) for row in rows if _of(speed) == (row.data_set, row.recipe, row.parameters)]
        known = TUTORIALS.get((data_set, speed.recipe))
        if found:
            yield speed.minutes, speed.recipe, (min(found), fmean(found), max(found))
        elif known:
            yield speed.minutes, speed.recipe, known


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=Path, default=RESULTS / "seeds.csv", help="what benchmarks/seeds.py writes")
    parser.add_argument("--minutes", type=Path, default=RESULTS / "minutes.csv", help="what is measured")
    parser.add_argument("--picture", type=Path, help="draw this file from both, and measure nothing")
    parser.add_argument("--recipes", nargs="+", default=["fast", "base", "accurate"], help="besides the tutorials'")
    asked = parser.parse_args()
    if not asked.picture:
        measured = [measure(*each) for each in contestants(asked.seeds, asked.recipes)]
        with asked.minutes.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Speed)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(asdict, measured))
    with asked.minutes.open(encoding="utf-8", newline="") as file:
        speeds = TypeAdapter(list[Speed]).validate_python(list(csv.DictReader(file)))
    if asked.picture:
        draw(speeds, asked.seeds, asked.picture)
    else:
        print(describe_machine(), "", *table(speeds, asked.seeds), sep="\n")


if __name__ == "__main__":
    main()
