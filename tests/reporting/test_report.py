from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.agreement import measure_agreement
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.metrics import ClassMetrics, measure
from mnist_resnet.evaluation.perturbations import PERTURBATIONS
from mnist_resnet.evaluation.results import Evaluation, FileResult
from mnist_resnet.evaluation.robustness import summarize
from mnist_resnet.evaluation.variant_check import VariantCheck
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.reporting.layer_table import LayerRow
from mnist_resnet.reporting.page import to_html
from mnist_resnet.reporting.report import to_markdown
from mnist_resnet.reporting.report.making import reproduction
from mnist_resnet.reporting.report.shipping import timed_providers
from mnist_resnet.training.events import EpochResult
from tests.made_device import DEVICE

PICTURES = [
    f"{name}.png"
    for name in (
        "confusion_matrix",
        "learning_curves",
        "mistakes",
        "prepared_images",
        "reliability_diagram",
        "robustness_plot",
    )
]
DIGEST = "0123456789abcdef" * 4
PARITY = {"savedmodel_max_abs_diff": 1.5e-7, "onnx_max_abs_diff": 2.5e-7, "argmax_agreement": 1.0}
HISTORY = [EpochResult(epoch, 0.1, 1.1111 / epoch, 0.7777, 1.2222 / epoch, 0.8888, 12.4, 100.0) for epoch in (1, 2)]
PREPROCESSING = Preprocessing("pad", (10, 12), mean=33.3184, scale=0.0127)
LAYERS = [
    LayerRow("image", "InputLayer", (10, 12), 0, 0),
    LayerRow("conv", "Convolution", (5, 6, 64), 3136, 3136),
    LayerRow("norm", "Norm", (5, 6, 64), 256, 128),
    LayerRow("logits", "Dense", (3,), 195, 195),
]
METADATA = {"git_commit": "c0ffee", "opset": 17, "recipe": "smoke", "training_run_id": "0f0f"}
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)
LABELS = np.array([0, 1, 1, 2], np.uint8)
CHECKS = [
    VariantCheck(
        "int8",
        published=True,
        reason="published: good",
        validation_accuracy=0.9,
        size_ratio=0.256,
        speed_ratios={"32": 1.5, "256": 0.75},
        kernels=KernelAgreement(images=4, max_abs_diff=0.0123, same_class=0.75, widest_change=0.01),
    ),
    VariantCheck("fp16", published=False, reason="not evaluated: no GPU"),
]
RIGHT = np.arange(4)[:, np.newaxis] < [3, 3, 2, 1]  # untouched, and more and more blurred
ROBUSTNESS = summarize(RIGHT[:, 0], {"blur": dict(zip(("0.5", "1", "2"), RIGHT.T[1:], strict=True))})


# Three of four images are right: accuracy 0.75.
FP32 = FileResult(
    **vars(measure(PROBABILITIES, LABELS)),
    file="model.onnx",
    model_sha256=DIGEST,
    metadata=METADATA,
    provider="CPUExecutionProvider",
    providers_asked=("CUDAExecutionProvider", "CPUExecutionProvider"),
    provider_options={},
    threads=2,
    expected_calibration_error=measure_calibration(PROBABILITIES, LABELS).expected_calibration_error,
    latency_ms={"1": {"p50": 1.25, "p95": 2.5, "p99": 3.75}},
    throughput_images_per_s={"32": 12345.6, "256": 23456.7},
    parity=PARITY,
)
EVALUATION = Evaluation(
    dataset="made",
    recipe="smoke",
    images=4,
    class_names=("left", "right", "below"),
    training_images=(1, 2, 1),
    variants={"fp32": FP32, "int8": replace(FP32, file="model.int8.onnx", parity={})},
    variant_checks=CHECKS,
    agreement=measure_agreement({"keras": PROBABILITIES, "fp32": PROBABILITIES, "int8": PROBABILITIES[::-1]}),
    robustness=ROBUSTNESS,
)


@pytest.fixture
def write(made_data) -> Callable[..., str]:
    """The report of all that is made here, with some of it replaced."""

    def write(evaluation=EVALUATION, dataset=made_data.dataset, history=HISTORY, preprocessing=PREPROCESSING) -> str:
        return to_markdown(evaluation, dataset, history, DEVICE, preprocessing, LAYERS)

    return write


@pytest.fixture
def text(write) -> str:
    return write()


def test_the_report_opens_with_what_and_how_good(text):
    lines = text.splitlines()
    assert lines[0] == "# Made squares, recipe `smoke`"
    # Wilson's interval of three in four: (0.75 + 1.92/4 ± 1.96·sqrt(0.1875/4 + 0.96/16)) / (1 + 3.84/4).
    assert lines[2].startswith("Test accuracy **0.7500** (95 % interval 0.3006 to 0.9544, loss ")
    assert "on 4 images" in lines[2]
    assert "`model.onnx`" in lines[2]
    assert "CPUExecutionProvider" in lines[2]


def test_no_sign_of_a_title_is_taken_for_markdown(write, made_data):
    dataset = replace(made_data.dataset, title="A*b* <c>")
    assert write(dataset=dataset).startswith("# A\\*b\\* \\<c\\>, recipe")


