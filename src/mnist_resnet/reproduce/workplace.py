"""The place of a reproduction: a project, the Python that belongs to it, and the processes that run there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.computing.processor import set_by_user
from mnist_resnet.config import OF_ONE_RUN, OUTPUTS_VARIABLE, TEMPORARY_VARIABLE
from mnist_resnet.provenance.environment import LOCK_FILES, Environment
from mnist_resnet.provenance.git import MISLEADING_VARIABLES
from mnist_resnet.reproduce.options import Options
from mnist_resnet.reproduce.preflight import ReproductionError
from mnist_resnet.terminal.program import COMMAND_VARIABLE
from mnist_resnet.terminal.signals import exiting_on_sigterm

_ASK_FOR_PACKAGE = "import os, mnist_resnet; os.write(1, os.fsencode(mnist_resnet.__file__))"
# These would lead the run, or make, to another project, repository, run or package than its own.
_MISLEADING = (
    *(*OF_ONE_RUN, COMMAND_VARIABLE, TEMPORARY_VARIABLE, OUTPUTS_VARIABLE),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", *MISLEADING_VARIABLES),
    *("MAKEFLAGS", "MAKELEVEL"),  # of an outer make
)
_SECONDS_TO_END_BY_ITSELF, _SECONDS_TO_CLEAN_UP = 3, 60


@dataclass(frozen=True)
class Workplace:
    """A project to run in.

    Attributes:
        project: Its folder, to which the source under ``src`` belongs.
        python: The interpreter with the packages that it needs.
        scratch: A folder outside of it.
    """

    project: Path
    python: Path
    scratch: Path

    def require_own_package(self) -> None:
        """Make sure that the project's own source would run.

        Raises:
            ReproductionError: If another would.
        """
        asked = subprocess.run(
            [self.python, "-c", _ASK_FOR_PACKAGE],
            cwd=self.project,
            env=self._environment({}),
            capture_output=True,
            check=False,
        )
        found = os.fsdecode(asked.stdout)
        if not found or not Path(found).resolve().is_relative_to((self.project / "src").resolve()):
            raise ReproductionError(
                f"the recorded source cannot be run: Python does not import mnist_resnet from its src/, but found "
                f"{found or os.fsdecode(asked.stderr).strip()}"
            )

    def kedro_run(self, options: Options, variables: Mapping[str, str]) -> int:
        """Run pipelines; what they print is seen.

        Args:
            options: As ``kedro run --config`` takes them.
            variables: Of the environment, besides the present ones.

        Returns:
            The exit code.
        """
        import yaml

        file = self.scratch / "run.yml"
        file.write_text(yaml.safe_dump({"run": options}, sort_keys=False), encoding="utf-8")
        command = [str(self.python), "-m", "kedro", "run", "--config", str(file)]
        process = subprocess.Popen(command, cwd=self.project, env=self._environment(variables))
        return _wait_for(process)

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        temporary = {TEMPORARY_VARIABLE: "true"} if self.project.is_relative_to(self.scratch) else {}
        return _not_misleading() | temporary | {"PYTHONPATH": str(self.project / "src")} | dict(variables)


def choose_python(project: Path, present_locks: Mapping[str, str], recorded: Environment) -> Path:
    """The Python for a recorded run: the present one if its lock is the recorded one, else one of the project's own.

    Args:
        project: The folder of the recorded project.
        present_locks: Digests of the lock files that the present Python was installed from, by name.
        recorded: That of the run's provenance.

    Raises:
        ReproductionError: If the environment cannot be installed.
    """
    if present_locks == recorded.lock_files:
        return Path(sys.executable)
    with_gpu = any(name.startswith("nvidia-cudnn") for name in recorded.packages)
    target = f".venv/{LOCK_FILES[1]}" if with_gpu else "install"
    installing = subprocess.Popen(["make", "--directory", project, target], env=_not_misleading())
    if _wait_for(installing) != 0:
        raise ReproductionError(f"`make {target}` of the recorded commit failed; its output is above")
    return project / ".venv" / "bin" / "python"


@contextmanager
def scratch_folder(keep: bool) -> Iterator[Path]:
    """A temporary folder that is removed at the end, also where that is an error, Ctrl-C or SIGTERM.

    Args:
        keep: Whether to leave it.
    """
    folder = Path(tempfile.mkdtemp(prefix="mnist_resnet-reproduce-")).resolve()
    try:
        with exiting_on_sigterm():
            yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: "subprocess.Popen[bytes]") -> int:
    """The exit code of a process, which does not outlive this one's interruption."""
    try:
        return process.wait()
    except BaseException:
        # Ctrl-C reaches the process, too; a signal to this process alone does not.
        for seconds, end in ((_SECONDS_TO_END_BY_ITSELF, process.terminate), (_SECONDS_TO_CLEAN_UP, process.kill)):
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                end()
        process.wait()
        raise


def _not_misleading() -> dict[str, str]:
    return {name: value for name, value in set_by_user(os.environ).items() if name not in _MISLEADING}
