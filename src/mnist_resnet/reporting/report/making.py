"""What the report says of how the model was made."""

from collections.abc import Sequence
from typing import Any

from mnist_resnet.config import Dataset
from mnist_resnet.reporting.report.table import figure, table


def epoch_table(history: Sequence[dict[str, Any]]) -> str:
    """Loss and accuracy by epoch."""
    keys = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    rows = [
        [str(entry["epoch"]), *(figure(entry[key]) for key in keys), f"{entry['seconds']:.0f} s"] for entry in history
    ]
    return table(["epoch", *(key.replace("_", " ") for key in keys), "time"], rows)


def parameters_sentence(layers: Sequence[dict[str, Any]]) -> str:
    """How many parameters the network has."""
    total, trainable = (sum(row[key] for row in layers) for key in ("parameters", "trainable_parameters"))
    return f"{total:,} parameters, {trainable:,} of them trainable; shapes are those of one image."


def layer_table(layers: Sequence[dict[str, Any]]) -> str:
    """Each layer with its shape and parameters."""
    rows = [
        [f"`{row['name']}`", row["kind"], "×".join(map(str, row["output_shape"])), f"{row['parameters']:,}"]
        for row in layers
    ]
    return table(["layer", "kind", "output", "parameters"], rows)


def preprocessing_sentence(preprocessing: dict[str, Any]) -> str:
    """How raw images become the network's input."""
    height, width = preprocessing["size"]
    verb = {"pad": "padded with zeros", "resize": "resized bilinearly"}[preprocessing["method"]]
    return (
        f"Raw uint8 images are {verb} to {height}×{width} pixels; then (value − {preprocessing['mean']:.4f}) × "
        f"{preprocessing['scale']:.6f}. This is part of the exported graph."
    )


def digest_table(dataset: Dataset) -> str:
    """The published files and their digests."""
    files = vars(dataset.files).values()
    return table(["file", "SHA-256, uncompressed"], [[f"`{file.name}`", f"`{file.sha256}`"] for file in files])


def reproduction(evaluation: dict[str, Any], metadata: dict[str, Any]) -> str:
    """The commands that make this report anew."""
    commit, recipe, name = metadata.get("git_commit"), evaluation["recipe"], evaluation["dataset"]
    environment = "" if recipe == "base" else f" --env {recipe}"
    lines = [*([f"git checkout {commit}"] if commit else []), "make install"]
    lines.append(f".venv/bin/kedro run --pipelines training --namespaces {name}{environment}")
    return "\n".join(["```", *lines, "```"])
