"""What the report says of the exported files."""

from collections.abc import Mapping
from typing import Any

from mnist_resnet.evaluation.agreement import Agreement
from mnist_resnet.reporting.report.table import table


def shipped_table(fp32: dict[str, Any]) -> str:
    """The float32 file, how it was run, and how closely it agrees with the trained network."""
    metadata, parity = fp32["metadata"], fp32["parity"]
    rows = [
        ["ONNX file", f"`{fp32['file']}`"],
        ["SHA-256", f"`{fp32['model_sha256']}`"],
        ["operator set", str(metadata.get("opset", "–"))],
        ["commit of the training", f"`{metadata.get('git_commit') or '–'}`"],
        ["MLflow run of the training", f"`{metadata.get('training_run_id') or '–'}`"],
        ["providers asked for", ", ".join(fp32["providers_asked"])],
        ["provider used", fp32["provider"]],
        ["its settings", ", ".join(f"{key}={value}" for key, value in fp32["provider_options"].items()) or "none"],
        ["ONNX against Keras, largest difference of probabilities", f"{parity['onnx_max_abs_diff']:.2e}"],
        ["SavedModel against Keras, largest difference", f"{parity['savedmodel_max_abs_diff']:.2e}"],
        ["same class", f"{parity['argmax_agreement']:.2%}"],
    ]
    return table(["what", "value"], rows)


def variant_table(evaluation: dict[str, Any]) -> str:
    """Accuracy, size and speed of each published file, and why each other variant was not published."""
    fp32 = evaluation["variants"]["fp32"]
    rows = [["`fp32`", f"`{fp32['file']}`", *_accuracies(fp32), "1", "1", "–", ""]]
    for check in evaluation["variant_checks"]:
        results = evaluation["variants"].get(check["name"])
        file, figures = (f"`{results['file']}`", _accuracies(results)) if results else ("–", ["–", "–"])
        rows.append([f"`{check['name']}`", file, *figures, *_worth(check), _kernels(check), check["reason"]])
    worth = ("size, of fp32's", "images/s, of fp32's")
    header = ["variant", "file", "test accuracy", "95 % interval", *worth, "without its integer kernels", "why"]
    return table(header, rows)


def variant_sentence() -> str:
    """What the columns of the variants are measured on."""
    return (
        "Size, speed and kernels were measured when the variants were made. Without its integer kernels a file is "
        "computed as it is written, by float32 operations between rounding ones: the share of the validation images "
        "with the same class, and the largest difference of a probability."
    )


def _worth(check: dict[str, Any]) -> list[str]:
    """Size and speed in multiples of float32's; records of earlier versions have neither."""
    size, speeds = check.get("size_ratio"), check.get("speed_ratios") or {}
    by_batch = ", ".join(f"{ratio:.2f} (batch {batch})" for batch, ratio in speeds.items())
    return ["–" if size is None else f"{size:.2f}", by_batch or "–"]


def _kernels(check: dict[str, Any]) -> str:
    kernels = check.get("kernels")
    return f"{kernels['same_class']:.2%}, ≤ {kernels['max_abs_diff']:.1e}" if kernels else "–"


def _accuracies(results: dict[str, Any]) -> list[str]:
    low, high = results["accuracy_interval"]
    return [f"{results['accuracy']:.4f}", f"{low:.4f} to {high:.4f}"]


def agreement_table(agreement: Agreement) -> str:
    """Share of the test images with the same class, and the largest difference of a probability."""
    names = list(agreement)
    rows = [[f"`{one}`", *(_agreement(agreement[one][other]) for other in names)] for one in names]
    return table(["", *(f"`{name}`" for name in names)], rows)


def _agreement(pair: Mapping[str, float]) -> str:
    return f"{pair['argmax_agreement']:.2%}, ≤ {pair['max_abs_diff']:.1e}"


def speed_sentence(fp32: dict[str, Any]) -> str:
    """What the times were taken on."""
    return f"By onnxruntime's {fp32['provider']} with {fp32['threads']} threads; times of whole calls, after a warm-up."


def speed_table(variants: Mapping[str, dict[str, Any]]) -> str:
    """Latency and throughput of each published file."""
    rows: dict[str, list[str]] = {}
    for results in variants.values():
        for size, times in results["latency_ms"].items():
            rows.setdefault(size, []).append(", ".join(f"{rank} {ms:.2f} ms" for rank, ms in times.items()))
        for size, speed in results["throughput_images_per_s"].items():
            rows.setdefault(f"{size} images a call", []).append(f"{speed:,.0f} images/s")
    return table(["batch size", *(f"`{name}`" for name in variants)], [[size, *cells] for size, cells in rows.items()])
