"""Previews of artifacts, in the forms that kedro-viz shows.

kedro-viz takes the form from the annotation of a dataset's method ``preview``. If that raises, as it does where the
artifact is missing or damaged, there is no preview, and the server's log says why.
"""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from kedro_datasets._typing import HTMLPreview, ImagePreview, PlotlyPreview, TablePreview

from mnist_resnet.reporting.plots.canvas import as_png
from mnist_resnet.reporting.plots.stored_arrays import confidences, label_counts, mosaic
from mnist_resnet.storage.arrays import Array
from mnist_resnet.training.events import History

# kedro-viz takes pages for Markdown, in which what is between two of these is emphasized. It looks no further than a
# line, and browsers do not show where this character ends one.
_TAKEN_FOR_MARKDOWN = "_*`"
_END_OF_LINE = "\u2028"


def png(content: bytes) -> ImagePreview:
    """A PNG file."""
    return ImagePreview(base64.b64encode(content).decode())


def images(array: Array) -> ImagePreview:
    """Some images of (images, height, width); nothing if there are none."""
    from PIL import Image

    if not len(array):
        return ImagePreview("")
    content = BytesIO()
    Image.fromarray(mosaic(array)).save(content, "png")
    return png(content.getvalue())


def labels(array: Array) -> ImagePreview:
    """How many there are of each label."""
    return png(as_png(label_counts(array), dpi=100)) if len(array) else ImagePreview("")


def probabilities(array: Any) -> ImagePreview:
    """How sure the answers are."""
    return png(as_png(confidences(array), dpi=100))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> TablePreview:
    """Rows of values under the names of their columns."""
    return TablePreview({"columns": [*columns], "index": [*range(len(rows))], "data": [[*row] for row in rows]})


def files(folder: Path) -> TablePreview:
    """The size of each file of a folder, in bytes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return table(["file", "bytes"], [[path.relative_to(folder).as_posix(), path.stat().st_size] for path in paths])


def operators(contents: Mapping[str, bytes]) -> TablePreview:
    """How many nodes of each operator ONNX files have, the most frequent operator first.

    Args:
        contents: Of each file, by its name.
    """
    import onnx

    counts = {
        name: Counter(node.op_type for node in onnx.load_model_from_string(content).graph.node)
        for name, content in contents.items()
    }
    most_frequent_first = [operator for operator, _ in sum(counts.values(), Counter[str]()).most_common()]
    rows = [[operator, *(each[operator] for each in counts.values())] for operator in most_frequent_first]
    return table(["operator", *counts], rows)


def layers(path: Path) -> TablePreview:
    """How many layers of each kind a ``.keras`` file has, of which only the configuration is read."""
    with ZipFile(path) as archive:
        configuration = json.loads(archive.read("config.json"))
    kinds = Counter(layer["class_name"] for layer in configuration["config"]["layers"])
    return table(["kind of layer", "layers"], kinds.most_common())


def curves(history: History) -> PlotlyPreview:
    """Loss and accuracy over the epochs, one below the other."""
    values = {
        (f"{part} {quantity}", axis): [getattr(result, f"{part}_{quantity}") for result in history]
        for quantity, axis in (("loss", "y"), ("accuracy", "y2"))
        for part in ("train", "validation")
    }
    epochs = [result.epoch for result in history]
    lines = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": epochs, "y": each, "yaxis": axis}
        for (name, axis), each in values.items()
        if None not in each  # no validation images
    ]
    layout = {
        "xaxis": {"title": {"text": "epoch"}, "dtick": 1},
        "yaxis": {"title": {"text": "loss"}, "domain": [0.55, 1]},
        "yaxis2": {"title": {"text": "accuracy"}, "domain": [0, 0.45]},
    }
    return PlotlyPreview({"data": lines, "layout": layout})


def page(fragment: str) -> HTMLPreview:
    """A part of a page in HTML, without styles or scripts of its own."""
    shown = " ".join(fragment.split())
    for character in _TAKEN_FOR_MARKDOWN:
        shown = shown.replace(character, f"{character}{_END_OF_LINE}")
    return HTMLPreview(shown)
