"""Training on a GPU: is it right, how fast is it, and what does it spend its time on? One command, at most 9 minutes.

    python benchmarks/gpu_wheels.py wheels      # where there is a package index
    python benchmarks/gpu.py --wheels wheels    # on the GPU's machine, which has jax and, to compare with, torch

Each stage is a process of its own. What it answered is in OUTPUT/gpu.json before the next one starts, so that a run
that is cut off still says something. A stage for which no time is left is named there as not run. Where a GPU is
missing, all of it runs on the CPU, with `--tiny` in a minute or two, and says so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
POINTS = ("96x256", "96x512", "96x1024", "32x64", "32x256")
CHECKS = ("augmentation", "chunks", "fed_and_resident", "planted_nan", "resume", "cpu_reference", "repeats")
_LONGEST_CHECK, _LONGEST_CONTESTANT = 180.0, 150.0


@dataclass(frozen=True)
class Stage:
    """A process that answers in lines of JSON.

    Attributes:
        name: Of the stage in the answers.
        command: The script in this folder, and its arguments.
        longest: The seconds after which it is stopped; what it has answered by then counts.
    """

    name: str
    command: tuple[str, ...]
    longest: float


@dataclass
class Answers:
    """What the stages answered, on disk after each line."""

    path: Path
    stages: dict[str, Any] = field(default_factory=dict)

    def add(self, stage: str, answers: Sequence[Any], ended: str) -> None:
        """Keep what a stage has answered so far, and how it ended."""
        self.stages[stage] = {"answers": list(answers), "ended": ended}
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(self.stages, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self.path)


def stages(tiny: bool, points: Sequence[str] = POINTS) -> list[Stage]:
    """All stages; those that matter most come first."""
    architecture = ("--architecture", "resnet_tiny") if tiny else ()
    points = ("32x16",) if tiny else points
    epochs = ("--steps", "2", "--epochs", "1") if tiny else ()
    longest = _LONGEST_CHECK * (2 if tiny else 1)  # that is for a CPU, which others may be using, too
    checks = [Stage(check, ("gpu_correctness.py", check, *architecture), longest) for check in CHECKS]
    ours, pytorch = ("gpu_speed.py", *epochs, *architecture, "--points"), ("gpu_pytorch.py", *epochs, "--points")
    contestants = {
        "ours": (*ours, *points),
        "pytorch_compiled": (*pytorch, *points, "--compile"),
        "ours_deterministic": (*ours, *points, "--deterministic"),
        "pytorch_eager": (*pytorch, *points),
        "ours_kernels": (*ours, points[0], "--kernels"),
        "pytorch_kernels": (*pytorch, points[0], "--compile", "--kernels"),
    }
    return checks + [Stage(name, command, _LONGEST_CONTESTANT) for name, command in contestants.items()]


def run(stage: Stage, environment: dict[str, str], seconds: float, answers: Answers) -> None:
    """Let a stage answer for so many seconds."""
    told: list[Any] = []
    answers.add(stage.name, told, "running")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        command = [sys.executable, str(FOLDER / stage.command[0]), *stage.command[1:]]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8")
        for line in _lines(process, seconds):
            told.append(json.loads(line))
            answers.add(stage.name, told, "running")
            print(f"{stage.name}: {line.strip()[:300]}", flush=True)
        errors.seek(0)
        said = errors.read().strip().splitlines()[-1:]
    ended = {0: "whole", -9: f"stopped after {seconds:.0f} s"}
    answers.add(stage.name, told, ended.get(process.returncode, f"failed: {' '.join(said)[:500]}"))
    print(f"{stage.name}: {answers.stages[stage.name]['ended']}", flush=True)


def _lines(process: subprocess.Popen[str], seconds: float) -> Iterator[str]:
    """The lines of JSON that a process prints, until it ends or is stopped."""
    stop = threading.Timer(seconds, process.kill)
    stop.start()
    assert process.stdout is not None
    try:
        yield from (line for line in process.stdout if line.startswith("{"))
        process.wait()
    finally:
        stop.cancel()


def environment(wheels: Path | None, unpacked: Path) -> dict[str, str]:
    """That of every stage: this project's source and the carried packages can be imported, and Keras runs on JAX."""
    for wheel in sorted(wheels.glob("*.whl")) if wheels else ():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
    paths = [str(FOLDER.parent / "src"), *([str(unpacked)] if wheels else []), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "KERAS_BACKEND": "jax"}


def table(answers: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: images a second by point and contestant, and against PyTorch compiled."""
    speeds: dict[str, dict[str, float]] = {}
    for contestant, stage in answers.items():
        for each in stage["answers"]:
            if "images_per_second" in each:
                middle = sorted(each["images_per_second"])[len(each["images_per_second"]) // 2]
                speeds.setdefault(f"{each['size']}×{each['size']}, {each['batch_size']}", {})[contestant] = middle
    contestants = [name for name in answers if any(name in point for point in speeds.values())]
    yield "| images, batch | " + " | ".join(name.replace("_", " ") for name in contestants) + " | ours / compiled |"
    yield "|---" * (len(contestants) + 2) + "|"
    for point, measured in speeds.items():
        ratio = measured.get("ours", 0) / measured["pytorch_compiled"] if "pytorch_compiled" in measured else None
        cells = [f"{measured[name]:,.0f}" if name in measured else "–" for name in contestants]
        yield f"| {point} | " + " | ".join(cells) + f" | {f'{ratio:.2f}' if ratio else '–'} |"


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("build/gpu"), help="default: build/gpu")
    parser.add_argument("--wheels", type=Path, help="folder of the packages that this machine lacks; see gpu_wheels.py")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything (default: 9)")
    parser.add_argument("--stages", nargs="+", help="only these")
    parser.add_argument("--points", nargs="+", default=POINTS, help="sizes of images x batch sizes, such as 96x256")
    parser.add_argument("--tiny", action="store_true", help="a small network and few images, to try the script itself")
    return parser.parse_args()


def main() -> int:
    """Run all stages; 1 if a check has not passed."""
    asked = arguments()
    deadline = time.monotonic() + 60 * asked.minutes
    asked.output.mkdir(parents=True, exist_ok=True)
    answers = Answers(asked.output / "gpu.json")
    with tempfile.TemporaryDirectory() as unpacked:
        variables = environment(asked.wheels, Path(unpacked))
        for stage in stages(asked.tiny, asked.points):
            if asked.stages and stage.name not in asked.stages:
                continue
            left = deadline - time.monotonic()
            if left < 5:
                answers.add(stage.name, [], "not run: no time left")
            else:
                run(stage, variables, min(stage.longest, left), answers)
    print("\n".join(table(answers.stages)))
    asked_checks = [stage for name, stage in answers.stages.items() if name in CHECKS]
    passed = [stage for stage in asked_checks if any(each.get("passed") for each in stage["answers"])]
    print(f"{len(passed)} of {len(asked_checks)} checks passed; all answers: {answers.path}")
    return int(len(passed) < len(asked_checks))


if __name__ == "__main__":
    sys.exit(main())
