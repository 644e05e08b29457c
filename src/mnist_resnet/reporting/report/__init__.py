"""The results of one data set for people: ``report.md``."""

from mnist_resnet.reporting.report.document import to_markdown

__all__ = ["to_markdown"]
