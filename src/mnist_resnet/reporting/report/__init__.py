"""The results of one data set for people: ``report.md``."""

from mnist_resnet.reporting.report.document import report

__all__ = ["report"]
