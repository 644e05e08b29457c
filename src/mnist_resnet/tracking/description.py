"""Descriptions of runs and of registered models for MLflow's pages, in Markdown."""

from collections.abc import Mapping
from typing import Any

from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.reporting.report.markdown import interval

# The tag that MLflow shows as a run's description.
DESCRIPTION_TAG = "mlflow.note.content"


def describe_model(evaluation: Evaluation) -> str:
    """One paragraph on an evaluated model.

    Args:
        evaluation: All that was measured.
    """
    fp32, robustness = evaluation.fp32, evaluation.robustness
    variants = [f"{name}: {result.accuracy:.4f}" for name, result in evaluation.variants.items() if result is not fp32]
    return (
        f"Test accuracy **{fp32.accuracy:.4f}** (95 % interval {interval(fp32.accuracy_interval)}) on "
        f"{evaluation.images:,} images, {robustness.mean_perturbed:.4f} on perturbed ones, measured on `{fp32.file}` "
        f"(SHA-256 `{fp32.model_sha256[:12]}`) by onnxruntime's {fp32.provider}."
        + (f" Variants: {', '.join(variants)}." if variants else "")
    )


def describe_release(release: Mapping[str, Any]) -> str:
    """One sentence on what became of a registered model.

    Args:
        release: The content of ``release.json``; ``version``, ``champion`` and ``reason`` are used.
    """
    standing = "champion" if release["champion"] else "candidate"
    return f"Version {release['version']} in the registry, **{standing}**: {release['reason']}."


def describe_run(sections: Mapping[str, str], tags: Mapping[str, str], failure: str | None) -> str:
    """The description of a run: what each data set came to, what was typed, and how to make it again.

    Args:
        sections: By data set, what is known of it.
        tags: The run's own; ``command``, ``git_commit`` and ``git_dirty`` are used.
        failure: Why it ended early, in one line; None if it did not.
    """
    changed = " with uncommitted changes" if tags.get("git_dirty") == "true" else ""
    commit = f" at commit `{tags['git_commit'][:12]}`{changed}" if "git_commit" in tags else ""
    again = " `kedro reproduce` with this run's ID makes it again." if commit and failure is None else ""
    paragraphs = [f"**{name}**: {text}" for name, text in sections.items()]
    if failure is not None:
        paragraphs.append(f"It ended early: {failure}")
    return "\n\n".join([*paragraphs, f"Made by `{tags['command']}`{commit}.{again}"])
