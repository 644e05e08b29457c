"""Runs of the smoke recipe on the real data, made again for real: what comes out the same, and what is caught.

All take minutes; three of them are run on each landing.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mnist_resnet.computing.processor import offered_instruction_sets
from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, clean_environment, git

pytestmark = pytest.mark.integration
WHOLE, TRAINED = ("run", "--pipelines", "training"), ("run", "--pipelines", "data,train")
SMOKE = ("--env", "smoke", "--namespaces", "mnist")
SPLIT = "src/mnist_resnet/data/split.py"
IMAGES = "data/01_raw/mnist/train-images-idx3-ubyte"
PIXEL_OF_IMAGE_5000 = 16 + 5000 * 28 * 28 + 14 * 28 + 14


@dataclass(frozen=True)
class Repository:
    """The project as it is, in a repository of its own, with its own MLflow store."""

    folder: Path
    temporary: Path

    def kedro(
        self, *arguments: str, folder: str = "", confine: Callable[[], None] | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Type ``kedro`` in a folder of the repository, with its own source."""
        own = {"PYTHONPATH": str(self.folder / "src"), "TMPDIR": str(self.temporary)}
        return subprocess.run(
            [KEDRO, *arguments],
            cwd=self.folder / folder,
            env=clean_environment() | own | variables,
            preexec_fn=confine,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(f"sqlite:///{self.folder}/mlflow.db")

    def newest(self) -> mlflow.entities.Run:
        experiments = [each.experiment_id for each in self.client.search_experiments()]
        return self.client.search_runs(experiments, order_by=["start_time DESC"], max_results=1)[0]

    def record(self, *arguments: str, **variables: str) -> str:
        """The identifier of the run that a ``kedro run`` recorded."""
        ended = self.kedro(*arguments, **variables)
        if "could not be fetched from any source" in ended.stdout:
            pytest.skip(f"the data cannot be fetched here: {ended.stdout}")
        assert ended.returncode == 0, ended.stdout
        return str(self.newest().info.run_id)

    def artifact(self, run_id: str, name: str) -> dict[str, Any]:
        folder = Path(self.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
        content: dict[str, Any] = json.loads((folder / name).read_text())
        return content

    def rewrite(self, run_id: str, name: str, content: dict[str, Any]) -> None:
        folder = Path(self.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
        (folder / name).write_text(json.dumps(content))

    def compared(self, first: str, second: str) -> dict[str, Any]:
        """The verdict on the data set, as ``kedro compare`` tells programs."""
        ended = self.kedro("compare", first, second, "--json", "--at-least", "different")
        assert ended.returncode == 0, ended.stdout
        namespace: dict[str, Any] = json.loads(ended.stdout)["namespaces"]["mnist"]
        return namespace

    def reproduced(self, run_id: str, *options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Type ``kedro reproduce`` in a subfolder; neither the tree nor the repository may be changed by it."""
        before = self._state()
        ended = self.kedro("reproduce", run_id, *options, folder="conf/base", **settings)
        assert self._state() == before
        assert list(self.temporary.glob("mnist_resnet-reproduce-*")) == []
        return ended

    def _state(self) -> tuple[str, ...]:
        asked = ("status --porcelain --ignored", "rev-parse HEAD", "for-each-ref", "stash list")
        return tuple(git(self.folder, *words.split()) for words in asked)

    def edit(self, path: str, before: str, after: str) -> None:
        content = (self.folder / path).read_text()
        assert before in content
        (self.folder / path).write_text(content.replace(before, after))

    def commit(self) -> None:
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", "Another")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Repository]:
    """A repository with one commit: the project's files as they are, committed or not."""
    repository = Repository(tmp_path_factory.mktemp("smoke") / "project", tmp_path_factory.mktemp("temporary"))
    names = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (repository.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, repository.folder / name)
    (repository.folder / "conf" / "local").mkdir(exist_ok=True)
    shutil.copy(empty_store, repository.folder / "mlflow.db")
    git(repository.folder, "init", "-q")
    repository.commit()
    with pytest.MonkeyPatch.context() as patch:
        if (PROJECT / IMAGES).exists():
            patch.setenv("MNIST_RESNET_DATA_MIRROR", str(PROJECT / "data" / "01_raw"))
        yield repository


@pytest.fixture
def repository(clean: Repository) -> Iterator[Repository]:
    """The same, for a test that changes files and commits."""
    commit = git(clean.folder, "rev-parse", "HEAD").strip()
    yield clean
    git(clean.folder, "reset", "-q", "--hard", commit)
    git(clean.folder, "clean", "-q", "-d", "--force")


@pytest.fixture(scope="module")
def first(clean: Repository) -> str:
    """A run of the first commit."""
    return clean.record(*WHOLE, *SMOKE)


@pytest.mark.landing
def test_a_run_of_this_commit_is_made_again(repository: Repository, first: str) -> None:
    ended = repository.reproduced(first, "--at-least", "bitwise")
    assert ended.returncode == 0, ended.stdout
    new = repository.newest()
    expected = {"reproduces": first, "reproduction_verdict": "BITWISE"}
    assert expected.items() <= new.data.tags.items()
    assert repository.client.get_run(first).data.tags["reproduction_verdict"] == "BITWISE"
    assert repository.artifact(new.info.run_id, "reproduction.json")["namespaces"]["mnist"]["other_differences"] == []
    assert "reproduction.md" in {file.path for file in repository.client.list_artifacts(new.info.run_id)}


@pytest.mark.landing
def test_a_run_of_an_earlier_commit_is_made_again(repository: Repository, first: str) -> None:
    repository.edit(SPLIT, "random_state=seed,", "random_state=seed + 1,")
    repository.commit()
    ended = repository.reproduced(first, "--at-least", "bitwise")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.landing
def test_a_run_of_uncommitted_changes_and_params_is_made_again(repository: Repository, first: str) -> None:
    offset = repository.folder / "src" / "mnist_resnet" / "data" / "offset.py"
    offset.write_text("OFFSET = 2\n")
    imported = "import numpy as np\nfrom mnist_resnet.data.offset import OFFSET\n"
    repository.edit(SPLIT, "import numpy as np\n", imported)
    repository.edit(SPLIT, "random_state=seed,", "random_state=seed + OFFSET,")
    dirty = repository.record(*WHOLE, *SMOKE, "--params", "mnist.training.seed=3")
    git(repository.folder, "checkout", "-q", ".")
    offset.unlink()
    ended = repository.reproduced(dirty, "--at-least", "bitwise", "--trust-patch")
    assert ended.returncode == 0, ended.stdout
    # Without the changes it would not have come out the same.
    verdict = repository.compared(first, dirty)
    assert verdict["first_difference"]["label"] == "split"
    assert verdict["likely_cause"].startswith("patch: none → ")


@pytest.mark.parametrize(
    ("changed", "stage", "cause"),
    [
        ("mnist.training.seed=1", "initial weights", "seed mnist.training.seed: 0 → 1"),
        ("mnist.training.learning_rate=0.1", "epoch 1", "parameter mnist.training.learning_rate: 0.2 → 0.1"),
    ],
)
@pytest.mark.slow
def test_another_parameter_is_named(repository: Repository, first: str, changed: str, stage: str, cause: str) -> None:
    verdict = repository.compared(first, repository.record(*TRAINED, *SMOKE, "--params", changed))
    assert (verdict["verdict"], verdict["first_difference"]["label"]) == ("DIFFERENT", stage)
    assert verdict["likely_cause"] == cause


@pytest.mark.slow
def test_another_pixel_of_image_5000_is_named(repository: Repository, first: str) -> None:
    published = repository.folder / IMAGES
    whole = published.read_bytes()
    other = bytearray(whole)
    other[PIXEL_OF_IMAGE_5000] ^= 1
    published.write_bytes(other)
    ended = repository.reproduced(first, "--strict", MNIST_RESNET_DATA_MIRROR="")
    assert ended.returncode == 2, ended.stdout
    assert "data: recorded mnist; here mnist: not as recorded in data/01_raw" in ended.stdout
    accepted = f"datasets.mnist.files.train_images.sha256={sha256(other).hexdigest()}"
    second = repository.record("run", "--pipelines", "data", *SMOKE, "--params", accepted)
    published.write_bytes(whole)
    verdict = repository.compared(first, second)
    assert verdict["first_difference"] == {"stage": "raw_data", "label": "raw data", "detail": "published_images"}
    assert verdict["likely_cause"].startswith("parameter datasets.mnist.files.train_images.sha256")


def _confined_to_one_core() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


# macOS does not tell, and cannot lend a process fewer.
usable_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
two_cores = pytest.mark.skipif(usable_cores < 2, reason="there is only one core to use")


@two_cores
@pytest.mark.slow
def test_a_run_of_more_cores_is_made_again(repository: Repository, first: str) -> None:
    ended = repository.reproduced(first, "--at-least", "bitwise", confine=_confined_to_one_core)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"threads\W+PASS", ended.stdout)
    new = repository.newest().info.run_id
    environment = repository.artifact(new, "provenance.json")["environment"]
    cores = len(os.sched_getaffinity(0))
    assert (environment["usable_cores"], environment["variables"]["TF_NUM_INTRAOP_THREADS"]) == (1, str(cores))
    assert repository.artifact(new, "reproduction.json")["namespaces"]["mnist"]["other_differences"] == []


@two_cores
@pytest.mark.slow
def test_the_users_own_number_of_threads_is_kept_and_named(repository: Repository, first: str) -> None:
    ended = repository.reproduced(first, "--at-least", "bitwise", TF_NUM_INTRAOP_THREADS="1")
    assert ended.returncode == 1, ended.stdout
    assert re.search(r"environment variables\W+WARN", ended.stdout)
    verdict = repository.artifact(repository.newest().info.run_id, "reproduction.json")["namespaces"]["mnist"]
    assert verdict["first_difference"]["label"] == "epoch 1"
    assert verdict["likely_cause"] == "variable TF_NUM_INTRAOP_THREADS: None → 1"


@pytest.mark.skipif("avx512f" not in offered_instruction_sets(), reason="this processor has no more than AVX2")
@pytest.mark.slow
def test_a_run_of_lower_instruction_sets_is_made_again(repository: Repository) -> None:
    # As far as oneDNN computes, this is a processor without AVX-512: it is recorded as one.
    recorded = repository.record(*WHOLE, *SMOKE, ONEDNN_MAX_CPU_ISA="AVX2")
    record = repository.artifact(recorded, "provenance.json")
    assert record["precision"] == {"mnist": "float32"}
    del record["environment"]["variables"]["ONEDNN_MAX_CPU_ISA"]
    record["environment"]["instruction_sets"] = ["avx", "avx2", "fma"]
    repository.rewrite(recorded, "provenance.json", record)
    ended = repository.reproduced(recorded, "--at-least", "bitwise")
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"instruction sets\W+WARN", ended.stdout)
    assert "oneDNN is held to AVX2 by ONEDNN_MAX_CPU_ISA" in " ".join(re.findall(r"[^\s│]+", ended.stdout))


@pytest.mark.slow
def test_another_version_of_a_package_is_named(repository: Repository, first: str, tmp_path: Path) -> None:
    overlay = _with_another_keras(tmp_path / "overlay")
    path = f"{repository.folder / 'src'}{os.pathsep}{overlay}"
    second = repository.record(*TRAINED, *SMOKE, PYTHONPATH=path)
    verdict = repository.compared(first, second)
    assert verdict["first_difference"]["label"] == "initial weights"
    assert verdict["likely_cause"] == f"package keras: {version('keras')} → 3.15.99"
    ended = repository.reproduced(second, "--strict")
    assert ended.returncode == 2, ended.stdout
    assert f"installed versions: recorded keras 3.15.99; here keras {version('keras')}" in ended.stdout


def _with_another_keras(folder: Path) -> Path:
    """A folder with Keras of another version, which begins with other weights."""
    found = find_spec("keras")
    assert found is not None
    assert found.origin is not None
    shutil.copytree(Path(found.origin).parent, folder / "keras", copy_function=os.symlink)
    changed = folder / "keras" / "src" / "initializers" / "random_initializers.py"
    content = changed.read_text()
    changed.unlink()
    assert "scale=2.0," in content
    changed.write_text(content.replace("scale=2.0,", "scale=2.125,"))
    described = folder / "keras-3.15.99.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.15.99\n")
    return folder


@pytest.mark.slow
def test_the_environment_of_another_lock_file_is_installed(repository: Repository) -> None:
    lock = repository.folder / "requirements.lock"
    content = lock.read_text()
    lock.write_text(re.sub(r"^selenium==.*?(?=^\S)", "", content, flags=re.MULTILINE | re.DOTALL))
    assert lock.read_text() != content
    repository.commit()
    recorded = repository.record(*TRAINED, *SMOKE)
    git(repository.folder, "reset", "-q", "--hard", "HEAD~1")
    ended = repository.reproduced(recorded, "--at-least", "bitwise")
    assert ended.returncode == 0, ended.stdout
    assert "Installing its own environment: its lock file differs from the present one" in ended.stdout
    packages = repository.artifact(repository.newest().info.run_id, "provenance.json")["environment"]["packages"]
    assert "tensorflow" in packages
    assert "selenium" not in packages


@pytest.mark.slow
def test_a_failed_run_is_refused(repository: Repository, first: str) -> None:
    impossible = "mnist.export.parity_tolerance=1e-12,mnist.export.parity_rounding_factor=0.0"
    ended = repository.kedro(*WHOLE, *SMOKE, "--params", impossible)
    assert ended.returncode != 0
    failed = repository.newest().info.run_id
    assert failed != first
    ended = repository.reproduced(failed)
    assert ended.returncode == 2, ended.stdout
    assert "did not finish: its status is FAILED" in ended.stdout
