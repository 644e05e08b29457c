"""The tables of `training.py`: speeds, ratios, share of the machine's peak, and targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from side_by_side import Contestant, Results, median_and_spread, spread, verdict

OURS, OURS_FLOAT32, TUTORIALS = "ours, `precision: auto`", "ours, float32", "the tutorials' way, float32"
PYTORCH_FLOAT32 = ("PyTorch, float32, default layout", "PyTorch, float32, channels_last")
PYTORCH_BFLOAT16 = "PyTorch, bfloat16, channels_last"
COMPILED_FLOAT32, COMPILED_BFLOAT16 = "PyTorch compiled, float32", "PyTorch compiled, bfloat16"

# Of the one first named against the fastest of the others.
TARGETS = (
    (OURS, 1.5, (TUTORIALS,)),
    (OURS, 1.2, PYTORCH_FLOAT32),
    (OURS, 1.0, (PYTORCH_BFLOAT16,)),
    (OURS_FLOAT32, 1.3, (COMPILED_FLOAT32,)),
    (OURS, 1.3, (COMPILED_BFLOAT16,)),
)

# Forward and backward pass at 32 by 32 pixels, multiplications with padding included.
GFLOP_PER_IMAGE = 0.2125


@dataclass(frozen=True)
class Measurement:
    """One process: speed over its whole second epoch, and seconds from its start to the end of the first."""

    images_per_second: float
    seconds_to_first_epoch: float
    precision: str

    def in_words(self) -> str:
        """All figures in one line."""
        return f"{self.images_per_second:.0f} images/s, first epoch after {self.seconds_to_first_epoch:.1f} s"


@dataclass(frozen=True)
class TrainingResults(Results[Measurement]):
    """Measurements, and GFLOP/s of matrix products by precision, round by round."""

    products: list[dict[str, float]] = field(default_factory=list)

    def peaks(self, precision: str) -> list[float]:
        """GFLOP/s of the matrix products of that width; none where the processor cannot do them."""
        kind = "float32" if precision == "float32" else "bfloat16"
        return [products[kind] for products in self.products if kind in products]


def row(contestant: Contestant, batch_size: int, results: TrainingResults) -> str:
    """A contestant's line of the table."""
    if obstacle := results.obstacle(batch_size, contestant):
        return f"| {contestant.name} | not measured: {obstacle} | | | | |"
    measured, speeds = results.measurements[batch_size, contestant.name], results.speeds(batch_size, contestant.name)
    ratios, precision = results.ratios(batch_size, OURS, contestant.name), measured[0].precision
    first_epoch = median(each.seconds_to_first_epoch for each in measured)
    peaks = results.peaks(precision)
    share = f"{median(speeds) * GFLOP_PER_IMAGE / median(peaks):.0%}" if peaks else "–"
    return (
        f"| {contestant.name} | {median(speeds):,.0f} | {spread(speeds, 0)} | {first_epoch:.1f} s | "
        f"{median_and_spread(ratios)} | {share} of {precision.removeprefix('mixed_')} |"
    )


def against_fastest(name: str, target: float, rivals: Sequence[str], batch_size: int, results: TrainingResults) -> str:
    """Whether one is ``target`` times as fast as the fastest of the rivals."""
    measured = [rival for rival in rivals if results.speeds(batch_size, rival)]
    fastest = max(measured, key=lambda rival: median(results.speeds(batch_size, rival)), default=rivals[0])
    return verdict(f"{fastest}, by {name}", target, results.ratios(batch_size, name, fastest))


def report(everyone: Sequence[Contestant], batch_sizes: Sequence[int], results: TrainingResults) -> None:
    """Print the peaks, and for each batch size a table and the targets."""
    for precision in ("float32", "bfloat16"):
        if values := results.peaks(precision):
            print(f"3072³ matrix product, {precision}: {median(values):,.0f} GFLOP/s ({spread(values, 0)})  ")
    for batch_size in batch_sizes:
        print(f"\n### Batch size {batch_size}\n")
        print("| what | images/s | least–most | end of epoch 1 | ours (auto) to this | share of matrix product |")
        print("| --- | --- | --- | --- | --- | --- |")
        print("\n".join(row(contestant, batch_size, results) for contestant in everyone))
        print("\nTargets:\n")
        print("\n".join(against_fastest(*target, batch_size, results) for target in TARGETS))
