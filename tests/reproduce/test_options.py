from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.cli.project import run as kedro_run

from mnist_resnet.reproduce.options import preparing_options, run_options
from tests.made_record import Record


def _asked(record: Record, **asked: Any) -> Record:
    nothing = {"env": None, "pipeline_names": [], "namespaces": [], "runtime_params": {}}
    return {**record, "run": nothing | asked}


def test_all_that_was_asked_is_asked_again(record: Record) -> None:
    asked = _asked(
        record,
        env="smoke",
        pipeline_names=["data", "train"],
        namespaces=["made", "other"],
        to_nodes=["made.fit"],
        tags=["train"],
        runtime_params={"made": {"training": {"seed": 0}}, "tracking": {"experiment": "mine"}},
    )
    options = run_options(asked, "an experiment")
    parameters = options.pop("params")
    assert options == {
        "env": "smoke",
        "pipelines": "data,train",
        "namespaces": "made,other",
        "to_nodes": "made.fit",
        "tags": "train",
    }
    assert parameters == record["parameters"] | {"tracking": {"enabled": True, "experiment": "an experiment"}}


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        ({}, None),
        ({"pipeline_names": ["training"]}, None),
        ({"pipeline_names": ["train", "data"]}, None),
        ({"pipeline_names": ["training"], "to_nodes": ["made.fit"]}, None),
        ({"pipeline_names": ["evaluate"]}, "data,train,export"),
        ({"pipeline_names": ["export", "evaluate"]}, "data,train"),
        ({"pipeline_names": ["data", "export"]}, "data,train"),
        ({"pipeline_names": ["train"], "node_names": ["made.fit"]}, "data,train"),
        ({"from_nodes": ["made.judge"]}, "data,train,export,evaluate"),
    ],
)
def test_what_a_run_found_there_is_made_before(record: Record, asked: dict[str, Any], before: str | None) -> None:
    options = preparing_options(_asked(record, **asked))
    assert (options and options["pipelines"]) == before
    if options:
        assert options["namespaces"] == "made"
        assert options["params"]["tracking"] == {"enabled": False}


def test_kedro_reads_from_a_file_what_was_typed(record: Record, tmp_path: Path) -> None:
    typed = {
        "env": "smoke",
        "pipeline_names": ["data", "train"],
        "namespaces": ["made"],
        "node_names": ["made.fit", "made.split"],
        "tags": ["train"],
        "from_nodes": ["made.split"],
        "to_nodes": ["made.fit"],
        "from_inputs": ["made.images"],
        "to_outputs": ["made.model", "made.history"],
    }
    values = {"patience": None, "tolerance": 1e-05, "size": [12, 12], "classes": ["0", "yes"], "momentum": 1.0}
    asked = _asked(record, **typed, runtime_params={"another": values}, only_missing_outputs=True)
    file = tmp_path / "run.yml"
    file.write_text(yaml.safe_dump({"run": run_options(asked, "an experiment")}))
    received = kedro_run.make_context("run", ["--config", str(file)]).params
    assert received["params"]["another"] == values
    assert received["params"]["made"] == record["parameters"]["made"]
    assert received.pop("pipelines") == typed.pop("pipeline_names")
    assert {name: received[name] for name in typed} == typed
    assert not received["only_missing_outputs"]
