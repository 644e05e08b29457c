"""Runs of the smoke recipe on the real data, made again for real: what comes out the same, and what is caught.

All take minutes; one of them is run on each landing.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.computing.processor import offered_instruction_sets
from tests.conftest import PROJECT
from tests.integration.conftest import Project, assert_done
from tests.made_repository import commit, git, head

pytestmark = pytest.mark.integration
WHOLE, TRAINED = ("run", "--pipelines", "training"), ("run", "--pipelines", "data,train")
SMOKE = ("--env", "smoke", "--namespaces", "mnist")
SPLIT = "src/mnist_resnet/data/split.py"
IMAGES = "data/01_raw/mnist/train-images-idx3-ubyte"
PIXEL_OF_IMAGE_5000 = 16 + 5000 * 28 * 28 + 14 * 28 + 14


@dataclass(frozen=True)
class Repository(Project):
    """The project as it is, in a repository of its own, with its own MLflow store and temporary folder."""

    temporary: Path

    def kedro(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Type ``kedro``, which runs the repository's own source."""
        own = {"PYTHONPATH": str(self.folder / "src"), "TMPDIR": str(self.temporary)}
        return super().kedro(*arguments, **(own | settings))

    def record(self, *arguments: str, **variables: str) -> str:
        """The identifier of the run that a ``kedro run`` recorded."""
        assert_done(self.kedro(*arguments, **variables))
        return str(self.runs()[0].info.run_id)

    def artifact(self, run_id: str, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.recorded(run_id, name).read_text())
        return content

    def compared(self, first: str, second: str) -> dict[str, Any]:
        """The verdict on the data set, as ``kedro compare`` tells programs."""
        ended = self.kedro("compare", first, second, "--json", "--at-least", "different")
        assert ended.returncode == 0, ended.stderr
        namespace: dict[str, Any] = json.loads(ended.stdout)["namespaces"]["mnist"]
        return namespace

    def reproduced(self, run_id: str, *options: str, code: int = 0, **variables: str) -> str:
        """Type ``kedro reproduce`` in a subfolder; what it prints. Nothing may be changed or left by it."""
        with self.unchanged(self.temporary):
            ended = self.kedro("reproduce", run_id, *options, subfolder="conf/base", **variables)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def edit(self, path: str, before: str, after: str) -> None:
        content = (self.folder / path).read_text()
        assert before in content
        (self.folder / path).write_text(content.replace(before, after))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Repository]:
    """A repository with one commit: the project's files as they are, committed or not."""
    repository = Repository(tmp_path_factory.mktemp("smoke") / "project", tmp_path_factory.mktemp("temporary"))
    names = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (repository.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, repository.folder / name)
    (repository.folder / "conf" / "local").mkdir(exist_ok=True)
    shutil.copy(empty_store, repository.folder / "mlflow.db")
    git(repository.folder, "init", "-q")
    commit(repository.folder, {})
    with pytest.MonkeyPatch.context() as patch:
        if (PROJECT / IMAGES).exists():
            patch.setenv("MNIST_RESNET_DATA_MIRROR", str(PROJECT / "data" / "01_raw"))
        yield repository


@pytest.fixture
def repository(clean: Repository) -> Iterator[Repository]:
    """The same, for a test that changes files and commits."""
    before = head(clean.folder)
    yield clean
    git(clean.folder, "reset", "-q", "--hard", before)
    git(clean.folder, "clean", "-q", "-d", "--force")


@pytest.fixture(scope="module")
def first(clean: Repository) -> str:
    """A run of the first commit."""
    return clean.record(*WHOLE, *SMOKE)


@pytest.mark.landing
def test_a_run_of_this_commit_is_made_again(repository: Repository, first: str) -> None:
    repository.reproduced(first, "--at-least", "bitwise")
    new = repository.runs()[0]
    expected = {"reproduces": first, "reproduction_verdict": "BITWISE"}
    assert expected.items() <= new.data.tags.items()
    assert repository.client.get_run(first).data.tags["reproduction_verdict"] == "BITWISE"
    assert repository.artifact(new.info.run_id, "reproduction.json")["namespaces"]["mnist"]["other_differences"] == []
    assert "reproduction.md" in {file.path for file in repository.client.list_artifacts(new.info.run_id)}


@pytest.mark.slow
def test_a_run_of_an_earlier_commit_is_made_again(repository: Repository, first: str) -> None:
    repository.edit(SPLIT, "random_state=seed,", "random_state=seed + 1,")
    commit(repository.folder, {})
    repository.reproduced(first, "--at-least", "bitwise")


