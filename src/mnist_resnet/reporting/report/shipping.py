"""The report's sections on the exported files."""

from collections.abc import Mapping

from mnist_resnet.evaluation.agreement import Agreement
from mnist_resnet.evaluation.results import Evaluation, FileResult
from mnist_resnet.evaluation.variant_check import VariantCheck
from mnist_resnet.reporting.report.markdown import interval, table


def shipped_table(fp32: FileResult) -> str:
    """The float32 file, how it was run, and how closely each exported format agrees with the trained network."""
    flips = fp32.metadata.get("average_flips")
    changed = ", with uncommitted changes" if fp32.metadata.get("git_dirty") else ""
    rows = [
        ["ONNX file", f"`{fp32.file}`"],
        ["SHA-256", f"`{fp32.model_sha256}`"],
        ["operator set", str(fp32.metadata.get("opset", "–"))],
        ["answer", "to the image as it is" if not flips else "mean over image and mirror image, not so in training"],
        ["commit of the training", f"`{fp32.metadata.get('git_commit') or '–'}`{changed}"],
        ["MLflow run of the training", f"`{fp32.metadata.get('training_run_id') or '–'}`"],
        ["providers requested", ", ".join(fp32.providers_asked)],
        ["provider used", fp32.provider],
        ["its settings", ", ".join(f"{key}={value}" for key, value in fp32.provider_options.items()) or "none"],
        *(
            [f"`{name}` against Keras, largest difference of a probability", f"{difference:.2e}"]
            for name, difference in fp32.differences.items()
        ),
        ["same class", f"{fp32.parity['argmax_agreement']:.2%}"],
    ]
    return table(["what", "value"], rows)


def variant_table(evaluation: Evaluation) -> str:
    """Accuracy, size and speed of each published file, and why each other variant was not published."""
    rows = [["`fp32`", *_accuracy(evaluation.fp32), "1", "1", "–", ""]]
    for check in evaluation.variant_checks:
        result = evaluation.variants.get(check.name)
        rows.append([f"`{check.name}`", *(_accuracy(result) if result else "–––"), *_worth(check), check.reason])
    worth = ("size, relative to fp32", "images/s, relative to fp32", "without its integer kernels")
    return table(["variant", "file", "test accuracy", "95 % interval", *worth, "why"], rows)


def _accuracy(result: FileResult) -> list[str]:
    return [f"`{result.file}`", f"{result.accuracy:.4f}", interval(result.accuracy_interval)]


def _worth(check: VariantCheck) -> list[str]:
    """Size and speed in multiples of float32's, and the agreement of kernels; dashes for what was not measured."""
    speeds = ", ".join(f"{ratio:.2f} (batch {size})" for size, ratio in check.speed_ratios.items())
    kernels = f"{check.kernels.same_class:.2%}, ≤ {check.kernels.max_abs_diff:.1e}" if check.kernels else "–"
    return ["–" if check.size_ratio is None else f"{check.size_ratio:.2f}", speeds or "–", kernels]


def agreement_table(agreement: Agreement) -> str:
    """Share of the test images with the same class, and the largest difference of a probability."""
    rows = [
        [f"`{one}`", *(f"{pair.argmax_agreement:.2%}, ≤ {pair.max_abs_diff:.1e}" for pair in others.values())]
        for one, others in agreement.items()
    ]
    return table(["", *(f"`{name}`" for name in agreement)], rows)


def timed_providers(results: Mapping[str, FileResult]) -> str:
    """The providers that ran the published files, with the files if there are several."""
    run_by: dict[str, list[str]] = {}
    for name, result in results.items():
        threads = "1 thread" if result.threads == 1 else f"{result.threads} threads"
        run_by.setdefault(f"{result.provider} with {threads}", []).append(f"`{name}`")
    each = [f"{provider} ({', '.join(names)})" for provider, names in run_by.items()]
    return next(iter(run_by)) if len(run_by) == 1 else " and ".join(each)


def speed_table(results: Mapping[str, FileResult]) -> str:
    """Latency and throughput of each published file."""
    rows: dict[str, list[str]] = {}
    for result in results.values():
        for size, times in result.latency_ms.items():
            rows.setdefault(size, []).append(", ".join(f"{rank} {ms:.2f} ms" for rank, ms in times.items()))
        for size, speed in result.throughput_images_per_s.items():
            rows.setdefault(f"{size} images a call", []).append(f"{speed:,.0f} images/s")
    return table(["batch size", *(f"`{name}`" for name in results)], [[size, *cells] for size, cells in rows.items()])
