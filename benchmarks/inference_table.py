"""The tables of `inference.py`: speeds, ratios, agreement with ours, and targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from side_by_side import Contestant, Results, median_and_spread, spread, verdict

OURS, GEMM, INT8 = "ours, fp32", "ours, gemm", "ours, int8"
OPENVINO_FLOAT32, OPENVINO_BFLOAT16 = "OpenVINO, float32", "OpenVINO, bfloat16 hint"

# Who is held against whom: at least so many times as fast, by batch size.
TARGETS = (
    (OURS, OPENVINO_FLOAT32, {1: 1.0, 32: 1.0, 256: 1.0}),
    (GEMM, OPENVINO_FLOAT32, {32: 1.0, 256: 1.0}),  # the same function, meant for many images in a call
    (INT8, OURS, {1: 1.25, 32: 1.4, 256: 1.4}),
)
AIMS = ((INT8, OPENVINO_BFLOAT16, {1: 1.0, 32: 1.0, 256: 1.0}),)


@dataclass(frozen=True)
class Measurement:
    """One process: speed at its median call, timed calls, the class of each image, and its settings.

    A contestant with weights of its own gives no classes.
    """

    images_per_second: float
    calls: int
    classes: Sequence[int]
    how: str

    def in_words(self) -> str:
        """All figures in one line."""
        return f"{self.images_per_second:.0f} images/s at the median of {self.calls} calls; {self.how}"


def agreement(name: str, batch_size: int, results: Results[Measurement]) -> str:
    """How many images of the batch are given the class that ours in fp32 gives them."""
    if (batch_size, OURS) not in results.measurements:
        return "–"
    classes, ours = (results.measurements[batch_size, each][0].classes for each in (name, OURS))
    if not classes:
        return "–"
    return f"{sum(one == other for one, other in zip(classes, ours, strict=True))} of {batch_size}"


def row(contestant: Contestant, batch_size: int, results: Results[Measurement]) -> str:
    """A contestant's line of the table."""
    name = contestant.name
    if obstacle := results.obstacle(batch_size, contestant):
        return f"| {name} | not measured: {obstacle} | | | | |"
    speeds, ratios = results.speeds(batch_size, name), results.ratios(batch_size, name, OURS)
    settings = " or ".join(sorted({each.how for each in results.measurements[batch_size, name]}))
    return (
        f"| {name} | {median(speeds):,.0f} | {spread(speeds, 0)} | {median_and_spread(ratios)} | "
        f"{agreement(name, batch_size, results)} | {settings} |"
    )


def held_against(batch_size: int, results: Results[Measurement]) -> list[str]:
    """A line for each target and each aim at this batch size."""
    lines = []
    for kind, demands in (("target", TARGETS), ("aim", AIMS)):
        for name, rival, factors in demands:
            if batch_size in factors:
                ratios = results.ratios(batch_size, name, rival)
                lines.append(verdict(f"{rival}, by {name} ({kind})", factors[batch_size], ratios))
    return lines


def report(everyone: Sequence[Contestant], batch_sizes: Sequence[int], results: Results[Measurement]) -> None:
    """Print for each batch size a table and the targets."""
    for batch_size in batch_sizes:
        print(f"\n### Batch size {batch_size}\n")
        print(f"| what | images/s | least–most | this to {OURS} | same class as {OURS} | settings |")
        print("| --- | --- | --- | --- | --- | --- |")
        print("\n".join(row(contestant, batch_size, results) for contestant in everyone))
        if lines := held_against(batch_size, results):
            print("\nTargets:\n")
            print("\n".join(lines))
