"""The machine and the software that a run is computed by."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.computing.processor import (
    ONEDNN_LIMIT,
    asked_threads,
    is_higher,
    offered_instruction_sets,
    onednn_level,
    usable_cores,
)
from mnist_resnet.storage.artifacts import sha256_of_path

LOCK_FILES = ("requirements.lock", "requirements-gpu.lock")
_TIMEOUT_SECONDS = 15
# What these decide is how numbers are computed; nothing else of the environment is recorded, since it may be secret.
_VARIABLES = frozenset({"KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "PYTHONHASHSEED", "NVIDIA_TF32_OVERRIDE"})
_PREFIXES = ("TF_", "XLA_", "ONEDNN_", "DNNL_", "OMP_", "MKL_", "OPENBLAS_", "CUDNN_", "CUBLAS_", "JAX_")
# What TensorFlow prints, and Terraform's variables, which begin as TensorFlow's do.
_WITHOUT_INFLUENCE = ("TF_CPP_", "TF_VAR_", "TF_CLI_", "TF_PLUGIN_")
_SECRET_SIGNS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


@dataclass(frozen=True)
class Gpu:
    """A graphics processor by its name, and the version of its driver."""

    name: str
    driver: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine that computes a run, and its software.

    Attributes:
        python: Python's version and implementation.
        platform: Operating system, kernel and architecture.
        processor: The processor's model.
        instruction_sets: Of the processor, those by which the libraries choose their code; none where it does not tell
            them. Older records do not have them, which is None.
        cores: Logical processors of the machine.
        usable_cores: Those that this process may use.
        gpus: Of this machine, in the driver's order; none if there is no driver.
        lock_files: SHA-256 of each lock file of the project, by name.
        packages: Versions of all installed distributions, by lower-case name.
        variables: Those environment variables that decide threads, determinism and the backend.
    """

    python: str
    platform: str
    processor: str
    instruction_sets: tuple[str, ...] | None = None
    cores: int
    usable_cores: int
    gpus: tuple[Gpu, ...]
    lock_files: dict[str, str]
    packages: dict[str, str]
    variables: dict[str, str]

    def by_kind(self) -> dict[str, dict[str, Any]]:
        """All values with their names, by the kinds of differences; of what has no name, the kind itself."""
        instruction_sets = "not recorded" if self.instruction_sets is None else " ".join(self.instruction_sets)
        return {
            "lock file": self.lock_files,
            "package": self.packages,
            "Python": {"Python": self.python},
            "platform": {"platform": self.platform},
            "processor": {"processor": self.processor},
            "instruction sets": {"instruction sets": instruction_sets or "unknown"},
            "threads": {"usable_cores": self.usable_cores, "cores": self.cores},
            "GPU": {"GPU": ", ".join(gpu.name for gpu in self.gpus) or "none"},
            "driver": {"driver": ", ".join(gpu.driver for gpu in self.gpus) or "none"},
            "variable": self.variables,
        }

    def with_versions(self, names: Mapping[str, str]) -> dict[str, str]:
        """Names of packages, each followed by its version if it is installed.

        Args:
            names: By whatever uses them.
        """
        return {user: f"{name} {self.packages.get(name, '')}".strip() for user, name in names.items()}

    @property
    def uses_tensorflow(self) -> bool:
        """Whether Keras runs on TensorFlow."""
        return self.variables.get(BACKEND_VARIABLE) in {None, "", "tensorflow"}

    @property
    def threads(self) -> int:
        """The threads over which TensorFlow spreads one operation, which decide the order of its additions."""
        return (self.uses_tensorflow and asked_threads(self.variables)) or self.usable_cores

    @property
    def onednn_level(self) -> str | None:
        """The level up to which oneDNN computes: what the processor has, or less where it is held to that."""
        limit = self.variables.get(ONEDNN_LIMIT)
        if self.instruction_sets is None:
            return limit
        offered = onednn_level(self.instruction_sets)
        return offered if limit is None or is_higher(limit, offered) else limit


def collect_environment(project: Path) -> Environment:
    """Describe this process and its machine, without importing any backend.

    Args:
        project: The project's folder, which holds the lock files.
    """
    return Environment(
        python=f"{platform.python_version()} {platform.python_implementation()}",
        platform=platform.platform(),
        processor=processor_model(),
        instruction_sets=offered_instruction_sets(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        gpus=_gpus(),
        lock_files={name: sha256_of_path(project / name) for name in LOCK_FILES if (project / name).exists()},
        packages=_packages(),
        variables=decisive_variables(os.environ),
    )


def decisive_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Those variables that decide threads, instruction sets, determinism and the backend, by name.

    Args:
        environment: Such as ``os.environ``, where the package has stated that oneDNN is to be used: see ``processor``.
    """
    return {name: value for name, value in sorted(environment.items()) if _is_decisive(name)}


def processor_model(information: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model, in the words of its maker where the system tells them.

    Args:
        information: What Linux says of the processors.
    """
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gpus() -> tuple[Gpu, ...]:
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_SECONDS).stdout.decode(
            "utf-8", "replace"
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    parts = (line.rsplit(",", 1) for line in told.splitlines() if "," in line)
    return tuple(Gpu(name.strip(), driver.strip()) for name, driver in parts)


def _packages() -> dict[str, str]:
    # Of several, the first on the path is the one that is imported. One that is being removed may have no name.
    found = [each for each in metadata.distributions() if each.name]
    versions = {each.name.lower().replace("_", "-"): each.version for each in reversed(found)}
    return dict(sorted(versions.items()))


def _is_decisive(name: str) -> bool:
    decisive = name in _VARIABLES or (name.startswith(_PREFIXES) and not name.startswith(_WITHOUT_INFLUENCE))
    return decisive and not any(sign in name.upper() for sign in _SECRET_SIGNS)
