"""The report as a whole: a model card (Mitchell et al. 2019) in Markdown."""

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.calibration import BINS
from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.reporting.layer_table import LayerTable, parameters_in_words
from mnist_resnet.reporting.report import making, quality, shipping
from mnist_resnet.reporting.report.markdown import interval, plain
from mnist_resnet.training.events import History, TrainingDevice

# Each line is a paragraph, a heading, a picture or a table.
_CARD = """\
# {title}, recipe `{evaluation.recipe}`
Test accuracy **{fp32.accuracy:.4f}** (95 % interval {accuracy_interval}, loss {fp32.loss:.4f}) on \
{evaluation.images:,} images, measured on `{fp32.file}` by onnxruntime's {fp32.provider}.
![Confusion matrix](confusion_matrix.png)
## Classes
{classes}
![The most confident mistakes](mistakes.png)
## Calibration
Confidence and accuracy differ by {calibration_points:.2f} points on average (expected calibration error \
{fp32.expected_calibration_error:.4f}, {calibration_bins} bins).
![Reliability diagram](reliability_diagram.png)
## Perturbed images
{robustness.images:,} test images, drawn so that every class has its share, perturbed in several ways. As they are, \
{robustness.untouched:.4f} (95 % interval {untouched_interval}) of them are classified correctly; perturbed, \
{robustness.mean_perturbed:.4f} (95 % interval {perturbed_interval}) as a mean over all ways and strengths. These \
figures decide nothing: the champion is chosen on perturbed validation images.
{perturbed_accuracies}
![Accuracy on perturbed images](robustness_plot.png)
What is done to an image, beside what the 15 corruptions of MNIST-C (Mu & Gilmer 2019) do at the strengths that its \
code has by default. The two differ, so do not compare figures of one with figures of the other.
{perturbations}
## What was shipped
{shipped}
### Variants
{variants}
Size, speed and kernels were measured when the variants were made. Without its integer kernels a file is computed as \
it is written, by float32 operations between rounding ones: the share of the validation images with the same class, \
and the largest difference of a probability.
### Agreement of all forms
{agreement}
## Speed
By onnxruntime's {timed_providers}; times of whole calls, after a warm-up.
{speed}
## Training
Trained on {device}
{epochs}
![Learning curves](learning_curves.png)
## Input
Raw uint8 images are {resized} to {preprocessing.size[0]}×{preprocessing.size[1]} pixels; then (value − \
{preprocessing.mean:.4f}) × {preprocessing.scale:.6f}. This is part of the exported graph.
![Prepared images](prepared_images.png)
## Network
{parameters}; shapes are those of one image.
{layers}
## Data
{digests}
## Limits
The figures hold for images like those of {title}: grey, {dataset.image_size[0]}×{dataset.image_size[1]} pixels, \
prepared as its publishers did. The model has no class for anything else and will give one of its {class_count} names \
to any image. Intervals count the chance of drawing the test images, not that of training again.
## Make it again
{commands}"""


def to_markdown(
    evaluation: Evaluation,
    dataset: Dataset,
    history: History,
    training_device: TrainingDevice,
    preprocessing: Preprocessing,
    layers: LayerTable,
) -> str:
    """Write a report in Markdown that says what was trained, what was exported, and how good it is.

    Args:
        evaluation: All that was measured.
        dataset: The data set's title and digests.
        history: One result for each epoch.
        training_device: What the training computed on and how.
        preprocessing: As fixed on the training images.
        layers: One row for each layer of the network.
    """
    fp32, robustness = evaluation.fp32, evaluation.robustness
    card = _CARD.replace("\n", "\n\n").format(
        title=plain(dataset.title),
        evaluation=evaluation,
        fp32=fp32,
        robustness=robustness,
        preprocessing=preprocessing,
        dataset=dataset,
        accuracy_interval=interval(fp32.accuracy_interval),
        classes=quality.class_table(evaluation),
        calibration_points=100 * fp32.expected_calibration_error,
        calibration_bins=BINS,
        untouched_interval=interval(robustness.untouched_interval),
        perturbed_interval=interval(robustness.mean_perturbed_interval),
        perturbed_accuracies=quality.robustness_table(robustness),
        perturbations=quality.perturbation_table(robustness),
        shipped=shipping.shipped_table(fp32),
        variants=shipping.variant_table(evaluation),
        agreement=shipping.agreement_table(evaluation.agreement),
        timed_providers=shipping.timed_providers(evaluation.variants),
        speed=shipping.speed_table(evaluation.variants),
        device=training_device.in_words(),
        epochs=making.epoch_table(history),
        resized={"pad": "padded with zeros", "resize": "resized bilinearly"}[preprocessing.method],
        parameters=parameters_in_words(layers),
        layers=making.layer_table(layers),
        digests=making.digest_table(dataset),
        class_count=len(dataset.class_names),
        commands=making.reproduction(evaluation),
    )
    return f"{card}\n"
