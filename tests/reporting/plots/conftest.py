"""The texts and the pictures in a figure, after drawing it."""

from io import BytesIO

import numpy as np
from matplotlib.text import Text

NAMES = ("left", "right", "T-shirt/top")
MANY_NAMES = tuple(f"class {number}" for number in range(12))


def texts(figure) -> list[str]:
    """All that can be read in a figure, after drawing it as PNG."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=40)
    assert content.getvalue().startswith(b"\x89PNG\r\n\x1a\n")
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
