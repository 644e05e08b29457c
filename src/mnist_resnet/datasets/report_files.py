"""The records of a training, and the reports."""

from kedro_datasets._typing import HTMLPreview, PlotlyPreview, TablePreview

from mnist_resnet.datasets import previews
from mnist_resnet.datasets.plain_data import JsonDataset, TextDataset
from mnist_resnet.reporting.page import main_of, to_fragment


class HistoryDataset(JsonDataset):
    """The results of all epochs as JSON."""

    def preview(self) -> PlotlyPreview:
        """The curves, for kedro-viz."""
        return previews.curves(self.load())


class LayerTableDataset(JsonDataset):
    """The layers of a network as JSON."""

    def preview(self) -> TablePreview:
        """The table, for kedro-viz."""
        return previews.table(["layer", "kind", "output", "parameters"], [row.cells() for row in self.load()])


class MarkdownDataset(TextDataset):
    """A report in Markdown."""

    def preview(self) -> HTMLPreview:
        """The report without its pictures, for kedro-viz."""
        return previews.page(to_fragment(self.load()))


class PageDataset(TextDataset):
    """A report as one page in HTML."""

    def preview(self) -> HTMLPreview:
        """The page's content, for kedro-viz."""
        return previews.page(main_of(self.load()))