def test_the_report_has_a_row_for_each_class(text):
    assert "| class | precision | recall | F1 | images |" in text
    assert "| left | 0.5000 | 1.0000 | 0.6667 | 1 |" in text
    assert "| right | 1.0000 | 0.5000 | 0.6667 | 2 |" in text
    assert "| below | 1.0000 | 1.0000 | 1.0000 | 1 |" in text


def test_classes_without_images_have_dashes_and_are_named(write):
    fp32 = replace(FP32, per_class={**FP32.per_class, "1": ClassMetrics(None, None, None, 0)})
    text = write(
        replace(
            EVALUATION,
            class_names=("a|b", "<b>", "*猫*"),
            training_images=(7, 0, 0),
            variants={**EVALUATION.variants, "fp32": fp32},
        )
    )
    assert r"| a\|b | 0.5000 | 1.0000 | 0.6667 | 1 |" in text
    assert r"| \<b\> | – | – | – | 0 |" in text
    assert "Without training images, so the model cannot recognize them: \\<b\\>, \\*猫\\*." in text
    assert "Without test images, so their accuracy is unknown: \\<b\\>." in text
    assert "<td>a|b</td>" in to_html(text, "Made", dict.fromkeys(PICTURES, b""))
    assert "<td>&lt;b&gt;</td>" in to_html(text, "Made", dict.fromkeys(PICTURES, b""))


def test_where_every_class_has_images_none_is_named(text):
    assert "Without training images" not in text
    assert "Without test images" not in text


def test_the_report_says_what_the_training_computed_on(text):
    assert f"## Training\n\nTrained on {DEVICE.in_words()}\n\n| epoch" in text


def test_the_report_has_a_row_for_each_epoch(text):
    assert "| 1 | 1.1111 | 0.7777 | 1.2222 | 0.8888 | 12 s |" in text
    assert "| 2 | 0.5555 | 0.7777 | 0.6111 | 0.8888 | 12 s |" in text


def test_without_validation_images_there_are_dashes_for_their_figures(write):
    text = write(history=[replace(result, validation_loss=None, validation_accuracy=None) for result in HISTORY])
    assert "| 1 | 1.1111 | 0.7777 | – | – | 12 s |" in text
    assert "| 2 | 0.5555 | 0.7777 | – | – | 12 s |" in text
    assert "None" not in text


def test_the_report_has_a_row_for_each_layer_and_their_sum(text):
    _, section = text.split("## Network\n\n")
    sentence, table, *_ = section.split("\n\n")
    assert sentence == "3,587 parameters, 3,459 of them trainable; shapes are those of one image."
    assert table.splitlines() == [
        "| layer | kind | output | parameters |",
        "| --- | --- | --- | --- |",
        "| `image` | InputLayer | 10×12 | 0 |",
        "| `conv` | Convolution | 5×6×64 | 3,136 |",
        "| `norm` | Norm | 5×6×64 | 256 |",
        "| `logits` | Dense | 3 | 195 |",
    ]


def test_the_report_has_the_digests_of_model_and_data(text, made_data):
    assert f"`{DIGEST}`" in text
    for role in ("train_images", "train_labels", "test_images", "test_labels"):
        file = getattr(made_data.dataset.files, role)
        assert f"| `{file.name}` | `{file.sha256}` |" in text


def test_the_report_has_parity_and_providers(text):
    assert "2.50e-07" in text
    assert "1.50e-07" in text
    assert "| same class | 100.00% |" in text
    assert "| providers requested | CUDAExecutionProvider, CPUExecutionProvider |" in text
    assert "| provider used | CPUExecutionProvider |" in text


def test_the_report_says_what_an_answer_is_and_what_the_commit_lacks(text, write):
    assert "| answer | to the image as it is |" in text
    assert "| commit of the training | `c0ffee` |" in text
    metadata = METADATA | {"average_flips": True, "git_dirty": True}
    other = write(replace(EVALUATION, variants={"fp32": replace(FP32, metadata=metadata)}))
    assert "| answer | mean over image and mirror image, not so in training |" in other
    assert "| commit of the training | `c0ffee`, with uncommitted changes |" in other


def test_the_report_has_the_speed(text):
    assert "By onnxruntime's CPUExecutionProvider with 2 threads; times" in text
    assert timed_providers({"fp32": replace(FP32, threads=1)}) == "CPUExecutionProvider with 1 thread"
    assert "| batch size | `fp32` | `int8` |" in text
    assert text.count("p50 1.25 ms, p95 2.50 ms, p99 3.75 ms") == 2
    assert "| 32 images a call | 12,346 images/s | 12,346 images/s |" in text
    assert "| 256 images a call | 23,457 images/s | 23,457 images/s |" in text


