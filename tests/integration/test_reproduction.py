"""The record of a run, and the verdict on two runs of one project."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from mnist_resnet.comparison.finished_runs import compare_recorded
from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.comparison.verdict import NamespaceVerdict
from mnist_resnet.data.idx import encode
from mnist_resnet.evaluation.parity import ParityError
from mnist_resnet.provenance.steps import STEPS
from mnist_resnet.reproduce.checkout import clone
from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx
from tests.conftest import PROJECT, MadeData
from tests.integration.conftest import KEDRO, REPRODUCTION, Project, clean_environment, make_project
from tests.made_repository import commit, git

pytestmark = [pytest.mark.integration, pytest.mark.landing]
SECRET = "hunter2-swordfish"
Typed = Callable[..., Result]


@dataclass(frozen=True)
class Runs(Project):
    """A project and the ids of its runs, by the names that this module gives them."""

    ids: dict[str, str] = field(default_factory=dict)

    def artifact(self, name: str, path: str) -> Path:
        return self.recorded(self.ids[name], path)

    def provenance(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.artifact(name, "provenance.json").read_text())
        return content

    def steps(self, name: str) -> dict[str, Any]:
        steps: dict[str, Any] = self.provenance(name)["namespaces"]["squares"]
        return steps

    def make(self, name: str, changes: dict[str, Any] | None = None, **options: Any) -> None:
        """Run pipelines, the whole training if nothing else is said, whatever comes of it."""
        pipelines = {"pipeline_names": ["training"], "namespaces": ["squares"]}
        with self.making(name):
            self.run(changes, **(pipelines | options))

    @contextmanager
    def making(self, name: str) -> Iterator[None]:
        """Give the one run that the block makes a name."""
        before = self.run_ids()
        try:
            yield
        finally:
            (self.ids[name],) = self.run_ids() - before

    def run_ids(self) -> set[str]:
        return {run.info.run_id for run in self.runs()}

    @contextmanager
    def rewritten(self, name: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Another record of a run while the block lasts."""
        file, record = self.artifact(name, "provenance.json"), self.provenance(name)
        content = file.read_text()
        change(record)
        file.write_text(json.dumps(record))
        yield
        file.write_text(content)

    def verdict(self, first: str, second: str, **tolerances: float) -> NamespaceVerdict:
        comparison = compare_recorded(self.ids[first], self.ids[second], self.store, Tolerances(**tolerances))
        return comparison.verdict.namespaces["squares"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData, empty_store: Path) -> Iterator[Runs]:
    """One training, the same again, and others that differ from it by one thing each."""
    runs = Runs(make_project(tmp_path_factory.mktemp("reproduction"), made_data, empty_store).folder)
    mirror = made_data.write(runs.folder / "mirror" / "squares")
    _make_repository(runs.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs.folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("MNIST_RESNET_DATA_MIRROR", str(mirror.parent))
        runs.make("first")
        runs.make("nothing to do", only_missing_outputs=True)
        runs.make("evaluated again", pipeline_names=["evaluate"])
        impossible = {"parity_tolerance": 1e-12, "parity_rounding_factor": 0.0}
        with pytest.raises(ParityError):
            runs.make("failed", {"squares": {"export": impossible}}, pipeline_names=["export"])
        runs.make("again")
        runs.make("another seed", {"squares": {"training": {"seed": 1}}})
        runs.make("another pixel", _with_another_pixel(mirror, made_data), pipeline_names=["data"])
        made_data.write(mirror)
        _commit_the_rest(runs.folder)
        runs.make("committed", {"squares": {"training": {"seed": 2, "patience": None}}})
        yield runs


def _make_repository(folder: Path) -> None:
    (folder / ".gitignore").write_text((PROJECT / ".gitignore").read_text() + "/mirror/\n")
    for name in ("conf/local/credentials.yml", "conf/base/credentials.yml", ".env"):
        (folder / name).write_text(f"password: {SECRET}\n")
    shutil.copytree(PROJECT / "src", folder / "src", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q")
    git(folder, "add", ".gitignore", "pyproject.toml", "src")
    git(folder, "commit", "-q", "-m", "First")


def _commit_the_rest(folder: Path) -> None:
    for name in ("conf/base/credentials.yml", ".env"):
        (folder / name).unlink()
    commit(folder, {})


def _with_another_pixel(mirror: Path, made_data: MadeData) -> dict[str, Any]:
    """The parameters by which training images are accepted of which one pixel differs, and these images."""
    images = made_data.arrays["train_images"].copy()
    images[0, 0, 0] ^= 1
    content = encode(images)
    (mirror / made_data.dataset.files.train_images.name).write_bytes(content)
    return {"datasets": {"squares": {"files": {"train_images": {"sha256": sha256(content).hexdigest()}}}}}


def test_a_run_records_what_it_was_made_from(runs: Runs) -> None:
    record = runs.provenance("first")
    assert (record["schema"], record["status"]) == (1, "FINISHED")
    assert record["run"]["pipeline_names"] == ["training"]
    assert record["parameters"]["squares"]["training"]["epochs"] == 2
    assert record["environment"]["packages"]["tensorflow"]
    assert record["precision"]["squares"] in {"float32", "mixed_bfloat16", "mixed_float16"}
    onnx = {"type": "mnist_resnet.datasets.OnnxDataset", "filepath": "data/06_models/squares/model.onnx"}
    assert record["catalog"]["squares.onnx"] == onnx
    assert str(runs.folder) not in json.dumps(record["catalog"])
    assert runs.provenance("another seed")["run"]["runtime_params"] == {"squares": {"training": {"seed": 1}}}


def test_a_run_records_what_each_step_came_to(runs: Runs, made_data: MadeData) -> None:
    whole = runs.steps("first")
    assert sorted(whole, key=list(STEPS).index) == list(STEPS)
    assert whole["raw_data"]["published_images"] == sha256(made_data.contents["train_images"]).hexdigest()
    probabilities = np.load(runs.artifact("first", "squares/test_probabilities.npy"))
    assert whole["probabilities"] == {"sha256": digest_of_array(probabilities), "images": 60, "classes": 3}
    assert list(whole["epochs"]) == ["1", "2"]
    assert whole["initial_weights"].keys() == whole["final_weights"].keys()
    # The file is what the last run that exported has made.
    content = (runs.folder / "data/06_models/squares/model.onnx").read_bytes()
    assert digests_of_onnx(content).items() <= runs.steps("committed")["export"].items()


def test_what_an_earlier_run_had_made_is_recorded_as_it_was_read(runs: Runs) -> None:
    whole, read, nothing_to_do = (runs.steps(name) for name in ("first", "evaluated again", "nothing to do"))
    for step in ("split", "prepared_data", "epochs", "export"):
        assert read[step].items() <= whole[step].items()
    assert "initial_weights" not in read
    for step in ("raw_data", "split", "prepared_data", "epochs", "export", "probabilities"):
        assert nothing_to_do[step] == whole[step]


def test_a_run_that_failed_records_how_far_it_came(runs: Runs) -> None:
    record = runs.provenance("failed")
    assert record["status"] == "FAILED"
    assert record["ended"] is not None
    assert runs.steps("failed")["final_weights"] == runs.steps("first")["final_weights"]
    assert "export" not in runs.steps("failed")


def test_uncommitted_source_is_kept_and_secrets_and_data_are_not(runs: Runs) -> None:
    described = runs.provenance("first")["source"]
    patch = runs.artifact("first", "uncommitted.patch")
    assert described["patch"]["sha256"] == sha256_of_path(patch)
    assert described["patch"]["left_out"] == [".env", "conf/base/credentials.yml"]
    content = patch.read_bytes()
    assert b"+++ b/conf/base/parameters.yml" in content
    assert b"b/data/" not in content
    recorded = [file for file in runs.artifact("first", "").rglob("*") if file.is_file()]
    assert [file for file in recorded if SECRET.encode() in file.read_bytes()] == []


def test_the_same_again_is_bitwise_the_same(runs: Runs) -> None:
    verdict = runs.verdict("first", "again")
    assert [step.label for step in verdict.steps if step.status != "equal"] == []
    assert (verdict.level, verdict.likely, verdict.other) == (Level.BITWISE, (), ())


@pytest.mark.parametrize(
    ("second", "step", "detail", "cause"),
    [
        ("another seed", "initial weights", "tensors", "seed squares.training.seed: 0 → 1"),
        ("another pixel", "raw data", "published_images", "parameter datasets.squares.files.train_images.sha256: "),
    ],
)
def test_what_differs_first_is_named_with_its_cause(
    runs: Runs, second: str, step: str, detail: str, cause: str
) -> None:
    verdict = runs.verdict("first", second, accuracy=0.0)
    assert verdict.level == Level.DIFFERENT
    assert verdict.first_difference is not None
    assert verdict.first_difference.label == step
    assert detail in verdict.first_difference.detail
    assert verdict.cause_in_words().startswith(cause)


@pytest.fixture
def typed(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command with the names that this module gives to runs."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(runs.folder)
    return lambda *words: runs.typed(*(runs.ids.get(word, word) for word in words))


@pytest.fixture
def compare(typed: Typed) -> Typed:
    return partial(typed, "compare")


def test_the_command_tells_the_verdict_and_the_level_asked_for(compare: Typed) -> None:
    same = compare("first", "again", "--at-least", "bitwise")
    assert same.exit_code == 0
    assert "BITWISE: base training" in same.output
    exact = ("--accuracy-tolerance", "0")
    other = compare("first", "another seed", *exact)
    assert other.exit_code == 1
    assert "seed squares.training.seed: 0 → 1" in other.output
    assert compare("first", "another seed", *exact, "--at-least", "different").exit_code == 0


def test_the_command_prints_json(compare: Typed, runs: Runs) -> None:
    ended = compare("first", "another seed", "--json", "--at-least", "different")
    document = json.loads(ended.stdout)
    assert document["second"]["run_id"] == runs.ids["another seed"]
    assert document["namespaces"]["squares"]["first_difference"]["stage"] == "initial_weights"


@pytest.mark.parametrize(
    ("second", "reason"),
    [("no such run", "run: received 'no such run'"), ("base training", "runs; type more of the id")],
)
def test_where_it_cannot_be_told_the_command_says_why(compare: Typed, second: str, reason: str) -> None:
    ended = compare("first", second)
    assert ended.exit_code == 2
    assert reason in ended.output


def test_runs_of_another_store_are_compared_where_it_is(compare: Typed, runs: Runs, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    assert compare("first", "again").exit_code == 2
    assert compare("first", "again", "--tracking-uri", runs.store).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_the_command_is_one_of_kedros(runs: Runs) -> None:
    ended = runs.kedro("compare", runs.ids["first"][:10], runs.ids["again"][:10], "--at-least", "BITWISE")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "BITWISE" in ended.stdout


@pytest.fixture
def reproduce(runs: Runs, typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    """Type ``kedro reproduce`` in a subfolder of the project; nothing may be left behind, nor changed."""
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(runs.folder / "mirror"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(runs.folder / "conf" / "base")

    def reproduce(*words: str, code: int = 0) -> Result:
        with runs.unchanged(tmp_path):
            ended = typed("reproduce", *words)
        assert ended.exit_code == code, ended.output
        return ended

    return reproduce


@pytest.mark.slow
def test_the_present_source_can_run_in_place(reproduce: Typed, runs: Runs) -> None:
    model = runs.folder / "data/06_models/squares/model.onnx"
    before = model.stat().st_mtime_ns
    reproduce("committed", "--at-least", "bitwise", "--in-place", "--strict")
    assert model.stat().st_mtime_ns > before


def _in_older_words(record: dict[str, Any]) -> None:
    model = record["parameters"]["squares"]["model"]
    model["variant"] = model.pop("architecture")


@pytest.mark.slow
def test_a_record_from_before_a_parameter_was_renamed_is_compared_and_made_again(
    reproduce: Typed, compare: Typed, runs: Runs
) -> None:
    with runs.rewritten("committed", _in_older_words):
        assert "squares.model" not in compare("committed", "again", "--json", "--at-least", "different").output
        reproduce("committed", "--at-least", "bitwise", "--in-place")


@pytest.mark.slow
def test_a_reproduction_names_no_folder_that_goes_away(
    reproduce: Typed, runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    files = _recorded_files(runs)
    with runs.making("reproduction"):
        ended = reproduce("committed", "--at-least", "bitwise")
    printed = capfd.readouterr().out
    assert "Report: squares/report.md among the artifacts of the MLflow run" in printed
    said = [line for line in (ended.output + printed).splitlines() if REPRODUCTION in line]
    assert [line for line in said if "Cloning commit" not in line] == []
    command = f"kedro reproduce {runs.ids['committed']}"
    assert runs.client.get_run(runs.ids["reproduction"]).data.tags["command"] == command
    assert runs.provenance("reproduction")["run"]["command"] == command.split()[1:]
    recorded = _recorded_files(runs) - files
    expected = {"provenance.json", "evaluation.json", "release.json", "report.md", "reproduction.md", "model.onnx"}
    assert {path.name for path in recorded} >= expected
    searched = [*recorded, runs.folder / "mlflow.db"]
    assert [path for path in searched if REPRODUCTION.encode() in path.read_bytes()] == []


def _recorded_files(runs: Runs) -> set[Path]:
    return {path for path in (runs.folder / "mlartifacts").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_verdict_below_the_one_asked_for_is_exit_code_1(reproduce: Typed, runs: Runs) -> None:
    def change(record: dict[str, Any]) -> None:
        weights = record["namespaces"]["squares"]["final_weights"]
        weights[next(iter(weights))] = "another"

    with runs.rewritten("committed", change):
        ended = reproduce("committed", "--at-least", "bitwise", code=1)
    assert "NUMERIC: reproduction of base training" in ended.output
    assert runs.client.get_run(runs.ids["committed"]).data.tags["reproduction_verdict"] == "NUMERIC"


@pytest.mark.slow
def test_a_run_that_fails_when_made_again_is_no_verdict(
    reproduce: Typed, runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw = runs.folder / "data/01_raw"
    monkeypatch.delenv("MNIST_RESNET_DATA_MIRROR")
    raw.rename(tmp_path / "raw")  # so that there are no data to be had
    with runs.making("without data"):
        ended = reproduce("committed", code=2)
    (tmp_path / "raw").rename(raw)
    assert "the reproduction, failed" in ended.output
    run = runs.client.get_run(runs.ids["without data"])
    assert run.info.status == "FAILED"
    assert "reproduction_verdict" not in run.data.tags


@pytest.mark.slow
def test_what_a_run_found_there_is_made_first(reproduce: Typed) -> None:
    ended = reproduce("evaluated again", "--at-least", "bitwise", "--trust-patch")
    assert "data,train,export" in ended.output


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("first", (), "there is no terminal to confirm it"),
        ("first", ("--strict", "--trust-patch"), "cannot be reproduced strictly here"),
        ("no such run", (), "run: received 'no such run'"),
    ],
)
def test_a_run_that_is_not_made_again_is_answered_with_the_reason(
    reproduce: Typed, runs: Runs, name: str, options: tuple[str, ...], reason: str
) -> None:
    before = runs.run_ids()
    assert reason in reproduce(name, *options, code=2).output
    assert runs.run_ids() == before


def test_a_dry_run_ends_with_the_table(reproduce: Typed, runs: Runs) -> None:
    before = runs.run_ids()
    ended = reproduce("committed", "--dry-run", "--strict")
    assert git(runs.folder, "rev-parse", "--short=12", "HEAD").decode().strip() in ended.output
    assert "WARN" not in ended.output
    assert runs.run_ids() == before


def test_a_commit_that_was_deleted_is_no_source(reproduce: Typed, runs: Runs, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", "--no-hardlinks", str(runs.folder), str(copy))
    os.chdir(copy)
    reproduce("committed", "--tracking-uri", runs.store, "--dry-run")
    forget = ("remote remove origin", "reset -q --hard HEAD~1", "reflog expire --expire=now --all", "gc -q --prune=now")
    for words in forget:
        git(copy, *words.split())
    ended = reproduce("committed", "--tracking-uri", runs.store, code=2)
    deleted = runs.provenance("committed")["source"]["commit"][:12]
    assert f"- commit: recorded {deleted}; here not in this repository: `git fetch` it" in ended.output


def test_a_shallow_repository_is_a_source_as_far_as_it_goes(runs: Runs, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", runs.folder.as_uri(), "shallow")
    recorded = runs.provenance("committed")["source"]["commit"]
    made = clone(tmp_path / "shallow", recorded, None, tmp_path / "clone")
    assert (made / "src" / "mnist_resnet" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("RUNNING", "its status is RUNNING: it is still running, or its process was killed"),
        ("FAILED", "its status is FAILED; MLflow shows how far it came"),
        ("KILLED", "its status is KILLED: it was interrupted"),
    ],
)
def test_a_run_that_did_not_finish_is_refused_with_its_reason(
    reproduce: Typed, compare: Typed, runs: Runs, status: str, reason: str
) -> None:
    client = runs.client
    unfinished = client.create_run(client.search_experiments()[0].experiment_id).info.run_id
    record = runs.provenance("committed") | {"status": "RUNNING"}
    client.log_text(unfinished, json.dumps(record), "provenance.json")
    if status != "RUNNING":
        client.set_terminated(unfinished, status)
    compared = compare("committed", unfinished)
    assert compared.exit_code == 2, compared.output
    assert reason in compared.output
    assert reason in reproduce(unfinished, code=2).output
    client.delete_run(unfinished)


def test_a_damaged_record_is_refused_by_what_it_lacks(reproduce: Typed, compare: Typed, runs: Runs) -> None:
    with runs.rewritten("committed", lambda record: record["environment"].pop("packages")):
        reproduced, compared = reproduce("committed", code=2), compare("first", "committed")
    assert compared.exit_code == 2, compared.output
    for each in (reproduced, compared):
        assert "its provenance.json is damaged: environment.packages is missing" in each.output


@pytest.mark.slow
def test_an_interruption_leaves_nothing_behind(runs: Runs, tmp_path: Path) -> None:
    variables = {"TMPDIR": str(tmp_path), "MNIST_RESNET_DATA_MIRROR": str(runs.folder / "mirror")}
    command, environment = [KEDRO, "reproduce", runs.ids["committed"]], clean_environment() | variables
    with (
        runs.making("interrupted"),
        subprocess.Popen(command, cwd=runs.folder, env=environment, start_new_session=True) as process,
    ):
        while not list(tmp_path.glob(f"{REPRODUCTION}*/repository/data/01_raw/*/*")):
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(100) == 130
    assert list(tmp_path.glob(f"{REPRODUCTION}*")) == []
    assert runs.client.get_run(runs.ids["interrupted"]).info.status == "KILLED"
