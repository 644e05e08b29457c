"""The results of one data set for machines: the contents of ``evaluation.json``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from mnist_resnet.config import EvaluationParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.agreement import Agreement
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.latency import Speed, classify_timed, measure_speed
from mnist_resnet.evaluation.metrics import Metrics, Probabilities, measure
from mnist_resnet.evaluation.parity import DIFFERENCE
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.evaluation.variant_check import VariantChecks
from mnist_resnet.storage.artifacts import sha256_of_bytes

# Metrics of a file by their names among the figures that runs are compared by.
_HEADLINE = {
    "test_accuracy": "accuracy",
    "test_loss": "loss",
    "expected_calibration_error": "expected_calibration_error",
}


@dataclass(frozen=True)
class FileResult(Speed, Metrics):
    """One ONNX file, measured on the test images.

    Attributes:
        file: Its name.
        model_sha256: Its SHA-256.
        metadata: What the file says of itself.
        provider: The onnxruntime provider that ran it.
        providers_asked: In order of preference.
        provider_options: What the provider ran with, in its own words.
        threads: How many threads an operation was spread over.
        expected_calibration_error: In 0 to 1; see ``Calibration``.
        parity: Of fp32, the largest difference between a probability of each exported format and of the trained
            network, as ``<format>_max_abs_diff``, and ``argmax_agreement``, the least share of images with the
            same class, in 0 to 1.
    """

    file: str
    model_sha256: str
    metadata: dict[str, Any]
    provider: str
    providers_asked: tuple[str, ...]
    provider_options: dict[str, str]
    threads: int
    expected_calibration_error: float
    parity: Annotated[dict[str, float], Field(exclude_if=lambda parity: not parity)] = field(default_factory=dict)

    @property
    def differences(self) -> dict[str, float]:
        """Of fp32, by exported format, the largest difference between its probabilities and the trained network's."""
        return {key.removesuffix(DIFFERENCE): value for key, value in self.parity.items() if key.endswith(DIFFERENCE)}

    @property
    def max_abs_diff(self) -> float:
        """The largest of ``differences``."""
        return max(self.differences.values())


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The whole of ``evaluation.json``.

    Attributes:
        schema: The version of this format.
        dataset: The data set's name, as in the configuration.
        recipe: The recipe's name.
        images: How many test images there are.
        class_names: In the order of the labels.
        training_images: How many images of each class were trained on.
        variants: By name, what was measured of each published ONNX file; ``fp32`` first.
        variant_checks: What became of each variant, published or not.
        agreement: Of all forms of the model on the test images.
        robustness: Of the float32 file, on perturbed test images.
    """

    schema: int = 1
    dataset: str
    recipe: str
    images: int
    class_names: tuple[str, ...]
    training_images: tuple[int, ...]
    variants: dict[str, FileResult]
    variant_checks: VariantChecks
    agreement: Agreement
    robustness: Robustness

    @property
    def fp32(self) -> FileResult:
        """What was measured of the float32 file."""
        return self.variants["fp32"]

    def figures(self) -> dict[str, float]:
        """All by which people compare runs: fp32's quality under plain names, all else as ``<group>/<name>``.

        Groups are ``speed``, of fp32, and the variants.
        """
        low, high = self.robustness.mean_perturbed_interval
        perturbed = {"": self.robustness.mean_perturbed, "_low": low, "_high": high}
        figures = _quality(self.fp32) | {f"mean_perturbed_accuracy{end}": value for end, value in perturbed.items()}
        figures |= _grouped("speed", _speed(self.fp32))
        for name in self.variants.keys() - {"fp32"}:
            figures |= _grouped(name, self._figures_of_variant(name))
        return figures

    def _figures_of_variant(self, name: str) -> dict[str, float]:
        """A variant by itself and beside fp32."""
        result, agreement = self.variants[name], self.agreement["fp32"][name]
        figures = _quality(result) | _speed(result) | {"argmax_agreement": agreement.argmax_agreement}
        for check in self.variant_checks:
            if check.name == name and check.size_ratio is not None:
                figures["size_ratio"] = check.size_ratio
        return figures

    def headline(self) -> dict[str, float]:
        """The few figures that provenance keeps: fp32's under plain names, others with theirs in front."""
        figures = {"mean_perturbed_accuracy": self.robustness.mean_perturbed}
        for name, result in self.variants.items():
            prefix = "" if name == "fp32" else f"{name}_"
            figures |= {f"{prefix}{key}": getattr(result, metric) for key, metric in _HEADLINE.items()}
            figures |= {f"{prefix}{key}": speed for key, speed in _speed(result).items()}
        return figures


def _quality(result: FileResult) -> dict[str, float]:
    low, high = result.accuracy_interval
    figures: dict[str, float] = {name: getattr(result, metric) for name, metric in _HEADLINE.items()}
    return figures | {"test_accuracy_low": low, "test_accuracy_high": high}


def _speed(result: FileResult) -> dict[str, float]:
    times = {f"{rank}_batch_1_ms": ms for rank, ms in result.latency_ms.get("1", {}).items()}
    return times | {f"images_per_s_batch_{size}": speed for size, speed in result.throughput_images_per_s.items()}


def _grouped(group: str, figures: Mapping[str, float]) -> dict[str, float]:
    return {f"{group}/{name}": value for name, value in figures.items()}


def evaluate_file(
    file: str,
    content: bytes,
    images: UInt8Array,
    labels: UInt8Array,
    parameters: EvaluationParameters,
    parity: dict[str, float] | None = None,
) -> tuple[Probabilities, FileResult]:
    """Classify the test images by an ONNX file, and measure how well and how fast it does.

    Args:
        file: Its name, for the result.
        content: The file's content.
        images: uint8 (images, height, width).
        labels: uint8 (images,).
        parameters: Providers, batch sizes and numbers of calls.
        parity: See ``FileResult``.

    Returns:
        float32 (images, classes), and what was measured.

    Raises:
        ProviderError: If no provider that was asked for can be had.
    """
    session = open_session(content, parameters.providers, parameters.require_gpu, parameters.cuda)
    probabilities, seconds = classify_timed(session, images, parameters.batch_size)
    timed = {parameters.batch_size: seconds}
    result = FileResult(
        **vars(measure(probabilities, labels)),
        **vars(measure_speed(session, images, parameters.latency, timed)),
        file=file,
        model_sha256=sha256_of_bytes(content),
        metadata=session.metadata,
        provider=session.provider,
        providers_asked=session.providers_asked,
        provider_options=session.provider_options,
        threads=session.threads,
        expected_calibration_error=measure_calibration(probabilities, labels).expected_calibration_error,
        parity=parity or {},
    )
    return probabilities, result
