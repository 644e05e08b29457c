"""The steps of the Dockerfile, and the commands of its image: by Docker where it works, else in clean roots."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from clean_root import Stage, in_root, make_root, why_not
from dockerfile import Context, DockerfileError, Instruction, read_dockerfile, substitute

PROJECT = Path(__file__).resolve().parents[1]
# How packages are reached from here; `docker build` has its own settings.
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "REQUESTS_CA_BUNDLE")
BASE_VARIABLES = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
DRAW = "from PIL import Image; Image.new('L', (28, 28)).save('/work/black.png')"
WRITE = "import os; os.getuid() == 10001 or exit('root'); open('/opt/mnist_resnet/new', 'w')"
SMOKE = ["run", "--env", "smoke", "--namespaces", "mnist"]


class Build:
    """A build of the Dockerfile.

    Args:
        folder: An empty one, for the roots.
        arguments: As ``--build-arg`` takes them.
    """

    def __init__(self, folder: Path, arguments: dict[str, str]) -> None:
        self._folder, self._given = folder, arguments
        self._context = Context(PROJECT)
        self._global: dict[str, str] = {}
        self._stages: dict[str, Stage] = {}
        self._stage: Stage | None = None

    def make(self) -> Stage:
        """Perform all instructions; the last stage is the image."""
        for instruction in read_dockerfile(PROJECT / "Dockerfile"):
            perform: Callable[[Instruction], None] = getattr(self, f"_{instruction.name.lower()}")
            perform(instruction)
        return self._present

    @property
    def _present(self) -> Stage:
        assert self._stage is not None, "the Dockerfile has no FROM"
        return self._stage

    @property
    def _variables(self) -> dict[str, str]:
        return self._present.arguments | self._present.variables

    def _arg(self, instruction: Instruction) -> None:
        name, _, default = instruction.text.partition("=")
        declared = self._present.arguments if self._stage else self._global
        declared[name] = self._given.get(name, default or self._global.get(name, ""))

    def _from(self, instruction: Instruction) -> None:
        base, *name = substitute(instruction.text, self._global).split(" AS ")
        root = self._folder / str(len(self._stages))
        if base in self._stages:
            self._stage = deepcopy(self._stages[base])
            self._stage.root = root
            _link_all(self._stages[base].root, root)
        else:
            print(f"{base}: this machine's Python {sys.version.split()[0]} stands for it")
            make_root(root)
            self._stage = Stage(root, dict(BASE_VARIABLES))
            assert in_root(self._stage, ["ldconfig"], {}, running=False).wait() == 0  # Python may have its own library
        self._stages[name[0] if name else "image"] = self._stage

    def _env(self, instruction: Instruction) -> None:
        self._present.variables |= instruction.pairs(self._variables)

    def _label(self, instruction: Instruction) -> None:
        assert all(instruction.pairs(self._variables).values())

    def _user(self, instruction: Instruction) -> None:
        self._present.user = instruction.text

    def _workdir(self, instruction: Instruction) -> None:
        self._present.folder = instruction.text
        self._present.place(".").mkdir(parents=True, exist_ok=True)

    def _volume(self, instruction: Instruction) -> None:
        for place in instruction.words(self._variables):
            assert self._present.place(place).is_dir(), place

    def _entrypoint(self, instruction: Instruction) -> None:
        if not instruction.text.startswith("["):
            raise DockerfileError("ENTRYPOINT is no list: a shell would be process 1 and take the signals")
        self._present.entrypoint = instruction.words(self._variables)

    def _cmd(self, instruction: Instruction) -> None:
        assert instruction.words(self._variables)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words(self._variables)
        place = self._present.place(target)
        origin = self._stages.get(instruction.flags.get("from", ""))
        for source in sources:
            if origin:
                _link_all(origin.place(source), place)
                continue
            files = self._context.files(source)
            assert files, f"COPY {source}: .dockerignore leaves nothing of it"
            within = (PROJECT / source).is_dir()
            for file in files:
                made = place / (file.relative_to(source) if within else file.name)
                made.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / file, made)

    def _run(self, instruction: Instruction) -> None:
        binds = {}
        if mount := instruction.flags.get("mount"):
            kept = dict(part.split("=") for part in mount.split(","))
            cache = Path.home() / ".cache" / "uv"
            cache.mkdir(parents=True, exist_ok=True)
            assert kept == {"type": "cache", "target": "/root/.cache/uv"}, mount
            binds[kept["target"]] = cache
        network = {name: os.environ[name] for name in NETWORK if name in os.environ}
        stage = deepcopy(self._present)
        stage.variables = network | {"HOME": "/root"} | self._variables
        started = time.perf_counter()
        if in_root(stage, ["/bin/sh", "-c", instruction.text], binds, running=False).wait() != 0:
            sys.exit(f"RUN failed: {instruction.text}")
        print(f"{time.perf_counter() - started:5.1f} s  RUN {instruction.text[:90]}…", flush=True)


def _link_all(source: Path, target: Path) -> None:
    """Add the content of a folder to another, by hard links: gigabytes take seconds."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", "--remove-destination", f"{source}/.", target], check=True)


