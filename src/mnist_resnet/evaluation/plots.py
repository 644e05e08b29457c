"""Pictures of the data, the training and the results, as Matplotlib figures of their own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart with any colour vision.
_TRAINING_COLOUR, _VALIDATION_COLOUR = "#0072B2", "#D55E00"


def image_grid(
    images: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], class_names: Sequence[str], title: str
) -> "Figure":
    """A row of images for each class.

    Args:
        images: (images, height, width), of any range.
        labels: (images,).
        class_names: The classes in label order.
        title: Above the picture.
    """
    columns = 8
    figure = _figure(1.0 * columns + 1.6, 1.0 * len(class_names) + 0.7, title)
    grid = figure.subplots(len(class_names), columns, squeeze=False)
    for row, name in enumerate(class_names):
        chosen = np.flatnonzero(labels == row)[:columns]
        for column in range(columns):
            axes = grid[row, column]
            axes.set_axis_off()
            if column < len(chosen):
                axes.imshow(images[chosen[column]], cmap="gray", interpolation="nearest")
        grid[row, 0].text(-0.15, 0.5, name, transform=grid[row, 0].transAxes, ha="right", va="center", fontsize=9)
    return figure


def learning_curves(history: Sequence[dict[str, Any]], title: str) -> "Figure":
    """Loss and accuracy of training and validation over the epochs.

    Args:
        history: One mapping for each epoch, with the fields of ``EpochResult``.
        title: Above the picture.
    """
    figure = _figure(9, 3.6, title)
    epochs = [entry["epoch"] for entry in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, colour, marker in (("train", _TRAINING_COLOUR, "o"), ("validation", _VALIDATION_COLOUR, "s")):
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


def confusion_matrix(counts: npt.NDArray[np.int64], class_names: Sequence[str], title: str) -> "Figure":
    """The share of each true class taken for each class, with the counts written in.

    Args:
        counts: (classes, classes), true classes in rows.
        class_names: The classes in label order.
        title: Above the picture.
    """
    size = 0.62 * len(class_names) + 2.2
    figure = _figure(size + 0.6, size, title)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The diagonal is near one; a square root keeps small shares visible.
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.3 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=8)
    places = np.arange(len(class_names))
    axes.set_xticks(places, class_names, rotation=45, ha="right")
    axes.set_yticks(places, class_names)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


def mistakes(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    probabilities: npt.NDArray[np.float32],
    class_names: Sequence[str],
    title: str,
) -> "Figure":
    """Wrongly classified images with their true and predicted classes.

    Args:
        images: uint8 (mistakes, height, width), the worst first.
        labels: uint8 (mistakes,), the true classes.
        probabilities: float32 (mistakes, classes).
        class_names: The classes in label order.
        title: Above the picture.
    """
    columns = 6
    rows = max(1, -(-len(images) // columns))
    figure = _figure(1.7 * columns, 2.1 * rows + 0.6, title)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, label, shares in zip(figure.axes, images, labels, probabilities, strict=False):
        predicted = int(shares.argmax())
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set_title(
            f"{class_names[label]}\ntaken for {class_names[predicted]} ({shares[predicted]:.0%})", fontsize=8
        )
    return figure


def _figure(width: float, height: float, title: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.suptitle(title)
    return figure
