"""The report's sections on how the model was made."""

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
    """The commands that make this report anew."""
    commit = evaluation.fp32.metadata.get("git_commit")
    environment = "" if evaluation.recipe == "base" else f" --env {evaluation.recipe}"
    lines = [*([f"git checkout {commit}"] if commit else []), "make install"]
    lines.append(f".venv/bin/kedro run --pipelines training --namespaces {evaluation.dataset}{environment}")
    return "\n".join(["```", *lines, "```"])