class Image:
    """What was built, and the volume of its containers.

    Args:
        stage: The last one.
        volume: A folder.
    """

    def __init__(self, stage: Stage, volume: Path) -> None:
        self._stage, self._volume = stage, volume
        volume.mkdir()
        os.chown(volume, *(int(number) for number in stage.user.split(":")))
        stage.variables |= {"HOME": "/home/mnist", "MNIST_RESNET_DATA_MIRROR": "/mirror"}

    def start(self, *words: str, entrypoint: str = "") -> "subprocess.Popen[str]":
        """Start a container."""
        first = [entrypoint] if entrypoint else self._stage.entrypoint
        binds = {
            "/work": self._volume,
            "/mirror": Path(os.environ.get("MNIST_RESNET_DATA_MIRROR", PROJECT / "data/01_raw")),
        }
        return in_root(  # type: ignore[no-any-return]
            self._stage,
            [*first, *words],
            binds,
            running=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, entrypoint: str = "", expected: int = 0) -> str:
        """What a container prints until its end."""
        started, process = time.perf_counter(), self.start(*words, entrypoint=entrypoint)
        printed, _ = process.communicate(timeout=600)
        print(
            f"{time.perf_counter() - started:5.1f} s  {entrypoint or 'mnist_resnet'} {' '.join(words)[:80]}", flush=True
        )
        if process.returncode != expected:
            sys.exit(f"{printed}\nexit code {process.returncode}, not {expected}")
        return str(printed)


def check(image: Image, volume: Path) -> None:
    """Use the image as compose.yaml does: not as root, without a network, and with a root that is read-only."""
    assert "sync-tracking" in image.run("--help")
    assert "Read-only file system" in image.run("-c", WRITE, entrypoint="python", expected=1)
    assert "the data sets are mnist" in image.run("layers", "--namespaces", "letters", expected=2)  # of recipe base
    assert "MLflow run: " in image.run(*SMOKE)
    image.run("-c", DRAW, entrypoint="python")
    assert "CPUExecutionProvider" in image.run("predict", "--env", "smoke", "black.png")
    check_signal(image, volume)


def check_signal(image: Image, volume: Path) -> None:
    """``docker stop`` closes a run as KILLED: the command is process 1, which ignores signals without a handler."""
    process = image.start(*SMOKE, "--pipelines", "train", "--params", "mnist.training.epochs=9999")
    deadline = time.monotonic() + 300
    while not list((volume / "data/recipes/smoke/06_models/mnist").glob("checkpoint/*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (child,) = subprocess.run(
        ["pgrep", "--parent", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    os.kill(int(child), signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, printed
    assert "Interrupted by SIGTERM. To continue: mnist_resnet run" in printed.replace(
        "MNIST_RESNET_CONF_SOURCE=/opt/project/conf ", ""
    ), printed
    print("SIGTERM to process 1: an orderly end")


def by_docker() -> bool:
    """Build with Docker, where its daemon answers."""
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        return False
    subprocess.run(["docker", "build", "--tag", "mnist_resnet:ci", "."], cwd=PROJECT, check=True)
    subprocess.run(["docker", "run", "--rm", "--read-only", "mnist_resnet:ci", "--help"], check=True)
    return True


def main() -> None:
    """Build and check."""
    if by_docker():
        return
    if reason := why_not():
        print(f"NOT CHECKED: the Dockerfile's steps need root and namespaces, or Docker ({reason})")
        return
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        volume = Path(folder) / "volume"
        stage = Build(
            Path(folder), {"UV_COMPILE_BYTECODE": "0", **dict(word.split("=") for word in sys.argv[1:])}
        ).make()
        check(Image(stage, volume), volume)


if __name__ == "__main__":
    main()
