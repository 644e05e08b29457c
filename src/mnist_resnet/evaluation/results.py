"""The results of one data set for machines: the contents of ``evaluation.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.agreement import Agreement
from mnist_resnet.evaluation.calibration import Calibration
from mnist_resnet.evaluation.latency import Speed
from mnist_resnet.evaluation.metrics import Metrics
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.evaluation.session import Session

SCHEMA = 1


def variant_results(
    file: str, digest: str, session: Session, metrics: Metrics, calibration: Calibration, speed: Speed
) -> dict[str, Any]:
    """What ``evaluation.json`` says of one exported file.

    Args:
        file: Its name.
        digest: Its SHA-256.
        session: How it was run.
        metrics: Measured on the test images.
        calibration: Measured on the test images.
        speed: Measured with the same session.
    """
    return {
        "file": file,
        "model_sha256": digest,
        "metadata": session.metadata,
        "provider": session.provider,
        "providers_asked": list(session.providers_asked),
        "provider_options": session.provider_options,
        "threads": session.threads,
        "accuracy": metrics.accuracy,
        "accuracy_interval": list(metrics.accuracy_interval),
        "loss": metrics.loss,
        "per_class": {
            str(label): asdict(class_metrics) for label, class_metrics in enumerate(metrics.per_class.values())
        },
        "expected_calibration_error": calibration.expected_calibration_error,
        **asdict(speed),
    }


def evaluation_results(
    name: str,
    recipe: str,
    dataset: Dataset,
    variants: Mapping[str, dict[str, Any]],
    parity: Mapping[str, float],
    variant_checks: Sequence[dict[str, Any]],
    agreement: Agreement,
    robustness: Robustness,
    training_labels: npt.NDArray[np.uint8],
) -> dict[str, Any]:
    """The whole of ``evaluation.json``.

    Args:
        name: The data set's, as in the configuration.
        recipe: The recipe's name.
        dataset: For the class names.
        variants: By name, from ``variant_results``; ``fp32`` first.
        parity: ``savedmodel_max_abs_diff``, ``onnx_max_abs_diff`` and ``argmax_agreement`` of the
            float32 exports with the trained network.
        variant_checks: What became of each smaller variant, published or not.
        agreement: Of all forms of the model on the test images.
        robustness: Of the float32 file, on perturbed test images.
        training_labels: uint8 (images,), the classes of the images that were trained on.
    """
    fp32 = {**variants["fp32"], "parity": dict(parity)}
    return {
        "schema": SCHEMA,
        "dataset": name,
        "recipe": recipe,
        "images": sum(entry["support"] for entry in fp32["per_class"].values()),
        "class_names": list(dataset.class_names),
        "training_images": np.bincount(training_labels, minlength=len(dataset.class_names)).tolist(),
        "variants": {**variants, "fp32": fp32},
        "variant_checks": list(variant_checks),
        "agreement": agreement,
        "robustness": asdict(robustness),
    }


def headline(variants: Mapping[str, dict[str, Any]], robustness: Robustness) -> dict[str, float]:
    """The few figures by which runs are compared: fp32's under plain names, others with theirs in front."""
    figures = {"mean_perturbed_accuracy": robustness.mean_perturbed}
    for name, results in variants.items():
        prefix = "" if name == "fp32" else f"{name}_"
        figures |= {
            f"{prefix}test_accuracy": results["accuracy"],
            f"{prefix}test_loss": results["loss"],
            f"{prefix}expected_calibration_error": results["expected_calibration_error"],
        }
        figures |= {f"{prefix}{rank}_batch_1_ms": value for rank, value in results["latency_ms"].get("1", {}).items()}
        for size, speed in results["throughput_images_per_s"].items():
            figures[f"{prefix}images_per_s_batch_{size}"] = speed
    return figures
