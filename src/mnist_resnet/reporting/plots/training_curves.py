"""The picture of the training."""

from typing import TYPE_CHECKING

from mnist_resnet.reporting.plots.canvas import BLUE, VERMILION, new_figure
from mnist_resnet.training.events import EpochResult, History

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curves(history: History, title: str) -> "Figure":
    """Loss and accuracy of training and validation over the epochs.

    Args:
        history: One result for each epoch.
        title: Above the picture.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(9, 3.6, title)
    epochs = [result.epoch for result in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, colour, marker in (("train", BLUE, "o"), ("validation", VERMILION, "s")):
            values = [getattr(result, f"{part}_{quantity}") for result in history]
            if None in values:  # no validation images
                continue
            axes.plot(epochs, values, marker=marker, color=colour, label=part)
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_title(_last_values(history[-1], quantity), fontsize=9)
        axes.grid(alpha=0.3)
        axes.margins(0.1)
        axes.legend()
    return figure


def _last_values(last: EpochResult, quantity: str) -> str:
    train, validation = (getattr(last, f"{part}_{quantity}") for part in ("train", "validation"))
    return f"in the end {train:.4f}" + ("" if validation is None else f", on validation {validation:.4f}")
