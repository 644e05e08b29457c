"""One training and one classification on two nodes of Ray, each started by `ray start`."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from mnist_resnet.batch_inference.answer_files import PARTS_FOLDER
from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, ClusterError, cluster
from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, Project, clean_environment
from tests.integration.scale.processes import RANK, wait_until
from tests.integration.scale.started_nodes import Nodes, two_nodes
from tests.integration.scale.test_run_on_hosts import DEVICES, SECONDS, on_two_hosts
from tests.made_model import halves_model

pytestmark = [pytest.mark.integration, pytest.mark.scale, pytest.mark.slow]
IMAGES = 4000


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with two_nodes() as nodes:
        yield nodes


@contextmanager
def typed(nodes: Nodes, words: Sequence[str | Path], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A command of a user who has named the cluster."""
    variables = clean_environment() | DEVICES | nodes.variables
    command = [KEDRO, *words]
    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def groups_held(nodes: Nodes) -> str:
    """The states of Ray's placement groups that hold cores or wait for them."""
    return nodes.told(
        "[each['state'] for each in ray.util.placement_group_table().values() if each['state'] != 'REMOVED']"
    )


def test_one_run_has_a_rank_on_each_node(squares: Project, nodes: Nodes) -> None:
    with typed(nodes, on_two_hosts(), squares.folder) as process:
        assert process.stderr
        seen = next(line for line in process.stderr if "epoch 1 of" in line)
        ranks = nodes.processes_of(RANK)
        printed = seen + process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0, printed
    assert [len(each) for each in ranks] == [1, 1]
    assert "names no cluster" not in printed
    assert (squares.folder / "data/08_reporting/squares/report.md").is_file()
    assert [run.info.status for run in squares.runs()] == ["FINISHED"]
    assert nodes.processes_of(RANK) == [[], []]
    assert groups_held(nodes) == "[]"


def test_one_command_classifies_on_both_nodes(nodes: Nodes, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8), dtype=np.uint8))
    (tmp_path / "model.onnx").write_bytes(halves_model())
    words = ["classify", tmp_path / "images.npy", "--output", tmp_path / "answers", "--model", tmp_path / "model.onnx"]
    both = False

    def seen_on_both() -> bool:
        nonlocal both
        both = both or all(nodes.processes_of(b"MapWorker"))
        return both or process.poll() is not None

    with typed(nodes, [*words, "--rows-per-part", "50", "--batch-size", "1", "--workers", "2"], PROJECT) as process:
        wait_until(seen_on_both, SECONDS)
        printed = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0, printed
    assert both
    parts = sorted((tmp_path / "answers" / PARTS_FOLDER).glob("part-*.parquet"))
    rows = [row for part in parts for row in pyarrow.parquet.read_table(part)["row_id"].to_pylist()]
    assert rows == list(range(IMAGES))


HOLDS_A_CORE = (
    "import sys; from mnist_resnet.computing.cluster import cluster\n"
    "with cluster() as ray:\n"
    "    ray.get(ray.util.placement_group([{'CPU': 1}], strategy='STRICT_PACK').ready())\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()"
)


def test_an_interruption_while_ranks_wait_for_a_node_holds_nothing_of_the_cluster(
    squares: Project, nodes: Nodes
) -> None:
    holding, variables = [sys.executable, "-c", HOLDS_A_CORE], clean_environment() | nodes.variables
    with subprocess.Popen(holding, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with typed(nodes, on_two_hosts(), squares.folder) as process:
            wait_until(lambda: "PENDING" in groups_held(nodes), SECONDS)
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == 128 + signal.SIGINT, printed
        wait_until(lambda: groups_held(nodes) == "['CREATED']", 30)
        other.communicate("")
    wait_until(lambda: groups_held(nodes) == "[]", 30)


def test_who_does_not_show_the_token_of_a_cluster_is_told_how_to(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    address = nodes.variables[ADDRESS_VARIABLE]
    refusal = rf"^--address: received '{address}', which asks for a token.*RAY_AUTH_MODE=token"
    with pytest.raises(ClusterError, match=refusal), cluster(address):
        pass
