"""Pictures of the data, the training and the results, as Matplotlib figures of their own."""

from mnist_resnet.reporting.plots.accuracy import confusion_matrix, reliability_diagram, robustness
from mnist_resnet.reporting.plots.images import IMAGES_OF_A_CLASS, image_grid, mistakes
from mnist_resnet.reporting.plots.training_curves import learning_curves

__all__ = [
    "IMAGES_OF_A_CLASS",
    "confusion_matrix",
    "image_grid",
    "learning_curves",
    "mistakes",
    "reliability_diagram",
    "robustness",
]
