"""A command on this machine as if its processor had AVX2 alone, for figures where no such processor is at hand.

    .venv/bin/python benchmarks/without_avx512.py -- .venv/bin/python benchmarks/training_step.py --rounds 2

TensorFlow's, OpenVINO's and PyTorch's convolutions and products are oneDNN's, which a variable holds to AVX2; what else
PyTorch computes keeps AVX-512. onnxruntime has no such switch: the command gets a copy that is told by the system that
the registers of AVX-512 are not saved, which is how it learns of a system too old for them. Ratios say what
a processor with AVX2 would have; seconds and GFLOP/s are still those of this one. For Linux on x86-64, without AMX.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from mnist_resnet.computing.processor import offered_instruction_sets

SWITCHES = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
# xgetbv tells in the lowest bits of eax whose registers the system saves. Of equal length: mov al, 7; nop, which says
# x87, SSE and AVX.
_ASKED, _ANSWERED = b"\x0f\x01\xd0", b"\xb0\x07\x90"
# AMX' registers have higher bits than those of al, and AVX-VNNI has none of its own.
BEYOND = {"amx_int8", "amx_bf16", "avx_vnni"}


def without_avx512(library: bytes) -> bytes:
    """Machine code that finds no AVX-512, wherever it runs.

    Raises:
        ValueError: If it does not ask the system.
    """
    if _ASKED not in library:
        raise ValueError("the library never asks which registers the system saves (xgetbv); it cannot be held to AVX2")
    return library.replace(_ASKED, _ANSWERED)


def copy_onnxruntime(folder: Path) -> None:
    """Put a copy of this environment's onnxruntime into a folder, for ``PYTHONPATH``."""
    found = find_spec("onnxruntime")
    if found is None or found.origin is None:
        raise SystemExit("onnxruntime is not installed; run this with the project's own Python")
    package = Path(found.origin).parent
    for file in (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        copy = folder / "onnxruntime" / file.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.name.startswith("onnxruntime_pybind11_state"):
            copy.write_bytes(without_avx512(file.read_bytes()))
        else:
            copy.symlink_to(file)


def main() -> None:
    """Run the command, and end as it does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="+", help="with its arguments, after `--`")
    asked = parser.parse_args()
    if found := BEYOND.intersection(offered_instruction_sets()):
        parser.error(f"this processor has {', '.join(sorted(found))}, which onnxruntime cannot be kept from here")
    with tempfile.TemporaryDirectory() as folder:
        copy_onnxruntime(Path(folder))
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        environment = os.environ | SWITCHES | {"PYTHONPATH": path}
        sys.exit(subprocess.run(asked.command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
