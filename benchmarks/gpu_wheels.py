"""The packages that training by JAX needs beside jax and numpy, fetched for a machine that has no package index.

    python benchmarks/gpu_wheels.py wheels --python-version 3.12

Versions and digests are those of requirements-gpu.lock. Together they have less than 60 MiB.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements-gpu.lock"
PACKAGES = (
    *("absl-py", "annotated-types", "h5py", "keras", "markdown-it-py", "mdurl", "namex", "optree", "pydantic"),
    *("pydantic-core", "pygments", "pyyaml", "rich", "typing-extensions", "typing-inspection", "packaging"),
)


def locked(packages: tuple[str, ...]) -> str:
    """The lines of the lock for some packages, with their digests."""
    entries = re.split(r"^(?=\S)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {entry.split("==")[0]: entry for entry in entries if "==" in entry}
    if missing := [name for name in packages if name not in found]:
        raise LookupError(f"{LOCK.name} has no {', '.join(missing)}")
    return "".join(found[name] for name in packages)


def main() -> None:
    """Fetch them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the wheels go")
    parser.add_argument("--python-version", default="3.12", help="that of the machine with the GPU (default: 3.12)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(locked(PACKAGES), encoding="utf-8")
        platforms = [option for level in ("28", "17") for option in ("--platform", f"manylinux_2_{level}_x86_64")]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += [*platforms, "--platform", "manylinux2014_x86_64", "--python-version", asked.python_version]
        command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(asked.folder)]
        subprocess.run(command, check=True)
    size = sum(wheel.stat().st_size for wheel in asked.folder.glob("*.whl"))
    print(f"{len(PACKAGES)} wheels, {size / 2**20:.1f} MiB, in {asked.folder}")


if __name__ == "__main__":
    main()
