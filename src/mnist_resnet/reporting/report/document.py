"""The report as a whole: a model card (Mitchell et al. 2019) in Markdown."""

from collections.abc import Sequence
from typing import Any

from mnist_resnet.config import Dataset
from mnist_resnet.reporting.report import making, quality, shipping
from mnist_resnet.reporting.report.table import plain


def report(
    evaluation: dict[str, Any],
    dataset: Dataset,
    history: Sequence[dict[str, Any]],
    preprocessing: dict[str, Any],
    layers: Sequence[dict[str, Any]],
) -> str:
    """A Markdown report that says what was trained, what was exported, and how good it is.

    Args:
        evaluation: As in ``evaluation.json``.
        dataset: The data set's title and digests.
        history: One mapping for each epoch.
        preprocessing: Method, size, mean and scale.
        layers: One mapping for each layer, with the fields of ``LayerRow``.
    """
    fp32 = evaluation["variants"]["fp32"]
    sections = [
        f"# {plain(dataset.title)}, recipe `{evaluation['recipe']}`",
        quality.headline_sentence(evaluation),
        "![Confusion matrix](confusion_matrix.png)",
        "## Classes",
        quality.class_table(evaluation),
        "![The most confident mistakes](mistakes.png)",
        "## Calibration",
        quality.calibration_sentence(fp32),
        "![Reliability diagram](reliability_diagram.png)",
        "## Perturbed images",
        quality.robustness_sentence(evaluation["robustness"]),
        quality.robustness_table(evaluation["robustness"]),
        "![Accuracy on perturbed images](robustness_plot.png)",
        quality.perturbation_sentence(),
        quality.perturbation_table(evaluation["robustness"]),
        "## What was shipped",
        shipping.shipped_table(fp32),
        "### Variants",
        shipping.variant_table(evaluation),
        shipping.variant_sentence(),
        "### Agreement of all forms",
        shipping.agreement_table(evaluation["agreement"]),
        "## Speed",
        shipping.speed_sentence(fp32),
        shipping.speed_table(evaluation["variants"]),
        "## Training",
        making.epoch_table(history),
        "![Learning curves](learning_curves.png)",
        "## Input",
        making.preprocessing_sentence(preprocessing),
        "![Prepared images](prepared_images.png)",
        "## Network",
        making.parameters_sentence(layers),
        making.layer_table(layers),
        "## Data",
        making.digest_table(dataset),
        "## Limits",
        quality.limits(dataset),
        "## Make it again",
        making.reproduction(evaluation, fp32["metadata"]),
    ]
    return "\n\n".join(sections) + "\n"
