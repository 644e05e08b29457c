"""onnxruntime's CUDA provider on this machine: where nodes run, CUDA graphs, speed, agreement and equal bits.

    python benchmarks/gpu_onnxruntime.py data/06_models/mnist/model.onnx data/06_models/mnist/variants/model.fp16.onnx
    python benchmarks/gpu_onnxruntime.py --size 96

It needs numpy and onnxruntime-gpu; without files it makes a ResNet-18 of random weights, its fp16 and its int8, for
which it needs onnx. The first file is the one that others are compared with. Images are noise unless --images names a
.npy file. What was found is written as JSON after each stage, so that a run that is cut still says something; stages
that there was no time for are listed under "left_out". With the default limits it ends within 9 minutes. On a CPU
(--provider CPUExecutionProvider) it shows that it runs.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from made_resnet import made_resnet, to_fp16, to_int8
from onnxruntime_measures import CPU, CUDA, Settings, agree, answers, compare_graphs, digest, place_nodes, speed

SEARCHES = ("exhaustive", "heuristic", "default")
PATIENCE = 60  # seconds for a process that answers


class Found:
    """What was found so far, on disk after each stage; nothing begins after the deadline.

    Args:
        path: The JSON file.
        limit: In seconds from now.
    """

    def __init__(self, path: Path, limit: float) -> None:
        self._path, self._end = path, time.monotonic() + limit
        self._stages: dict[str, Any] = {"left_out": []}

    def stage(self, name: str, measure: Callable[[], Any]) -> None:
        """Add a measurement, or why it failed."""
        if time.monotonic() > self._end:
            self._stages["left_out"].append(name)
        else:
            try:
                self._stages[name] = measure()
            except Exception as error:  # noqa: BLE001  # of whatever kind, the next stage may do better
                self._stages[name] = {"failed": " ".join(f"{type(error).__name__}: {error}".split())[:600]}
        self._path.write_text(json.dumps(self._stages, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {json.dumps(self._stages.get(name, 'left out'))}", flush=True)


def describe_machine(provider: str) -> dict[str, Any]:
    """Versions, and what NVIDIA's tool says of the GPU."""
    asked = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader"]
    try:
        gpu = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        gpu = ""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "onnxruntime": onnxruntime.__version__}
    return {"gpu": gpu, "provider": provider, "cores": os.cpu_count(), "built_in": available(), **versions}


def available() -> list[str]:
    """The providers of this onnxruntime."""
    return list(onnxruntime.get_available_providers())


def repeat(file: Path, settings: Settings, images: Path, batch: int, processes: int) -> dict[str, Any]:
    """The digests of the answers of several processes, each with two sessions: one digest means equal bits."""
    command = [sys.executable, __file__, str(file), "--provider", settings.provider, "--images", str(images)]
    command += ["--answer", settings.search, str(int(settings.deterministic)), str(batch)]
    found: Counter[str] = Counter()
    for _ in range(processes):
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        if ended.returncode:
            raise RuntimeError(ended.stderr[-500:])
        found.update(ended.stdout.split())
    return {"processes": processes, "sessions": 2 * processes, "digests": dict(found), "equal": len(found) == 1}


def answer(asked: argparse.Namespace) -> None:
    """Two digests of one file's answers, for ``repeat``."""
    search, deterministic, batch = asked.answer
    settings = Settings(asked.provider, search, deterministic == "1")
    content, images = asked.files[0].read_bytes(), np.load(asked.images)
    for _ in range(2):
        print(digest(answers(content, settings, images, int(batch))))


def measure(asked: argparse.Namespace, files: dict[str, Path], images: np.ndarray, folder: Path) -> None:
    """All stages, the most telling first."""
    found, contents = Found(asked.output, asked.limit), {name: path.read_bytes() for name, path in files.items()}
    settings, sizes, batch = Settings(asked.provider), asked.batch_sizes, min(64, len(images))
    found.stage("machine", lambda: describe_machine(asked.provider))
    for name, content in contents.items():
        found.stage(f"nodes, {name}", lambda content=content: place_nodes(content, settings, images, folder))
    for name, content in contents.items():
        found.stage(f"graph, {name}", lambda content=content: compare_graphs(content, settings, images[:batch]))
    on_cpu = answers(next(iter(contents.values())), Settings(CPU), images, batch)
    for (name, content), tf32 in itertools.product(contents.items(), (False, True)):
        run = Settings(asked.provider, tf32=tf32)
        found.stage(
            f"agreement with the first on the CPU, {name}, tf32 {tf32}",
            lambda content=content, run=run: agree(on_cpu, answers(content, run, images, batch)),
        )
    for (name, content), graphs in itertools.product(contents.items(), (False, True)):
        run = Settings(asked.provider, graphs=graphs, tf32=True)
        found.stage(
            f"speed, {name}, graphs {graphs}",
            lambda content=content, run=run: speed(content, run, images, sizes, asked.seconds),
        )
    stored = folder / "images.npy"
    np.save(stored, images)
    for (name, path), search, fixed in itertools.product(files.items(), SEARCHES, (True, False)):
        run = Settings(asked.provider, search, fixed)
        found.stage(
            f"repeats, {name}, {search}, deterministic {fixed}",
            lambda path=path, run=run: repeat(path, run, stored, batch, asked.processes),
        )


def made_files(size: int, blocks: int, folder: Path) -> dict[str, Path]:
    """A network of random weights, and what becomes of it in fewer bits."""
    makers = {"fp32": lambda: fp32, "fp16": lambda: to_fp16(fp32), "int8": lambda: to_int8(fp32, folder)}
    fp32, files = made_resnet(size, blocks), {}
    for name, make in makers.items():
        files[name] = folder / f"made.{name}.onnx"
        files[name].write_bytes(make())
    return files


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", help="ONNX files; none: a network of random weights")
    parser.add_argument("--provider", default=CUDA)
    parser.add_argument("--images", type=Path, help="a .npy file, uint8 (images, height, width)")
    parser.add_argument("--count", type=int, default=1024, help="images of noise, without --images")
    parser.add_argument("--size", type=int, default=96, help="pixels of the made network's images")
    parser.add_argument("--blocks", type=int, default=2, help="of the made network, in each of four stages")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32, 256, 1024])
    parser.add_argument("--seconds", type=float, default=2, help="of timed calls, for each file and batch size")
    parser.add_argument("--processes", type=int, default=3, help="for equal bits")
    parser.add_argument("--limit", type=float, default=480, help="seconds after which no stage begins")
    parser.add_argument("--output", type=Path, default=Path("gpu_onnxruntime.json"))
    parser.add_argument("--answer", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Write the JSON file, and print each stage."""
    asked = arguments()
    if asked.provider == CUDA:
        onnxruntime.preload_dlls()
    if asked.answer:
        answer(asked)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {path.name: path for path in asked.files} or made_files(asked.size, asked.blocks, folder)
        content = next(iter(files.values())).read_bytes()
        shape = Settings(CPU).open(content).get_inputs()[0].shape[1:]
        noise = np.random.default_rng(0).integers(0, 256, (asked.count, *shape), dtype=np.uint8)
        measure(asked, files, np.load(asked.images) if asked.images else noise, folder)


if __name__ == "__main__":
    main()
