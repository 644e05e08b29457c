"""Pictures of the training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnist_resnet.reporting.plots.figure import BLUE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curves(history: Sequence[dict[str, Any]], title: str) -> "Figure":
    """Loss and accuracy of training and validation over the epochs.

    Args:
        history: One mapping for each epoch, with the fields of ``EpochResult``.
        title: Above the picture.
    """
    figure = new_figure(9, 3.6, title)
    epochs = [entry["epoch"] for entry in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, colour, marker in (("train", BLUE, "o"), ("validation", VERMILION, "s")):
            values = [entry[f"{part}_{quantity}"] for entry in history]
            if None in values:  # no validation images
                continue
            axes.plot(epochs, values, marker=marker, color=colour, label=part)
        axes.set(xlabel="epoch", ylabel=quantity, xticks=epochs)
        axes.set_title(_last_values(history[-1], quantity), fontsize=9)
        axes.grid(alpha=0.3)
        axes.margins(0.1)
        axes.legend()
    return figure


def _last_values(entry: dict[str, Any], quantity: str) -> str:
    train, validation = entry[f"train_{quantity}"], entry[f"validation_{quantity}"]
    return f"in the end {train:.4f}" + ("" if validation is None else f", on validation {validation:.4f}")
