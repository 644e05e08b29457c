"""Typed, validated parameters; imports nothing else of this package."""

from mnist_resnet.config.dotted_keys import as_typed, flatten, nest
from mnist_resnet.config.evaluation_parameters import (
    CudaParameters,
    EvaluationParameters,
    LatencyParameters,
    ReleaseParameters,
    RobustnessParameters,
)
from mnist_resnet.config.outputs import outputs_folder, with_own_outputs
from mnist_resnet.config.parameters import (
    WITHOUT_INFLUENCE,
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
from mnist_resnet.config.places import check_places
from mnist_resnet.config.published_data import (
    Dataset,
    DebianSource,
    FileSource,
    HttpsSource,
    IdxFile,
    IdxFiles,
    NpmSource,
)
from mnist_resnet.config.validation import ConfigurationError, NoConfigurationError, validate_parameters
from mnist_resnet.config.values import MOST_CLASSES
from mnist_resnet.config.variables import (
    CONF_SOURCE_VARIABLE,
    ENV_VARIABLE,
    OF_ONE_RUN,
    OUTPUTS_VARIABLE,
    TEMPORARY_VARIABLE,
)

__all__ = [
    "CONF_SOURCE_VARIABLE",
    "ENV_VARIABLE",
    "MOST_CLASSES",
    "OF_ONE_RUN",
    "OUTPUTS_VARIABLE",
    "TEMPORARY_VARIABLE",
    "WITHOUT_INFLUENCE",
    "ConfigurationError",
    "CudaParameters",
    "DataParameters",
    "Dataset",
    "DebianSource",
    "EvaluationParameters",
    "ExportParameters",
    "FileSource",
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
    "TrackingParameters",
    "TrainingParameters",
    "VariantParameters",
    "as_typed",
    "check_places",
    "flatten",
    "nest",
    "outputs_folder",
    "validate_parameters",
    "with_own_outputs",
]
