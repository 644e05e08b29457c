"""The report's sections on how the model was made."""

import shlex

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.reporting.layer_table import LayerTable
from mnist_resnet.reporting.report.markdown import figure, table
from mnist_resnet.training.events import History


def epoch_table(history: History) -> str:
    """Loss and accuracy by epoch."""
    keys = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    rows = [
        [str(result.epoch), *(figure(getattr(result, key)) for key in keys), f"{result.seconds:.0f} s"]
        for result in history
    ]
    return table(["epoch", *(key.replace("_", " ") for key in keys), "time"], rows)


def layer_table(layers: LayerTable) -> str:
    """Each layer with its shape and parameters."""
    rows = [[f"`{name}`", *others] for name, *others in (row.cells() for row in layers)]
    return table(["layer", "kind", "output", "parameters"], rows)


def digest_table(dataset: Dataset) -> str:
    """The published files and their digests."""
    files = dataset.files.by_role().values()
    return table(["file", "SHA-256, uncompressed"], [[f"`{file.name}`", f"`{file.sha256}`"] for file in files])


def reproduction(evaluation: Evaluation) -> str:
    """The commands that make the model and this report anew."""
    commit, run_id = (evaluation.fp32.metadata.get(name) for name in ("git_commit", "training_run_id"))
    environment = [] if evaluation.recipe == "base" else ["--env", evaluation.recipe]
    run = ["kedro", "run", "--pipelines", "training", "--namespaces", evaluation.dataset, *environment]
    lines = [*([f"git checkout {commit}"] if commit else []), "make install", f".venv/bin/{shlex.join(run)}"]
    parts = ["By the commit and the recipe, without parameters and changes that were given beside:", _commands(*lines)]
    if run_id:
        parts = ["With MLflow's record of the training, all of it:", _commands(f"kedro reproduce {run_id}"), *parts]
    return "\n\n".join(parts)


def _commands(*lines: str) -> str:
    return "\n".join(["```", *lines, "```"])