@pytest.mark.slow
def test_a_run_of_uncommitted_changes_and_params_is_made_again(repository: Repository, first: str) -> None:
    offset = repository.folder / "src" / "mnist_resnet" / "data" / "offset.py"
    offset.write_text("OFFSET = 2\n")
    imported = "import numpy as np\nfrom mnist_resnet.data.offset import OFFSET\n"
    repository.edit(SPLIT, "import numpy as np\n", imported)
    repository.edit(SPLIT, "random_state=seed,", "random_state=seed + OFFSET,")
    dirty = repository.record(*WHOLE, *SMOKE, "--params", "mnist.training.seed=3")
    git(repository.folder, "checkout", "-q", ".")
    offset.unlink()
    repository.reproduced(dirty, "--at-least", "bitwise", "--trust-patch")
    # Without the changes it would not have come out the same.
    verdict = repository.compared(first, dirty)
    assert verdict["first_difference"]["label"] == "split"
    assert verdict["likely_cause"].startswith("patch: none → ")


@pytest.mark.slow
def test_another_parameter_is_named(repository: Repository, first: str) -> None:
    changed = repository.record(*TRAINED, *SMOKE, "--params", "mnist.training.learning_rate=0.1")
    verdict = repository.compared(first, changed)
    assert (verdict["verdict"], verdict["first_difference"]["label"]) == ("DIFFERENT", "epoch 1")
    assert verdict["likely_cause"] == "parameter mnist.training.learning_rate: 0.2 → 0.1"


@pytest.mark.slow
def test_another_pixel_of_image_5000_is_named(repository: Repository, first: str) -> None:
    published = repository.folder / IMAGES
    whole = published.read_bytes()
    other = bytearray(whole)
    other[PIXEL_OF_IMAGE_5000] ^= 1
    published.write_bytes(other)
    printed = repository.reproduced(first, "--strict", code=2, MNIST_RESNET_DATA_MIRROR="")
    assert "data: recorded mnist; here mnist: not as recorded in data/01_raw" in printed
    accepted = f"datasets.mnist.files.train_images.sha256={sha256(other).hexdigest()}"
    second = repository.record("run", "--pipelines", "data", *SMOKE, "--params", accepted)
    published.write_bytes(whole)
    verdict = repository.compared(first, second)
    assert verdict["first_difference"] == {"stage": "raw_data", "label": "raw data", "detail": "published_images"}
    assert verdict["likely_cause"].startswith("parameter datasets.mnist.files.train_images.sha256")


@pytest.fixture
def one_core() -> Iterator[int]:
    """What a test starts may use one core; how many it may use otherwise."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:1])
    yield len(cores)
    os.sched_setaffinity(0, cores)


# macOS does not tell, and cannot lend a process fewer.
usable_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
two_cores = pytest.mark.skipif(usable_cores < 2, reason="there is only one core to use")


@two_cores
@pytest.mark.slow
def test_a_run_of_more_cores_is_made_again(repository: Repository, first: str, one_core: int) -> None:
    printed = repository.reproduced(first, "--at-least", "bitwise")
    assert re.search(r"threads\W+PASS", printed)
    new = repository.runs()[0].info.run_id
    environment = repository.artifact(new, "provenance.json")["environment"]
    assert (environment["usable_cores"], environment["variables"]["TF_NUM_INTRAOP_THREADS"]) == (1, str(one_core))
    assert repository.artifact(new, "reproduction.json")["namespaces"]["mnist"]["other_differences"] == []


@two_cores
@pytest.mark.slow
def test_the_users_own_number_of_threads_is_kept_and_named(repository: Repository, first: str) -> None:
    printed = repository.reproduced(first, "--at-least", "bitwise", code=1, TF_NUM_INTRAOP_THREADS="1")
    assert re.search(r"environment variables\W+WARN", printed)
    verdict = repository.artifact(repository.runs()[0].info.run_id, "reproduction.json")["namespaces"]["mnist"]
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
    repository.recorded(recorded, "provenance.json").write_text(json.dumps(record))
    printed = repository.reproduced(recorded, "--at-least", "bitwise")
    assert re.search(r"instruction sets\W+WARN", printed)
    assert "oneDNN is held to AVX2 by ONEDNN_MAX_CPU_ISA" in " ".join(re.findall(r"[^\s│]+", printed))


@pytest.mark.slow
def test_another_version_of_a_package_is_named(repository: Repository, first: str, tmp_path: Path) -> None:
    overlay = _with_another_keras(tmp_path / "overlay")
    path = f"{repository.folder / 'src'}{os.pathsep}{overlay}"
    second = repository.record(*TRAINED, *SMOKE, PYTHONPATH=path)
    verdict = repository.compared(first, second)
    assert verdict["first_difference"]["label"] == "initial weights"
    assert verdict["likely_cause"] == f"package keras: {version('keras')} → 3.15.99"
    printed = repository.reproduced(second, "--strict", code=2)
    assert f"installed versions: recorded keras 3.15.99; here keras {version('keras')}" in printed


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
    commit(repository.folder, {})
    recorded = repository.record(*TRAINED, *SMOKE)
    git(repository.folder, "reset", "-q", "--hard", "HEAD~1")
    printed = repository.reproduced(recorded, "--at-least", "bitwise")
    assert "Installing its own environment: its lock file differs from the present one" in printed
    packages = repository.artifact(repository.runs()[0].info.run_id, "provenance.json")["environment"]["packages"]
    assert "tensorflow" in packages
    assert "selenium" not in packages
