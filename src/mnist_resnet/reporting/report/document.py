"""The report as a whole: a model card (Mitchell et al. 2019) in Markdown."""

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.reporting.layer_table import LayerTable
from mnist_resnet.reporting.report import making, quality, shipping
from mnist_resnet.reporting.report.markdown import plain
from mnist_resnet.training.events import History


def to_markdown(
    evaluation: Evaluation, dataset: Dataset, history: History, preprocessing: Preprocessing, layers: LayerTable
) -> str:
    """Write a report in Markdown that says what was trained, what was exported, and how good it is.

    Args:
        evaluation: All that was measured.
        dataset: The data set's title and digests.
        history: One result for each epoch.
        preprocessing: As fixed on the training images.
        layers: One row for each layer of the network.
    """
    fp32, robustness = evaluation.fp32, evaluation.robustness
    sections = [
        f"# {plain(dataset.title)}, recipe `{evaluation.recipe}`",
        quality.headline_sentence(evaluation),
        "![Confusion matrix](confusion_matrix.png)",
        "## Classes",
        quality.class_table(evaluation),
        "![The most confident mistakes](mistakes.png)",
        "## Calibration",
        quality.calibration_sentence(fp32),
        "![Reliability diagram](reliability_diagram.png)",
        "## Perturbed images",
        quality.robustness_sentence(robustness),
        quality.robustness_table(robustness),
        "![Accuracy on perturbed images](robustness_plot.png)",
        quality.perturbation_sentence(),
        quality.perturbation_table(robustness),
        "## What was shipped",
        shipping.shipped_table(fp32),
        "### Variants",
        shipping.variant_table(evaluation),
        shipping.variant_sentence(),
        "### Agreement of all forms",
        shipping.agreement_table(evaluation.agreement),
        "## Speed",
        shipping.speed_sentence(fp32),
        shipping.speed_table(evaluation.variants),
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
        making.reproduction(evaluation),
    ]
    return "\n\n".join(sections) + "\n"