def test_times_that_two_providers_took_say_which_took_which(write):
    on_a_gpu = {name: replace(FP32, provider="CUDAExecutionProvider") for name in ("fp32", "fp16")}
    agreement = measure_agreement(dict.fromkeys(("keras", "fp32", "fp16", "int8"), PROBABILITIES))
    variants = {**on_a_gpu, "int8": EVALUATION.variants["int8"]}
    text = write(replace(EVALUATION, variants=variants, agreement=agreement))
    providers = "CUDAExecutionProvider with 2 threads (`fp32`, `fp16`) and CPUExecutionProvider with 2 threads (`int8`)"
    assert f"By onnxruntime's {providers}; times of whole calls" in text


def test_the_report_has_a_row_for_each_variant_published_or_not(text):
    assert "| `fp32` | `model.onnx` | 0.7500 | 0.3006 to 0.9544 | 1 | 1 | – |  |" in text
    worth = "0.26 | 1.50 (batch 32), 0.75 (batch 256) | 75.00%, ≤ 1.2e-02"
    assert f"| `int8` | `model.int8.onnx` | 0.7500 | 0.3006 to 0.9544 | {worth} | published: good |" in text
    # As a record of an earlier version has it, without size, speed and kernels.
    assert "| `fp16` | – | – | – | – | – | – | not evaluated: no GPU |" in text


def test_the_report_has_the_agreement_of_each_two_forms(text):
    assert "|  | `keras` | `fp32` | `int8` |" in text
    assert "| `keras` | 100.00%, ≤ 0.0e+00 | 100.00%, ≤ 0.0e+00 | 0.00%, ≤ 7.0e-01 |" in text


def test_the_report_has_calibration_and_perturbations(text):
    # Confidences 0.8, 0.7, 0.8, 0.8: one bin of three, all right, and one of one, wrong.
    assert "differ by 32.50 points on average (expected calibration error 0.3250, 15 bins)" in text
    assert "4 test images, drawn so that every class has its share" in text
    assert "As they are, 0.7500 (95 % interval 0.3006 to 0.9544) of them are classified correctly" in text
    low, high = ROBUSTNESS.mean_perturbed_interval
    assert f"perturbed, 0.5000 (95 % interval {low:.4f} to {high:.4f}) as a mean" in text
    cells = ("0.5: 0.7500 (0.3006 to 0.9544)", "1: 0.5000 (0.1500 to 0.8500)", "2: 0.2500 (0.0456 to 0.6994)")
    assert f"| blur (pixels, standard deviation) | {' | '.join(cells)} |" in text


def test_the_table_has_as_many_columns_as_a_perturbation_has_strengths(write):
    perturbed = {"blur": {"1": RIGHT[:, 1]}, "shift": {str(pixels): RIGHT[:, 1] for pixels in (1, 2, 4, 8)}}
    text = write(replace(EVALUATION, robustness=summarize(RIGHT[:, 0], perturbed)))
    assert "| perturbation | strength 1 | strength 2 | strength 3 | strength 4 |" in text
    assert "| blur (pixels, standard deviation) | 1: 0.7500 (0.3006 to 0.9544) | – | – | – |" in text


def test_the_report_says_what_each_perturbation_is_and_how_mnist_c_differs(write):
    robustness = summarize(RIGHT[:, 0], {name: {"1": RIGHT[:, 1]} for name in PERTURBATIONS})
    text = write(replace(EVALUATION, robustness=robustness))
    assert "| perturbation | each image is | MNIST-C |" in text
    for name, perturbation in PERTURBATIONS.items():
        assert f"| {name} | {perturbation.change} | {perturbation.others} |" in text


def test_the_report_says_how_to_make_it_again(text):
    _, section = text.split("## Make it again\n\n")
    assert section == (
        "With MLflow's record of the training, all of it:\n\n```\nkedro reproduce 0f0f\n```\n\n"
        "By the commit and the recipe, without parameters and changes that were given beside:\n\n"
        "```\ngit checkout c0ffee\nmake install\n"
        ".venv/bin/kedro run --pipelines training --namespaces made --env smoke\n```\n"
    )


def test_the_commands_of_a_report_take_names_with_spaces_and_no_run_that_is_not_known():
    unknown = replace(FP32, metadata={})
    evaluation = replace(EVALUATION, dataset="a b", variants={**EVALUATION.variants, "fp32": unknown})
    said = reproduction(evaluation)
    assert ".venv/bin/kedro run --pipelines training --namespaces 'a b' --env smoke" in said
    assert "reproduce" not in said


@pytest.mark.parametrize(("method", "words"), [("pad", "padded with zeros"), ("resize", "resized bilinearly")])
def test_the_report_says_how_images_are_prepared(write, method, words):
    text = write(preprocessing=replace(PREPROCESSING, method=method))
    assert f"{words} to 10×12 pixels; then (value − 33.3184) × 0.012700" in text


def test_the_report_shows_the_figures_beside_it(text):
    shown = {line.partition("](")[2].removesuffix(".png)") for line in text.splitlines() if line.startswith("![")}
    assert {f"{name}.png" for name in shown} == set(PICTURES)


def test_tables_are_whole(text):
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 10
    for header, rule, *rows in tables:
        columns = header.count("|")
        assert set(rule) == set("| -")
        assert rows
        assert {row.count("|") for row in [rule, *rows]} == {columns}
