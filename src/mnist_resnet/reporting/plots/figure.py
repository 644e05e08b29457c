"""What all pictures have in common."""

from typing import TYPE_CHECKING

from mnist_resnet.reporting.plots.lettering import title_lettering

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart with any colour vision.
BLUE, VERMILION = "#0072B2", "#D55E00"
GREY = "#767676"


def new_figure(width: float, height: float, title: str) -> "Figure":
    """An empty figure with its title, of a size in inches, white so that it can be read on dark pages."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    (shown,), properties = title_lettering(title)
    figure.suptitle(shown, **properties)
    return figure
