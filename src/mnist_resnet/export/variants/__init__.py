"""Other forms of an ONNX file: one module for each variant, called as in ``export.variants.names``."""

from mnist_resnet.export.variants.candidate import VariantInputs
from mnist_resnet.export.variants.publication import select_variants

__all__ = ["VariantInputs", "select_variants"]
