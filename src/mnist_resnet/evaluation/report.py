"""The results of one data set: ``evaluation.json`` for machines, ``report.md`` for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.latency import Speed
from mnist_resnet.evaluation.metrics import Metrics
from mnist_resnet.evaluation.session import Session

SCHEMA = 1


def variant_results(
    file: str, digest: str, session: Session, metrics: Metrics, parity: dict[str, float], speed: Speed
) -> dict[str, Any]:
    """What ``evaluation.json`` says of one exported file.

    Args:
        file: Its name.
        digest: Its SHA-256.
        session: How it was run.
        metrics: Measured on the test images.
        parity: ``savedmodel_max_abs_diff``, ``onnx_max_abs_diff`` and ``argmax_agreement``.
        speed: Measured with the same session.
    """
    return {
        "file": file,
        "model_sha256": digest,
        "provider": session.provider,
        "providers_asked": list(session.providers_asked),
        "accuracy": metrics.accuracy,
        "accuracy_interval": list(metrics.accuracy_interval),
        "loss": metrics.loss,
        "per_class": {
            str(label): asdict(class_metrics) for label, class_metrics in enumerate(metrics.per_class.values())
        },
        "parity": parity,
        **asdict(speed),
    }


def evaluation_results(
    name: str, recipe: str, dataset: Dataset, images: int, variants: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The whole of ``evaluation.json``."""
    return {
        "schema": SCHEMA,
        "dataset": name,
        "recipe": recipe,
        "images": images,
        "class_names": list(dataset.class_names),
        "variants": variants,
    }


def report(
    evaluation: dict[str, Any],
    dataset: Dataset,
    history: Sequence[dict[str, Any]],
    preprocessing: dict[str, Any],
    architecture: Sequence[dict[str, Any]],
) -> str:
    """A Markdown report that says what was trained, what was exported, and how good it is.

    Args:
        evaluation: As in ``evaluation.json``.
        dataset: The data set's title and digests.
        history: One mapping for each epoch.
        preprocessing: Method, size, mean and scale.
        architecture: One mapping for each layer, with the fields of ``LayerRow``.
    """
    fp32 = evaluation["variants"]["fp32"]
    sections = [
        f"# {dataset.title}, recipe `{evaluation['recipe']}`",
        f"Test accuracy **{fp32['accuracy']:.4f}** (loss {fp32['loss']:.4f}) on {evaluation['images']:,} images, "
        f"measured on `{fp32['file']}` by onnxruntime's {fp32['provider']}.",
        "![Confusion matrix](confusion_matrix.png)",
        "## Classes",
        _class_table(evaluation),
        "![The most confident mistakes](mistakes.png)",
        "## Training",
        _epoch_table(history),
        "![Learning curves](learning_curves.png)",
        "## Input",
        _preprocessing_sentence(preprocessing),
        "![Prepared images](prepared_images.png)",
        "## Network",
        _parameters_sentence(architecture),
        _layer_table(architecture),
        "## What was shipped",
        _shipped_table(fp32),
        "## Speed",
        _speed_table(fp32),
        "## Data",
        _digest_table(dataset),
    ]
    return "\n\n".join(sections) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _class_table(evaluation: dict[str, Any]) -> str:
    per_class = evaluation["variants"]["fp32"]["per_class"].values()
    rows = [
        [name, *(f"{entry[key]:.4f}" for key in ("precision", "recall", "f1")), str(entry["support"])]
        for name, entry in zip(evaluation["class_names"], per_class, strict=True)
    ]
    return _table(["class", "precision", "recall", "F1", "images"], rows)


def _epoch_table(history: Sequence[dict[str, Any]]) -> str:
    keys = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    rows = [
        [str(entry["epoch"]), *(_or_dash(entry[key]) for key in keys), f"{entry['seconds']:.0f} s"] for entry in history
    ]
    return _table(["epoch", *(key.replace("_", " ") for key in keys), "time"], rows)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _parameters_sentence(architecture: Sequence[dict[str, Any]]) -> str:
    total, trainable = (sum(row[key] for row in architecture) for key in ("parameters", "trainable_parameters"))
    return f"{total:,} parameters, {trainable:,} of them trainable; shapes are those of one image."


def _layer_table(architecture: Sequence[dict[str, Any]]) -> str:
    rows = [
        [f"`{row['name']}`", row["kind"], "×".join(map(str, row["output_shape"])), f"{row['parameters']:,}"]
        for row in architecture
    ]
    return _table(["layer", "kind", "output", "parameters"], rows)


def _preprocessing_sentence(preprocessing: dict[str, Any]) -> str:
    height, width = preprocessing["size"]
    verb = {"pad": "padded with zeros", "resize": "resized bilinearly"}[preprocessing["method"]]
    return (
        f"Raw uint8 images are {verb} to {height}×{width} pixels; then (value − {preprocessing['mean']:.4f}) × "
        f"{preprocessing['scale']:.6f}. This is part of the exported graph."
    )


def _shipped_table(fp32: dict[str, Any]) -> str:
    parity = fp32["parity"]
    rows = [
        ["ONNX file", f"`{fp32['file']}`"],
        ["SHA-256", f"`{fp32['model_sha256']}`"],
        ["providers asked for", ", ".join(fp32["providers_asked"])],
        ["provider used", fp32["provider"]],
        ["ONNX against Keras, largest difference of probabilities", f"{parity['onnx_max_abs_diff']:.2e}"],
        ["SavedModel against Keras, largest difference", f"{parity['savedmodel_max_abs_diff']:.2e}"],
        ["same class", f"{parity['argmax_agreement']:.2%}"],
    ]
    return _table(["what", "value"], rows)


def _speed_table(fp32: dict[str, Any]) -> str:
    rows = [
        [size, ", ".join(f"{rank} {ms:.2f} ms" for rank, ms in times.items())]
        for size, times in fp32["latency_ms"].items()
    ]
    rows += [[size, f"{speed:,.0f} images/s"] for size, speed in fp32["throughput_images_per_s"].items()]
    return _table(["batch size", fp32["provider"]], rows)


def _digest_table(dataset: Dataset) -> str:
    files = vars(dataset.files).values()
    return _table(["file", "SHA-256, uncompressed"], [[f"`{file.name}`", f"`{file.sha256}`"] for file in files])
