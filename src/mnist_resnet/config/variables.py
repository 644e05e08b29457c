"""The environment variables that a run is told by, beside those of MLflow."""

# The recipe: a folder of ``conf/``.
ENV_VARIABLE = "KEDRO_ENV"
CONF_SOURCE_VARIABLE = "MNIST_RESNET_CONF_SOURCE"
# Set for a trial of a sweep: its own folder of outputs, relative to the project.
OUTPUTS_VARIABLE = "MNIST_RESNET_OUTPUTS"
# Set for a run in a project's folder that goes away afterwards.
TEMPORARY_VARIABLE = "MNIST_RESNET_TEMPORARY"
# These belong to one run: another that it starts is told anew.
OF_ONE_RUN = (
    *(ENV_VARIABLE, CONF_SOURCE_VARIABLE),
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"),
)
