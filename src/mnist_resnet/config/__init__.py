"""Typed, validated parameters; imports nothing else of this package."""

from mnist_resnet.config.datasets import Dataset, DebianSource, HttpsSource, IdxFile, IdxFiles, NpmSource, Source
from mnist_resnet.config.evaluation import (
    CudaParameters,
    EvaluationParameters,
    LatencyParameters,
    ReleaseParameters,
    RobustnessParameters,
)
from mnist_resnet.config.outputs import outputs_folder
from mnist_resnet.config.parameters import (
    DataParameters,
    ExportParameters,
    ModelParameters,
    NamespaceParameters,
    Parameters,
    PreprocessingParameters,
    TrackingParameters,
    TrainingParameters,
    VariantParameters,
)
from mnist_resnet.config.validation import ConfigurationError, NoConfigurationError, validate_parameters
from mnist_resnet.config.values import MOST_CLASSES

__all__ = [
    "MOST_CLASSES",
    "ConfigurationError",
    "CudaParameters",
    "DataParameters",
    "Dataset",
    "DebianSource",
    "EvaluationParameters",
    "ExportParameters",
    "HttpsSource",
    "IdxFile",
    "IdxFiles",
    "LatencyParameters",
    "ModelParameters",
    "NamespaceParameters",
    "NoConfigurationError",
    "NpmSource",
    "Parameters",
    "PreprocessingParameters",
    "ReleaseParameters",
    "RobustnessParameters",
    "Source",
    "TrackingParameters",
    "TrainingParameters",
    "VariantParameters",
    "outputs_folder",
    "validate_parameters",
]
